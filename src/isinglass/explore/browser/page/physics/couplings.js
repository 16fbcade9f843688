/**
 * The learner of couplings: `CoupledClassifier` with a small `DipoleEncoder`.
 *
 * Of each digit n, Σf and Σffᵀ of whole numbers are all that is learned, so that
 * learning, forgetting and merging are exact. docs/interference_two.md, "A learner of
 * couplings", has the equations.
 */
import { logGamma } from "./gamma.js";

const SIDE = 28;
const LEVELS = 16 * 255;
const TAPS = 512;
const RECEPTION = 64;
const COSINES = 1024;
const LENGTH = 1 << 14;
const WINDOW = 5.5;
const BLUR = 0.9;
const INK = 0.35;
const POWER = 0.4;
const NU = 100; // how many pictures the prior's covariance weighs as much as
const KAPPA = 0.3; // and its mean

// -- features --------------------------------------------------------------------------

/** Round half to even, as NumPy does. @param {number} x @returns {number} */
function rint(x) {
  const down = Math.floor(x);
  const rest = x - down;
  if (rest !== 0.5) return rest < 0.5 ? down : down + 1;
  return down % 2 ? down + 1 : down;
}

/**
 * Encode pictures by dipoles that answer so many hosts at so many places a side.
 * @param {number} hosts
 * @param {number} places
 * @returns {(pixels: Uint8Array) => Float64Array} Whole numbers, hosts + 1 by places².
 */
export function encoder(hosts, places) {
  const windows = receptionWindows(places);
  const axes = Array.from({ length: hosts }, (_, k) => {
    const angle = (2 * Math.PI * k) / hosts;
    return [rint(COSINES * Math.sin(angle)), rint(COSINES * Math.cos(angle))];
  });
  return (pixels) => {
    const blurred = blur(levels(pixels));
    const received = answers(blurred, axes).flatMap((answer) => receive(answer, windows));
    const strength = received.map((r) => rint((r / RECEPTION ** 2) ** POWER * 4096));
    const square = strength.reduce((sum, s) => sum + s * s, 0);
    const scale = LENGTH / Math.sqrt(square || 1);
    return Float64Array.from(strength, (s) => rint(s * scale));
  };
}

/** @param {Uint8Array} pixels @returns {Int32Array} */
function levels(pixels) {
  let [low, high] = [255, 0];
  for (const value of pixels) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const span = high - low || 1;
  return Int32Array.from(pixels, (value) => rint(LEVELS * ((value - low) / span)));
}

/** Blurred brightness in quarters of a level. @param {Int32Array} grey @returns {Int32Array} */
function blur(grey) {
  const radius = Math.ceil(3 * BLUR);
  const taps = Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-0.5 * ((i - radius) / BLUR) ** 2),
  );
  const sum = taps.reduce((a, b) => a + b);
  const whole = taps.map((tap) => rint((TAPS * tap) / sum));
  whole[radius] += TAPS - whole.reduce((a, b) => a + b);
  const along = (/** @type {Int32Array} */ from, /** @type {boolean} */ byRows) =>
    from.map((_, at) => {
      let total = 0;
      for (let i = 0; i < whole.length; i++) total += whole[i] * from[shifted(at, i - radius, byRows)];
      return total;
    });
  return along(along(grey, true), false).map((v) => Math.floor((v + TAPS ** 2 / 8) / (TAPS ** 2 / 4)));
}

/**
 * Where the pixel lies that is so many further, the edge repeated.
 * @param {number} at @param {number} by @param {boolean} byRows @returns {number}
 */
function shifted(at, by, byRows) {
  const column = at % SIDE;
  const row = (at - column) / SIDE;
  const clip = (/** @type {number} */ v) => Math.min(Math.max(v, 0), SIDE - 1);
  return byRows ? clip(row + by) * SIDE + column : row * SIDE + clip(column + by);
}

/**
 * Answers of the pixels to each host and, last, the ink.
 * @param {Int32Array} blurred
 * @param {number[][]} axes
 * @returns {Float64Array[]}
 */
function answers(blurred, axes) {
  const f = Math.fround; // the package computes this in single precision
  const change = (/** @type {boolean} */ byRows) =>
    blurred.map((_, at) => rint((blurred[shifted(at, 1, byRows)] - blurred[shifted(at, -1, byRows)]) / 4));
  const [down, right] = [change(true), change(false)];
  const result = axes.map(([sine, cosine]) => {
    const answer = new Float64Array(blurred.length);
    for (let i = 0; i < answer.length; i++) {
      const along = f(Math.max(down[i] * sine + right[i] * cosine, 0) / COSINES);
      const square = down[i] ** 2 + right[i] ** 2 || 1;
      answer[i] = rint(f(f(along * f(along * along)) / f(square)));
    }
    return answer;
  });
  return [...result, Float64Array.from(blurred, (v) => rint(f((v / 2) * f(INK))))];
}

/** @param {number} places @returns {number[][]} */
function receptionWindows(places) {
  return Array.from({ length: places }, (_, p) => {
    const centre = ((p + 0.5) * SIDE) / places - 0.5;
    return Array.from({ length: SIDE }, (_, i) =>
      rint(RECEPTION * Math.max(0, 1 - Math.abs(i - centre) / WINDOW)),
    );
  });
}

/** @param {Float64Array} answer @param {number[][]} windows @returns {number[]} */
function receive(answer, windows) {
  const atRows = windows.map((window) => {
    const line = new Float64Array(SIDE);
    window.forEach((weight, row) => {
      if (weight) for (let x = 0; x < SIDE; x++) line[x] += weight * answer[row * SIDE + x];
    });
    return line;
  });
  return atRows.flatMap((line) =>
    windows.map((window) => window.reduce((sum, weight, x) => sum + weight * line[x], 0)),
  );
}

// -- sums ------------------------------------------------------------------------------

/**
 * @typedef {object} PairSums What is known of one digit.
 * @property {number} count n
 * @property {Float64Array} total Σf
 * @property {Float64Array} pairs Σffᵀ, its lower triangle row by row.
 */

/** @param {number} features @returns {PairSums} */
export function emptySums(features) {
  return {
    count: 0,
    total: new Float64Array(features),
    pairs: new Float64Array((features * (features + 1)) / 2),
  };
}

/**
 * Learn a picture; with `times` −1, forget it. In place. Whole numbers below 2⁵³: exact.
 * @param {PairSums} sums
 * @param {Float64Array} features
 * @param {number} [times]
 */
export function learn(sums, features, times = 1) {
  sums.count += times;
  let at = 0;
  for (let i = 0; i < features.length; i++) {
    const value = times * features[i];
    sums.total[i] += value;
    for (let j = 0; j <= i; j++) sums.pairs[at++] += value * features[j];
  }
}

/** @param {PairSums} a @param {PairSums} b @returns {PairSums} */
export function merge(a, b) {
  return {
    count: a.count + b.count,
    total: a.total.map((v, i) => v + b.total[i]),
    pairs: a.pairs.map((v, i) => v + b.pairs[i]),
  };
}

// -- density ---------------------------------------------------------------------------

/**
 * @typedef {object} Prior
 * @property {Float64Array} mean m₀
 * @property {Float64Array} covariance Σ₀, its lower triangle row by row.
 */

/**
 * @typedef {object} Density Of the next picture of a digit, a Student t.
 * @property {Float64Array} mean m
 * @property {Float64Array} root Lower triangular root of νΣ₀ + S, row by row.
 * @property {number} constant
 * @property {number} exponent
 * @property {number} ratio
 */

/**
 * @param {PairSums} sums
 * @param {Prior} prior
 * @returns {Density}
 */
export function density(sums, prior) {
  const { count: n, total, pairs } = sums;
  const size = total.length;
  const away = total.map((v, i) => (n ? (v - n * prior.mean[i]) / n : 0));
  const pull = (KAPPA * n) / (KAPPA + n);
  const root = prior.covariance.map((v) => NU * v);
  let at = 0;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      const scatter = n ? (n * pairs[at] - total[i] * total[j]) / n : 0;
      root[at++] += scatter + pull * away[i] * away[j];
    }
  }
  const volume = factor(root, size) - priorVolume(prior);
  const ratio = (KAPPA + n) / (KAPPA + n + 1);
  const exponent = (NU + n + 2 + size) / 2;
  return {
    mean: away.map((v, i) => prior.mean[i] + (n / (KAPPA + n)) * v),
    root,
    constant:
      logGamma(exponent) - logGamma(exponent - size / 2) - volume / 2 + (size / 2) * Math.log(ratio),
    exponent,
    ratio,
  };
}

/** @type {WeakMap<Prior, number>} */
const volumes = new WeakMap();

/** log |νΣ₀| @param {Prior} prior @returns {number} */
function priorVolume(prior) {
  let volume = volumes.get(prior);
  if (volume === undefined) {
    volume = factor(prior.covariance.map((v) => NU * v), prior.mean.length);
    volumes.set(prior, volume);
  }
  return volume;
}

/**
 * Turn a lower triangle into its root (Cholesky), in place; log of the determinant.
 * @param {Float64Array} a
 * @param {number} size
 * @returns {number}
 */
function factor(a, size) {
  let volume = 0;
  for (let i = 0; i < size; i++) {
    const row = (i * (i + 1)) / 2;
    for (let j = 0; j <= i; j++) {
      const other = (j * (j + 1)) / 2;
      let sum = a[row + j];
      for (let k = 0; k < j; k++) sum -= a[row + k] * a[other + k];
      if (i === j) {
        a[row + j] = Math.sqrt(sum);
        volume += Math.log(sum);
      } else {
        a[row + j] = sum / a[other + j];
      }
    }
  }
  return volume;
}

/**
 * Evidence −E of a picture, the logarithm of its density but for a constant.
 * @param {Density} law
 * @param {Float64Array} features
 * @returns {number}
 */
export function logEvidence({ mean, root, constant, exponent, ratio }, features) {
  const solved = new Float64Array(mean.length);
  let [at, distance] = [0, 0];
  for (let i = 0; i < mean.length; i++) {
    let value = features[i] - mean[i];
    for (let j = 0; j < i; j++) value -= root[at++] * solved[j];
    value /= root[at++];
    solved[i] = value;
    distance += value * value;
  }
  return constant - exponent * Math.log1p(ratio * distance);
}
