/** Where an orbit of the mean field ends: its points, its exponent, its period. */

import { Tangent } from "./tangent.js";

/** @typedef {import("./meanfield.js").Orbit} Orbit */
/** @typedef {import("./meanfield.js").Network} Network */

const LONGEST = 512; // steps of a cycle that is recognised
const SAME = 1e-9; // how near an orbit comes to itself in a cycle
const STRETCH = 64; // steps between two pauses

/**
 * @typedef {object} Attractor
 * @property {Float64Array[]} components Of the attention, over the steps measured.
 * @property {number} exponent Largest Lyapunov exponent, nats per step.
 * @property {number} period Of a cycle, in steps; 0 for what is none.
 */

/**
 * Let an orbit settle, then measure it. A generator, so that it can pause.
 *
 * @param {Orbit} orbit Goes on by both numbers of steps.
 * @param {number} transient Steps that are not measured.
 * @param {number} steps Steps that are.
 * @returns {Generator<void, Attractor, void>}
 */
export function* measured(orbit, transient, steps) {
  const tangent = new Tangent(orbit);
  for (let t = 0; t < transient; t++) {
    tangent.step();
    if (t % STRETCH === 0) yield;
  }
  tangent.reset();
  const components = Array.from({ length: orbit.patterns }, () => new Float64Array(steps));
  for (let t = 0; t < steps; t++) {
    const attention = tangent.step();
    for (let a = 0; a < components.length; a++) components[a][t] = attention[a];
    if (t % STRETCH === 0) yield;
  }
  return { components, exponent: tangent.exponent, period: periodOf(components) };
}

/**
 * Run a generator through, without pausing.
 *
 * @template T
 * @param {Generator<void, T, void>} steps
 * @returns {T}
 */
export function atOnce(steps) {
  let next = steps.next();
  while (!next.done) next = steps.next();
  return next.value;
}

/**
 * Least number of steps after which an orbit is where it was, at its end and all through
 * the last such number of steps; 0 if there is none.
 *
 * @param {Float64Array[]} components
 */
export function periodOf(components) {
  const steps = components[0].length;
  for (let period = 1; period <= LONGEST && 2 * period < steps; period++) {
    if (returns(components, period)) return period;
  }
  return 0;
}

/**
 * @param {Float64Array[]} components
 * @param {number} period
 */
function returns(components, period) {
  const end = components[0].length - 1;
  for (let back = 0; back < Math.max(period, 32); back++) {
    for (const values of components) {
      if (!(Math.abs(values[end - back] - values[end - back - period]) < SAME)) return false;
    }
  }
  return true;
}

/**
 * A window to begin with that is drawn at random, each attention uniform in [−1, 1].
 *
 * @param {Network} network
 * @param {() => number} uniform
 */
export function randomWindow(network, uniform) {
  return Array.from({ length: network.length }, () =>
    network.signs[0].map(() => 2 * uniform() - 1),
  );
}
