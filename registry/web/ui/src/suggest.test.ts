import assert from "node:assert/strict";
import { test } from "node:test";
import { suggest } from "./suggest.ts";

const KEYS = {
  attributes: ["run_name", "start_time", "status"],
  metrics: ["loss", "val loss", "val/accuracy"],
  params: ["lr", "model"],
  tags: ["team"],
};

const labels = (text: string): string[] => suggest(text, text.length, KEYS).map((each) => each.label);
const texts = (text: string): string[] => suggest(text, text.length, KEYS).map((each) => each.text);

test("an empty box offers what every run has, and the kinds of keys", () => {
  assert.deepEqual(labels("").slice(0, 5), ["run_name", "start_time", "status", "metrics.", "params."]);
});

test("keys of a kind, first those that begin with what is typed", () => {
  assert.deepEqual(labels("metrics."), ["metrics.loss", "metrics.val loss", "metrics.val/accuracy"]);
  assert.deepEqual(labels("metrics.loss < 1 AND metrics.LO"), ["metrics.loss", "metrics.val loss"]);
  assert.deepEqual(labels("(NOT max(metrics.acc"), ["metrics.val/accuracy"]);
});

test("a key is found by a part of its name alone", () => {
  assert.deepEqual(labels("mod"), ["params.model"]);
});

test("what is no plain word is quoted", () => {
  assert.deepEqual(texts("metrics.val l"), []);
  assert.deepEqual(texts("metrics.`val l"), ["metrics.`val loss` "]);
  assert.deepEqual(texts("metrics.val"), ["metrics.`val loss` ", "metrics.val/accuracy "]);
});

test("comparisons fit what is compared", () => {
  assert.equal(labels("metrics.loss ")[0], "<");
  assert.equal(labels("max(metrics.loss) ")[0], "<");
  assert.equal(labels("params.model ")[0], "=");
  assert.deepEqual(labels("params.model I"), ["ILIKE", "IN", "IS NULL", "IS NOT NULL"]);
});

test("after a comparison comes a connective, and then a key again", () => {
  assert.deepEqual(labels("metrics.loss < 1 "), ["AND", "OR"]);
  assert.deepEqual(labels("params.model = 'a b' A"), ["AND"]);
  assert.deepEqual(labels("metrics.loss BETWEEN 1 AND 2 "), ["AND", "OR"]);
  assert.deepEqual(labels("metrics.loss BETWEEN 1 AND "), []);
  assert.deepEqual(labels("params.model IN ('a', 'b') "), ["AND", "OR"]);
  assert.deepEqual(labels("params.model IS NOT NULL OR te"), ["tags.team"]);
  assert.deepEqual(labels("EXISTS(params.lr) "), ["AND", "OR"]);
});

test("inside a value nothing is offered", () => {
  assert.deepEqual(labels("params.model = 'metrics."), []);
  assert.deepEqual(labels("metrics.loss < 0."), []);
});

test("it takes the place of the word before the cursor", () => {
  const [first] = suggest("metrics.lo < 1", 10, KEYS);
  assert.deepEqual(first, { text: "metrics.loss ", label: "metrics.loss", from: 0 });
});
