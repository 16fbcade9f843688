/** Points of the plane as text, for the fragment: "0.5,1;-2,0". */

import { clamp } from "../core/state.js";

/**
 * @param {string} text
 * @param {number[]} bounds The largest |x| and |y|.
 * @returns {number[][]} Of what is no point nothing is left.
 */
export function pointsOf(text, bounds) {
  return text.split(";").flatMap((word) => {
    const numbers = word.split(",").map((part) => (part.trim() === "" ? NaN : Number(part)));
    const isPoint = numbers.length === 2 && numbers.every(Number.isFinite);
    return isPoint ? [within(numbers, bounds)] : [];
  });
}

/**
 * @param {number[][]} points
 * @param {number[]} bounds
 */
export function textOf(points, bounds) {
  const short = (/** @type {number} */ value) => String(Math.round(value * 1000) / 1000);
  return points.map((point) => within(point, bounds).map(short).join(",")).join(";");
}

/**
 * @param {number[]} point
 * @param {number[]} bounds
 */
function within(point, bounds) {
  return point.map((value, i) => clamp(value, -bounds[i], bounds[i]));
}
