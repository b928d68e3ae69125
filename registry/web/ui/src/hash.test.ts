import assert from "node:assert/strict";
import { test } from "node:test";
import { pathOfHash } from "./hash.ts";

const RUN = "0123456789abcdef".repeat(2);

test("links printed by MLflow's client", () => {
  assert.equal(pathOfHash(`#/experiments/12/runs/${RUN}`), `/runs/${RUN}`);
  assert.equal(pathOfHash(`#/experiments/12/runs/${RUN}/artifacts`), `/runs/${RUN}`);
  assert.equal(pathOfHash("#/experiments/12"), "/experiments/12");
  assert.equal(pathOfHash("#/models/digits/versions/3"), "/models/digits/versions/3");
  assert.equal(pathOfHash("#/models/two%20words/versions/12?tab=x"), "/models/two%20words/versions/12");
  assert.equal(pathOfHash("#/models/digits/versions/x"), "/models/digits");
  assert.equal(pathOfHash("#/models/digits"), "/models/digits");
  assert.equal(pathOfHash("#/models"), "/models");
});

test("other fragments stay", () => {
  for (const hash of ["", "#main", "#//evil.example", "#/experiments/x", "#/runs/../../x", "#/models/"]) {
    assert.equal(pathOfHash(hash), null, hash);
  }
});
