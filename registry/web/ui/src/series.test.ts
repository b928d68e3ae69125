import assert from "node:assert/strict";
import { test } from "node:test";
import { line, newer, positions, smooth, type Series } from "./series.ts";

const series: Series = {
  run_id: "r",
  key: "loss",
  received: 3,
  points: 3,
  step: [0, 1, 2],
  timestamp: [60_000, 180_000, 120_000],
  value: [1, "NaN", -2],
};

test("what did not change stays as it is", () => {
  const other = { ...series, key: "other" };
  const old = [series, other];
  assert.equal(newer(old, [{ run_id: "r", key: "k", received: 3 }, { run_id: "r", key: "o", received: 3 }]), old);
  const changed = { ...other, received: 4 };
  assert.deepEqual(newer(old, [{ run_id: "r", key: "k", received: 3 }, changed]), [series, changed]);
});

test("the three axes", () => {
  assert.deepEqual(positions(series, "step"), [0, 1, 2]);
  assert.deepEqual(positions(series, "time"), [60, 180, 120]);
  assert.deepEqual(positions(series, "relative"), [0, 2, 1]);
});

test("a line goes from left to right, with gaps where there is no number", () => {
  assert.deepEqual(line(series, "step", false), [[0, 1, 2], [1, null, -2]]);
  assert.deepEqual(line(series, "relative", false), [[0, 1, 2], [1, -2, null]]);
});

test("a logarithmic axis has no place for zero and below", () => {
  assert.deepEqual(line(series, "step", true)[1], [1, null, null]);
});

test("smoothing keeps a constant, follows the rest late, and never fills a gap", () => {
  assert.deepEqual(smooth([2, 2, 2], 0.9).map((value) => Math.round((value ?? 0) * 1e9) / 1e9), [2, 2, 2]);
  const stepped = smooth([0, 0, 1, null, 1], 0.5);
  assert.equal(stepped[3], null);
  assert.ok((stepped[2] ?? 0) > 0 && (stepped[2] ?? 0) < 1);
  assert.ok((stepped[4] ?? 0) > (stepped[2] ?? 0));
  const same = [1, 2];
  assert.equal(smooth(same, 0), same);
});
