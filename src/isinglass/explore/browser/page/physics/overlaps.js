/** States of signs by their overlaps with two patterns, and the other way round. */

import { dot } from "./energies.js";

/**
 * Overlaps m_j = ρ_j · x / n.
 *
 * @param {number[]} state
 * @param {number[][]} patterns
 */
export function overlaps(state, patterns) {
  return patterns.map((pattern) => dot(pattern, state) / state.length);
}

/**
 * A state whose overlaps with two patterns are as near to two numbers as they can be.
 *
 * Where the patterns agree, turned signs move both overlaps alike, and where they do not,
 * against one another; so the two sums over these places say how many signs to turn.
 * Which ones, `order` says: the same for all, so that states change little when dragged.
 *
 * @param {number[]} target m₁ and m₂.
 * @param {number[][]} patterns Two.
 * @param {number[]} order All places, in the order in which they are turned.
 * @returns {number[]}
 */
export function stateOfOverlaps([first, second], patterns, order) {
  const [a, b] = patterns;
  const n = a.length;
  const state = [...a];
  for (const agreement of [1, -1]) {
    const places = order.filter((i) => a[i] * b[i] === agreement);
    const sum = (n * (first + agreement * second)) / 2; // of ρ₁ x over these places
    const turned = Math.round((places.length - sum) / 2);
    for (const i of places.slice(0, Math.max(0, turned))) state[i] = -a[i];
  }
  return state;
}

/**
 * Whether states of signs can have these overlaps with two patterns, but for rounding.
 *
 * @param {number} first
 * @param {number} second
 * @param {number} overlap That of the two patterns.
 */
export function isReachable(first, second, overlap) {
  return Math.abs(first + second) <= 1 + overlap && Math.abs(first - second) <= 1 - overlap;
}
