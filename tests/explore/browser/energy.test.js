import test from "node:test";
import assert from "node:assert/strict";
import {
  distanceEnergy,
  hopfieldEnergy,
  modernEnergy,
  sweep,
} from "../../../src/isinglass/explore/browser/page/physics/energies.js";
import { descend, descendSigns } from "../../../src/isinglass/explore/browser/page/physics/descent.js";
import { contour } from "../../../src/isinglass/explore/browser/page/physics/contours.js";
import { overlaps, stateOfOverlaps } from "../../../src/isinglass/explore/browser/page/physics/overlaps.js";
import { close, golden } from "./golden.js";

const { beta, patterns, states, continuous, rest, letters, signs, hopfield, swept } = golden();
/** @type {Record<string, import("../../../src/isinglass/explore/browser/page/physics/energies.js").Landscape>} */
const LANDSCAPES = { distance: distanceEnergy(beta), modern: modernEnergy(beta) };

test("energies, forces and updates of states in space are Python's", () => {
  for (const [name, landscape] of Object.entries(LANDSCAPES)) {
    const of = (/** @type {"energy" | "force" | "update"} */ what) =>
      states.map((/** @type {number[]} */ x) => landscape[what](x, patterns));
    close(of("energy"), continuous[name].energies, 1e-12, `${name} energy`);
    close(of("force"), continuous[name].forces, 1e-12, `${name} force`);
    close(of("update"), continuous[name].updates, 1e-12, `${name} update`);
  }
});

test("a descent ends where Python's does, after as many steps, and never rises", () => {
  for (const [i, start] of states.entries()) {
    const ours = descend(LANDSCAPES.distance, start, patterns, "update", 1000);
    assert.equal(ours.states.length - 1, rest.steps[i]);
    close(ours.states.at(-1), rest.states[i], 1e-9);
  }
  for (const landscape of Object.values(LANDSCAPES)) {
    for (const method of /** @type {const} */ (["update", "flow"])) {
      const { energies, converged } = descend(landscape, states[0], patterns, method, 3000);
      assert.ok(converged);
      energies.forEach((energy, t) => assert.ok(t === 0 || energy <= energies[t - 1] + 1e-12));
    }
  }
});

test("Hopfield's energy and sweep are Python's", () => {
  const ours = signs.map((/** @type {number[]} */ x) => hopfieldEnergy(x, letters));
  close(ours, hopfield, 1e-12);
  const ends = signs.map((/** @type {number[]} */ x) => sweep(x, letters));
  assert.deepEqual(ends, swept);
});

test("signs turn one at a time until none would", () => {
  for (const start of signs) {
    const { states: way, energies } = descendSigns(start, letters);
    const end = /** @type {number[]} */ (way.at(-1));
    assert.deepEqual(sweep(end, letters), end);
    way.slice(1).forEach((x, t) => {
      assert.equal(x.filter((sign, i) => sign !== way[t][i]).length, 1);
      assert.ok(energies[t + 1] <= energies[t] + 1e-12);
    });
  }
});

test("a state is made of its overlaps with two patterns", () => {
  const order = letters[0].map((/** @type {number} */ _, /** @type {number} */ i) => i);
  const [first, second] = letters;
  const own = overlaps(first, [first, second]);
  assert.deepEqual(stateOfOverlaps(own, [first, second], order), first);
  for (const x of signs) {
    const target = overlaps(x, [first, second]);
    close(overlaps(stateOfOverlaps(target, [first, second], order), [first, second]), target, 1e-12);
  }
});

test("contours lie where a function has the value", () => {
  const columns = 21;
  const values = Float64Array.from({ length: columns * 15 }, (_, i) => 2 * (i % columns) + Math.floor(i / columns));
  const ends = contour(values, columns, 20.5);
  assert.ok(ends.length > 20);
  for (let i = 0; i < ends.length; i += 2) close(2 * ends[i] + ends[i + 1], 20.5, 1e-12);
});
