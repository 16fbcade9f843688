/** Energies of associative memory, as `isinglass.energy` computes them. */

/**
 * @typedef {object} Landscape An energy of states x among patterns ρ_j.
 * @property {(state: number[], patterns: number[][]) => number} energy
 * @property {(state: number[], patterns: number[][]) => number[]} force −∇E.
 * @property {(state: number[], patterns: number[][]) => number[]} weights What each
 *   pattern counts: the attention that x pays it.
 * @property {(state: number[], patterns: number[][]) => number[]} update Σ_j w_j ρ_j, a
 *   state that has no more energy.
 * @property {number} smoothness L: steps h · force descend where h ≤ 2 / L.
 */

/**
 * E = −β⁻¹ log Σ_j exp(−β |x − ρ_j|²): Niu et al. 2024, Eq. 4.
 *
 * @param {number} beta
 * @returns {Landscape}
 */
export function distanceEnergy(beta) {
  const scores = (/** @type {number[]} */ x, /** @type {number[][]} */ patterns) =>
    patterns.map((pattern) => -beta * squaredDistance(x, pattern));
  return {
    energy: (x, patterns) => -logSumExp(scores(x, patterns)) / beta,
    ...bySoftMean(scores, 2),
  };
}

/**
 * E = −β⁻¹ log Σ_j exp(β ρ_j · x) + ½|x|² + β⁻¹ log m + ½ max_j |ρ_j|²: Ramsauer et al.
 * 2021, Eq. 2.
 *
 * @param {number} beta
 * @returns {Landscape}
 */
export function modernEnergy(beta) {
  const scores = (/** @type {number[]} */ x, /** @type {number[][]} */ patterns) =>
    patterns.map((pattern) => beta * dot(x, pattern));
  return {
    energy: (x, patterns) => {
      const longest = Math.max(...patterns.map((pattern) => dot(pattern, pattern)));
      const soft = logSumExp(scores(x, patterns)) - Math.log(patterns.length);
      return -soft / beta + dot(x, x) / 2 + longest / 2;
    },
    ...bySoftMean(scores, 1),
  };
}

/**
 * Force and update of an energy whose update is the mean of the patterns by a softmax.
 *
 * @param {(state: number[], patterns: number[][]) => number[]} scores
 * @param {number} smoothness
 */
function bySoftMean(scores, smoothness) {
  const weights = (/** @type {number[]} */ x, /** @type {number[][]} */ patterns) =>
    softmax(scores(x, patterns));
  const update = (/** @type {number[]} */ x, /** @type {number[][]} */ patterns) => {
    const shares = weights(x, patterns);
    return x.map((_, i) => patterns.reduce((sum, pattern, j) => sum + shares[j] * pattern[i], 0));
  };
  return {
    weights,
    update,
    force: (/** @type {number[]} */ x, /** @type {number[][]} */ patterns) =>
      update(x, patterns).map((mean, i) => smoothness * (mean - x[i])),
    smoothness,
  };
}

/**
 * Hopfield's energy E = −½ xᵀWx of signs x, with W = n⁻¹ Σ_j ρ_j ρ_jᵀ, diagonal
 * included: −Σ_j (ρ_j · x)² / 2n. Hopfield 1982, Eq. 7.
 *
 * @param {number[]} state
 * @param {number[][]} patterns
 */
export function hopfieldEnergy(state, patterns) {
  return ofProducts(patterns.map((pattern) => dot(pattern, state)), state.length);
}

/**
 * @param {number[]} products ρ_j · x.
 * @param {number} n
 */
function ofProducts(products, n) {
  return -products.reduce((sum, product) => sum + product * product, 0) / (2 * n);
}

/**
 * Turn signs one after another to where Hopfield's energy is lower; where it is the same
 * a sign stays.
 *
 * @param {number[]} state
 * @param {number[][]} patterns
 * @param {(place: number) => void} [onTurn] Called for each sign that turns.
 * @returns {number[]}
 */
export function sweep(state, patterns, onTurn) {
  const x = [...state];
  const products = patterns.map((pattern) => dot(pattern, x));
  x.forEach((old, i) => {
    const [up, down] = [1, -1].map((sign) =>
      products.map((product, j) => product + (sign - old) * patterns[j][i]),
    );
    const gain = ofProducts(down, x.length) - ofProducts(up, x.length);
    x[i] = gain === 0 ? old : Math.sign(gain);
    products.splice(0, products.length, ...(x[i] > 0 ? up : down));
    if (x[i] !== old) onTurn?.(i);
  });
  return x;
}

/**
 * log Σ exp, without overflow.
 *
 * @param {number[]} scores
 */
function logSumExp(scores) {
  const highest = Math.max(...scores);
  return highest + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - highest), 0));
}

/** @param {number[]} scores */
function softmax(scores) {
  const total = logSumExp(scores);
  return scores.map((score) => Math.exp(score - total));
}

/**
 * @param {number[]} x
 * @param {number[]} y
 */
export function dot(x, y) {
  return x.reduce((sum, value, i) => sum + value * y[i], 0);
}

/**
 * @param {number[]} x
 * @param {number[]} y
 */
function squaredDistance(x, y) {
  return x.reduce((sum, value, i) => sum + (value - y[i]) ** 2, 0);
}
