/**
 * The learner of routes: `InterferenceClassifier` with a uniform prior of routes.
 *
 * A picture of 28 × 28 is cut into 9 × 9 patches of 3 × 3 pixels, each a unit dipole.
 * What is learned is how often each was similar, neutral and opposite to the field, by
 * class: whole numbers, so that learning, forgetting and merging are exact.
 * docs/interference.md has the equations.
 */

export const DIGITS = 10;
export const GRID = 9;
export const SOURCES = GRID * GRID;
export const DURATIONS = 25;
const SIDE = 28;
const PATCH = 3;
const PIXELS = PATCH * PATCH;
const THRESHOLD = 0.7;
const ROUNDING = 1e-12;
const BLANK = 1e-9 * 255;
// Of predict_proba (systems/interference/calibration.py).
const [SHARE, EXTRA] = [0.025, 3];

/**
 * @typedef {object} Dipoles
 * @property {Float64Array} direction Unit vectors, (81, 9); zeros for a blank patch.
 * @property {Int8Array} kind 0 similar to the field, 1 neutral, 2 opposite, (81).
 */

/**
 * @typedef {object} RouteModel
 * @property {Float64Array} count Pictures learned of each digit, (10).
 * @property {Float64Array} tally How often each source was of each kind, (10, 81, 3).
 */

/**
 * Cut a picture into dipoles.
 * @param {Uint8Array} pixels (28, 28)
 * @returns {Dipoles}
 */
export function encode(pixels) {
  const crop = GRID * PATCH;
  let total = 0;
  for (let y = 0; y < crop; y++) for (let x = 0; x < crop; x++) total += pixels[y * SIDE + x];
  const mean = total / (crop * crop);
  const direction = new Float64Array(SOURCES * PIXELS);
  const kind = new Int8Array(SOURCES);
  for (let s = 0; s < SOURCES; s++) {
    const corner = Math.floor(s / GRID) * PATCH * SIDE + (s % GRID) * PATCH;
    let [sum, squares] = [0, 0];
    for (let d = 0; d < PIXELS; d++) {
      const value = pixels[corner + Math.floor(d / PATCH) * SIDE + (d % PATCH)] - mean;
      direction[s * PIXELS + d] = value;
      sum += value;
      squares += value * value;
    }
    const length = Math.sqrt(squares);
    const scale = length > BLANK ? 1 / length : 0;
    for (let d = 0; d < PIXELS; d++) direction[s * PIXELS + d] *= scale;
    const similarity = (sum * scale) / Math.sqrt(PIXELS);
    kind[s] = similarity >= THRESHOLD - ROUNDING ? 0 : -similarity >= THRESHOLD - ROUNDING ? 2 : 1;
  }
  return { direction, kind };
}

/** @returns {RouteModel} A model that has learned nothing. */
export function empty() {
  return { count: new Float64Array(DIGITS), tally: new Float64Array(DIGITS * SOURCES * 3) };
}

/**
 * Learn a picture of a digit; with `times` −1, forget it. In place.
 * @param {RouteModel} model
 * @param {Dipoles} dipoles
 * @param {number} digit
 * @param {number} [times]
 */
export function learn(model, dipoles, digit, times = 1) {
  model.count[digit] += times;
  for (let s = 0; s < SOURCES; s++) {
    model.tally[(digit * SOURCES + s) * 3 + dipoles.kind[s]] += times;
  }
}

/**
 * The model that has learned what both have.
 * @param {RouteModel} a
 * @param {RouteModel} b
 * @returns {RouteModel}
 */
export function merge(a, b) {
  return {
    count: a.count.map((n, i) => n + b.count[i]),
    tally: a.tally.map((n, i) => n + b.tally[i]),
  };
}

/**
 * Where ten targets stand: at equal arcs on a frame one step outside of the sources.
 * @param {number} digit
 * @returns {[number, number]} Row and column from the centre, in patches.
 */
export function targetPlace(digit) {
  const half = (GRID + 1) / 2;
  const side = 2 * half;
  const arc = (digit * 4 * side) / DIGITS;
  const along = arc % side;
  switch (Math.floor(arc / side)) {
    case 0:
      return [-half + along, -half];
    case 1:
      return [half, -half + along];
    case 2:
      return [half - along, half];
    default:
      return [-half, half - along];
  }
}

/** @param {number} source @returns {[number, number]} Row and column from the centre. */
export function sourcePlace(source) {
  const centre = (GRID - 1) / 2;
  return [Math.floor(source / GRID) - centre, (source % GRID) - centre];
}

/** First duration that is long enough, (10, 81): Manhattan distance at speed 1. */
export const FIRST = Int32Array.from({ length: DIGITS * SOURCES }, (_, i) => {
  const [a, b] = targetPlace(Math.floor(i / SOURCES));
  const [c, d] = sourcePlace(i % SOURCES);
  return Math.ceil(Math.abs(a - c) + Math.abs(b - d) - 1e-9);
});

/**
 * Share of its signals that each source sends to each target in time, (10, 81). They
 * are spread evenly over the durations that are long enough.
 * @param {RouteModel} model
 * @param {ArrayLike<number>} gains Evidence of a source that is always similar, …
 * @returns {Float64Array}
 */
export function inTime(model, gains) {
  return Float64Array.from(FIRST, (first, i) => {
    const samples = model.count[Math.floor(i / SOURCES)] || 1;
    let evidence = 0;
    for (let k = 0; k < 3; k++) evidence += model.tally[3 * i + k] * gains[k];
    evidence /= samples;
    const odds = ((DURATIONS - first) / first) * Math.exp(evidence);
    return first ? odds / (1 + odds) : 1;
  });
}

/**
 * Energy J_y(t) at every target and time per signal sent, (10, 25): Eqs. 2 and 3.
 * @param {Float64Array} shares Of `inTime`.
 * @param {Dipoles} dipoles
 * @returns {Float64Array}
 */
export function energies(shares, dipoles) {
  const result = new Float64Array(DIGITS * DURATIONS);
  for (let digit = 0; digit < DIGITS; digit++) energyAt(digit, shares, dipoles, result);
  return result;
}

/**
 * @param {number} digit
 * @param {Float64Array} shares
 * @param {Dipoles} dipoles
 * @param {Float64Array} result
 */
function energyAt(digit, shares, { direction, kind }, result) {
  const [friends, others] = [new Float64Array(PIXELS), new Float64Array(PIXELS)];
  let [count, heard] = [0, 0];
  for (let t = 0; t < DURATIONS; t++) {
    for (let s = 0; s < SOURCES; s++) {
      const first = FIRST[digit * SOURCES + s];
      if (first !== t) continue;
      const strength = shares[digit * SOURCES + s] / (DURATIONS - first);
      const at = s * PIXELS;
      if (kind[s] === 0) {
        count++;
        heard += strength;
        for (let d = 0; d < PIXELS; d++) friends[d] += direction[at + d];
      } else {
        for (let d = 0; d < PIXELS; d++) others[d] += strength * direction[at + d];
      }
    }
    let met = 0;
    for (let d = 0; d < PIXELS; d++) {
      met += others[d] * (count ? friends[d] / count : 1 / Math.sqrt(PIXELS));
    }
    result[digit * DURATIONS + t] = heard + met;
  }
}

/**
 * Largest energy of each target, (10).
 * @param {Float64Array} curves Of `energies`.
 * @returns {number[]}
 */
export function peaks(curves) {
  return Array.from({ length: DIGITS }, (_, y) =>
    Math.max(...curves.subarray(y * DURATIONS, (y + 1) * DURATIONS)),
  );
}

/**
 * Temperature of the energies per signal, a function of what was learned.
 * @param {RouteModel} model
 * @param {Float64Array} shares
 * @returns {number}
 */
export function temperature(model, shares) {
  let spread = 0;
  for (let s = 0; s < SOURCES; s++) {
    let [sum, squares] = [0, 0];
    for (let y = 0; y < DIGITS; y++) sum += shares[y * SOURCES + s];
    for (let y = 0; y < DIGITS; y++) squares += (shares[y * SOURCES + s] - sum / DIGITS) ** 2;
    spread += squares / DIGITS;
  }
  const learned = [...model.count].filter((n) => n > 0);
  const doubt = learned.length
    ? learned.reduce((sum, n) => sum + 1 / n, 0) / learned.length
    : 1;
  return SHARE * Math.sqrt(spread) * Math.sqrt(1 + EXTRA * doubt);
}
