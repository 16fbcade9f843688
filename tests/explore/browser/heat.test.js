import test from "node:test";
import assert from "node:assert/strict";
import {
  conduct,
  plateOf,
  squaredFrequencies,
  total,
} from "../../../src/isinglass/explore/browser/page/physics/heat.js";
import { dropsOf } from "../../../src/isinglass/explore/browser/page/panels/heat.js";
import { close, golden } from "./golden.js";

const { size, conductivities, plate, after, squares } = golden();
const SPECTRA = /** @type {const} */ (["continuous", "graph"]);

test("plates conduct as Python's do, in both spectra", () => {
  for (const spectrum of SPECTRA) {
    close(squaredFrequencies(size, spectrum), squares[spectrum], 1e-12, spectrum);
    for (const [i, k] of conductivities.entries()) {
      close(conduct(plate, size, k, spectrum), after[spectrum][i], 1e-12, `${spectrum}, k = ${k}`);
    }
  }
});

test("heat is conserved, and the graph is never colder than nothing", () => {
  const field = plateOf([[8, 8], [0, 23], [8, 8]], size);
  for (const k of conductivities) {
    for (const spectrum of SPECTRA) {
      const now = conduct(field, size, k, spectrum);
      close(total(now), 3, 1e-12, `heat, ${spectrum}, k = ${k}`);
      if (spectrum === "graph") assert.ok(Math.min(...now) > -1e-14);
    }
  }
  assert.ok(Math.min(...conduct(field, size, 0.1, "continuous")) < -0.01);
});

test("what is no cell is left out of a fragment", () => {
  assert.deepEqual(dropsOf("8,8;9,16"), [[8, 8], [9, 16]]);
  assert.deepEqual(dropsOf(";a;1;24,0;-1,3;0.5,2;3,,;,2;23,0"), [[23, 0]]);
});
