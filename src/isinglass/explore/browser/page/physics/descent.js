/** Going down an energy, step by step, until nothing moves. */

import { hopfieldEnergy, sweep } from "./energies.js";

/** @typedef {import("./energies.js").Landscape} Landscape */

const TOLERANCE = 1e-5; // of `isinglass.energy.descend`: of a step's length over 1 + |x|

/**
 * @typedef {object} Descent
 * @property {number[][]} states From the first to the last.
 * @property {number[]} energies Of these.
 * @property {boolean} converged Whether nothing moved at the end.
 */

/**
 * @param {Landscape} landscape
 * @param {number[]} start
 * @param {number[][]} patterns
 * @param {"update" | "flow"} method Soft means, or Euler's steps along the force.
 * @param {number} most Steps.
 * @returns {Descent}
 */
export function descend(landscape, start, patterns, method, most) {
  const size = method === "flow" ? 0.1 / landscape.smoothness : 1;
  const states = [start];
  let state = start;
  let converged = false;
  for (let count = 0; count < most && !converged; count++) {
    const next = stepped(landscape, state, patterns, method, size);
    const residual = Math.hypot(...next.map((value, i) => value - state[i])) / size;
    converged = residual <= TOLERANCE * (1 + Math.hypot(...state));
    states.push(next);
    state = next;
  }
  return { states, energies: states.map((x) => landscape.energy(x, patterns)), converged };
}

/**
 * @param {Landscape} landscape
 * @param {number[]} state
 * @param {number[][]} patterns
 * @param {"update" | "flow"} method
 * @param {number} size
 */
function stepped(landscape, state, patterns, method, size) {
  if (method === "update") return landscape.update(state, patterns);
  const force = landscape.force(state, patterns);
  return state.map((value, i) => value + size * force[i]);
}

/**
 * Sweeps over all signs, with a state for each sign that turns.
 *
 * @param {number[]} start Signs.
 * @param {number[][]} patterns
 * @returns {Descent}
 */
export function descendSigns(start, patterns) {
  const states = [start];
  let state = start;
  for (let isMoving = true; isMoving; ) {
    isMoving = false;
    const turning = [...state];
    state = sweep(state, patterns, (place) => {
      turning[place] = -turning[place];
      states.push([...turning]);
      isMoving = true;
    });
  }
  return { states, energies: states.map((x) => hopfieldEnergy(x, patterns)), converged: true };
}
