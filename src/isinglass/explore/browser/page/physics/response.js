/**
 * The response of a mean-field tensor to its host: Tang 2020, Eq. 6.
 *
 * μ = tanh(xμ + h) with the coupling x = βn̄ and the field h = βB. With u = artanh μ it
 * is h = u − x tanh u, which folds back where x(1 − μ²) = 1.
 */

const SMALL = 0.1; // mean fields below which a series replaces a difference of near equals
const TERMS = 12;

/**
 * @typedef {object} Fold
 * @property {number} meanField μ_s: the upper branch ends there, the lower at −μ_s.
 * @property {number} field h_s: the upper branch ends at −h_s, the lower at h_s.
 */

/**
 * Where the two branches that last end; zeros where there is one branch alone.
 * @param {number} x
 * @returns {Fold}
 */
export function fold(x) {
  if (!(x > 1)) return { meanField: 0, field: 0 };
  const meanField = Math.sqrt(1 - 1 / x);
  return { meanField, field: foldField(x, meanField) };
}

/** @param {number} x @param {number} meanField @returns {number} */
function foldField(x, meanField) {
  if (meanField >= SMALL) return x * meanField - foldPlace(x);
  const square = meanField * meanField;
  let series = 0;
  for (let k = TERMS; k > 0; k--) series = square * ((2 * k) / (2 * k + 1) + series);
  return meanField * series;
}

/** @param {number} x @returns {number} */
function foldPlace(x) {
  return Math.log(Math.sqrt(x) + Math.sqrt(x - 1));
}

/**
 * @typedef {object} Solutions
 * @property {number} lower The lower branch, which lasts up to h_s; NaN where absent.
 * @property {number} middle The solution that does not last.
 * @property {number} upper The upper branch, which lasts down to −h_s.
 */

/**
 * All solutions of μ = tanh(xμ + h).
 * @param {number} x
 * @param {number} h
 * @returns {Solutions}
 */
export function solutions(x, h) {
  const strength = Math.abs(h);
  const stable = Math.tanh(halley(x, strength, stableStart(x, strength), 4));
  const [outer, middle] = pair(x, strength);
  if (h < 0) return { lower: -stable, middle: -middle, upper: -outer };
  return { lower: outer, middle, upper: stable };
}

/** @param {number} x @param {number} h @returns {number} */
function stableStart(x, h) {
  // Near x = 1 the equation is a cubic; far from it tanh u is 1.
  const cubic = Math.sqrt(3 * Math.max(x - 1, 0)) + Math.cbrt(3 * h);
  const start = Math.min(cubic, h + x);
  return x < 1 ? Math.min(start, h / (1 - x)) : start;
}

/**
 * The two solutions against the field, for h ≥ 0; NaN where there are none.
 * @param {number} x
 * @param {number} h
 * @returns {[number, number]}
 */
function pair(x, h) {
  const { meanField, field } = fold(x);
  const distance = field - h;
  if (!(x > 1) || distance < 0) return [NaN, NaN];
  const place = foldPlace(x);
  const step = Math.sqrt(distance / meanField);
  const bend = ((1 - 3 * meanField * meanField) / (6 * meanField)) * step * step;
  const above = Math.max(place + step - bend, place + 0.3 * step);
  const below = place * (1 - Math.tanh(step / place));
  const outer = halley(x, -h, Math.min(above, x - h), 3);
  const inner = halley(x, -h, Math.max(below, h / (x - 1)), 5);
  return [
    -Math.tanh(Math.max(outer, place)),
    -Math.tanh(Math.min(Math.max(inner, 0), place)),
  ];
}

/**
 * Halley's method for u − x tanh u = h.
 * @param {number} x
 * @param {number} h
 * @param {number} u
 * @param {number} steps
 * @returns {number}
 */
function halley(x, h, u, steps) {
  for (let i = 0; i < steps; i++) {
    const t = Math.tanh(u);
    const steepness = 1 - t * t;
    const residual = u - x * t - h;
    const slope = 1 - x * steepness;
    const below = slope * slope - residual * x * t * steepness;
    u -= (residual * slope) / (below === 0 ? 1 : below);
  }
  return u;
}

/**
 * The branch after a field: up beyond h_s, down beyond −h_s, else as it was.
 * @param {number} x
 * @param {number} h
 * @param {number} branch −1 or 1
 * @returns {number}
 */
export function nextBranch(x, h, branch) {
  const { field } = fold(x);
  if (x <= 1) return h < 0 ? -1 : 1;
  return h > field ? 1 : h < -field ? -1 : branch;
}

/**
 * Where a tensor of this branch settles in a field.
 * @param {number} x
 * @param {number} h
 * @param {number} branch
 * @returns {number}
 */
export function settle(x, h, branch) {
  const { lower, upper } = solutions(x, h);
  return (branch > 0 && !Number.isNaN(upper)) || Number.isNaN(lower) ? upper : lower;
}

/**
 * Where it lands after the jump from the end of the lower branch.
 * @param {number} x
 * @returns {number}
 */
export function landing(x) {
  return x > 1 ? solutions(x, fold(x).field).upper : 0;
}

/**
 * Area of the loop times β: what a slow cycle dissipates, per element.
 * @param {number} x
 * @returns {number}
 */
export function loopArea(x) {
  if (!(x > 1)) return 0;
  const { meanField, field } = fold(x);
  const to = landing(x);
  const work = field * (to + meanField);
  return 2 * (work + potential(meanField, x) - potential(to, x));
}

/**
 * Heat and entropy change of one jump, per element.
 * @param {number} x
 * @returns {{heat: number, entropyChange: number}}
 */
export function switching(x) {
  if (!(x > 1)) return { heat: 0, entropyChange: 0 };
  const { meanField, field } = fold(x);
  const to = landing(x);
  const aligned = 0.5 * x * (to * to - meanField * meanField);
  return {
    heat: aligned + field * (to + meanField),
    entropyChange: order(meanField) - order(to),
  };
}

/**
 * Free energy per element times β at a mean field that is held fixed; its minima last.
 * @param {number} m
 * @param {number} x
 * @param {number} h
 * @returns {number}
 */
export function freeEnergy(m, x, h) {
  return potential(m, x) - h * m;
}

/** @param {number} m @param {number} x @returns {number} */
function potential(m, x) {
  return order(m) - 0.5 * x * m * m;
}

/** @param {number} m @returns {number} */
function order(m) {
  const part = (/** @type {number} */ v) => (v === -1 ? 0 : (1 + v) * Math.log1p(v));
  return 0.5 * (part(m) + part(-m));
}
