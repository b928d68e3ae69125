import assert from "node:assert/strict";
import { test } from "node:test";
import { arrange, find } from "./groups.ts";

const keys = ["acc", "train/acc", "train/loss", "val/loss"];
const none = new Set<string>();

test("found by a part, whatever its case, or by a pattern", () => {
  assert.deepEqual(find(keys, ""), keys);
  assert.deepEqual(find(keys, "LOSS"), ["train/loss", "val/loss"]);
  assert.deepEqual(find(keys, "/^(train|val).*loss$/"), ["train/loss", "val/loss"]);
  assert.deepEqual(find(keys, "/"), ["train/acc", "train/loss", "val/loss"]);
  assert.throws(() => find(keys, "/(/"), SyntaxError);
});

test("grouped by what stands before the slash", () => {
  assert.deepEqual(arrange(keys, "", "", none), [
    { name: "", keys: ["acc"] },
    { name: "train", keys: ["train/acc", "train/loss"] },
    { name: "val", keys: ["val/loss"] },
  ]);
  assert.deepEqual(arrange(["system/gpu/0", "system/cpu"], "", "system/", none).map(({ name }) => name), ["", "gpu"]);
});

test("grouped by a pattern, with pins before all", () => {
  assert.deepEqual(arrange(keys, "/?(\\w+)$", "", new Set(["val/loss"])), [
    { name: "Pinned", keys: ["val/loss"] },
    { name: "acc", keys: ["acc", "train/acc"] },
    { name: "loss", keys: ["train/loss"] },
  ]);
  assert.deepEqual(arrange(keys, "^a.", "", none).map(({ name }) => name), ["", "ac"]);
  assert.throws(() => arrange(keys, "(", "", none), SyntaxError);
});
