/** A bifurcation diagram of the mean field over β, column by column. */

import { Orbit } from "./meanfield.js";
import { Tangent } from "./tangent.js";

/** @typedef {import("./meanfield.js").Network} Network */
/** @typedef {import("./meanfield.js").Parameters} Parameters */

/**
 * @typedef {object} Column Of the diagram, at one β.
 * @property {number} beta
 * @property {Float64Array} points A₁ whenever the clock of the positional bits is at 0.
 * @property {number} exponent Largest Lyapunov exponent.
 * @property {number[][]} window Where the orbit ended, for another to go on from.
 *
 * @typedef {object} Plan
 * @property {Network} network
 * @property {Parameters} parameters β aside.
 * @property {number[]} betas Ascending.
 * @property {"up" | "down" | undefined} follow Begin each column where its neighbour
 *   ended; else with `start`.
 * @property {(orbit: Orbit) => void} start Set an orbit to where it begins.
 * @property {number} transient Steps before a column is measured.
 * @property {number} steps Steps that are.
 */

/**
 * Fill columns: of orbits that are followed one beside the other, else coarsely first.
 *
 * @param {Plan} plan
 * @param {(Column | undefined)[]} columns By place in `betas`.
 * @returns {Generator<void, void, void>}
 */
export function* fillColumns(plan, columns) {
  const count = plan.betas.length;
  /** @type {number[][] | undefined} */
  let window;
  for (const place of plan.follow ? along(count, plan.follow) : coarseFirst(count)) {
    const orbit = new Orbit(plan.network, { ...plan.parameters, beta: plan.betas[place] });
    if (window) orbit.startFromWindow(window, 0);
    else plan.start(orbit);
    columns[place] = column(orbit, plan.transient, plan.steps);
    if (plan.follow) window = columns[place]?.window;
    yield;
  }
}

/**
 * @param {Orbit} orbit
 * @param {number} transient
 * @param {number} steps
 * @returns {Column}
 */
function column(orbit, transient, steps) {
  const { period } = orbit.network;
  for (let t = 0; t < transient || orbit.phase !== 0; t++) orbit.step();
  const tangent = new Tangent(orbit);
  for (let t = 0; t < 64; t++) tangent.step(); // until it points where it grows most
  tangent.reset();
  const points = new Float64Array(Math.floor(steps / period));
  for (let i = 0; i < points.length; i++) {
    for (let t = 1; t < period; t++) tangent.step();
    points[i] = tangent.step()[0];
  }
  return {
    beta: orbit.parameters.beta,
    points,
    exponent: tangent.exponent,
    window: orbit.window, // at phase 0
  };
}

/**
 * @param {number} count
 * @param {"up" | "down"} direction
 */
function along(count, direction) {
  const places = Array.from({ length: count }, (_, place) => place);
  return direction === "up" ? places : places.reverse();
}

/**
 * All places, every 32nd first, then those between.
 *
 * @param {number} count
 */
export function coarseFirst(count) {
  const places = [];
  for (let step = 32; step >= 1; step /= 2) {
    for (let place = 0; place < count; place += step) {
      if (step === 32 || place % (2 * step) !== 0) places.push(place);
    }
  }
  return places;
}
