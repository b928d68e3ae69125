import assert from "node:assert/strict";
import { test } from "node:test";
import { interpolate, line, near, newer, positions, smooth, type Series } from "./series.ts";

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

test("a value that is alone lies in the middle of its axis", () => {
  assert.deepEqual(near(0.5), [0.45, 0.55]);
  assert.deepEqual(near(-2), [-2.2, -1.8]);
  assert.deepEqual(near(0), [-1, 1]);
});

test("the three axes", () => {
  assert.deepEqual(positions(series, "step"), [0, 1, 2]);
  assert.deepEqual(positions(series, "time"), [60, 180, 120]);
  assert.deepEqual(positions(series, "relative"), [0, 2, 1]);
  assert.deepEqual(positions(series, "relative", { start: 0 }), [1, 3, 2]);
});

const linear = { logX: false, logY: false };

test("a line goes from left to right, with gaps where there is no number", () => {
  assert.deepEqual(line(series, "step", linear), { x: [0, 1, 2], y: [1, null, -2], low: null, high: null });
  const relative = line(series, "relative", linear);
  assert.deepEqual([relative.x, relative.y], [[0, 1, 2], [1, -2, null]]);
});

test("the band goes with its line", () => {
  const banded = { ...series, low: [0, "NaN" as const, -3], high: [2, "Infinity" as const, -1] };
  const drawn = line(banded, "relative", linear);
  assert.deepEqual([drawn.low, drawn.high], [[0, -3, null], [2, -1, null]]);
});

test("a logarithmic axis has no place for zero and below", () => {
  assert.deepEqual(line(series, "step", { logX: false, logY: true }).y, [1, null, null]);
  assert.deepEqual(line(series, "step", { logX: true, logY: false }).x, [1, 2]);
});

test("another metric as the axis lies on straight lines between its points", () => {
  const along = { ...series, step: [0, 4], timestamp: [0, 0], value: [10, 20] };
  assert.deepEqual(interpolate(along, [-1, 0, 1, 4, 5]), [null, 10, 12.5, 20, null]);
  assert.deepEqual(line(series, "metric", linear, { along }).x, [10, 12.5, 15]);
  assert.deepEqual(line(series, "metric", linear).x, []);
  assert.deepEqual(interpolate({ ...along, value: ["NaN", 20] }, [0, 4]), [null, 20]);
  assert.deepEqual(interpolate({ ...along, step: [], value: [] }, [0]), [null]);
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
