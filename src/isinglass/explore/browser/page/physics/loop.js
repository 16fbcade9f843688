/** The looped transformer of `isinglass.systems.looped`: one block, iterated. */

/**
 * @typedef {object} Weights Matrices act from the right, x W.
 * @property {number[][]} embedding
 * @property {number[][]} query
 * @property {number[][]} key
 * @property {number[][]} value
 * @property {number[][]} mlp_in
 * @property {number[]} mlp_in_bias
 * @property {number[][]} mlp_out
 * @property {number[]} mlp_out_bias
 * @property {number[]} gain
 * @property {number[]} bias
 * @property {number[][]} readout
 * @property {number[]} readout_bias
 * @property {number[]} near_bias By distance, the last for all beyond.
 * @property {number} recency Logarithm of the power by which attention falls.
 *
 * @typedef {object} Course
 * @property {number[][][]} rows Attention of each iteration: row by row, what a position
 *   looks at.
 * @property {number[][][]} logits At each position, after 0, 1, … iterations.
 */

const EPSILON = 1e-5; // added to the variance by the layer normalisation

/**
 * Z_{t+1} = Z_t + F(Z_t + X) from Z_0 = 0, with F(H) = LN(A + MLP(A)) of the attention A.
 *
 * @param {Weights} weights
 * @param {number[]} tokens
 * @param {number} iterations
 * @param {object} [barred] A place that some rows may not look at in some iterations;
 *   what they had there goes to the rest in proportion.
 * @param {(row: number) => number} barred.place By row; −1 for none.
 * @param {(iteration: number) => boolean} barred.when
 * @returns {Course}
 */
export function runLoop(weights, tokens, iterations, barred) {
  const inputs = tokens.map((token) => weights.embedding[token]);
  let state = inputs.map((input) => input.map(() => 0));
  const rows = [];
  const logits = [state.map((z) => affine(z, weights.readout, weights.readout_bias))];
  for (let t = 0; t < iterations; t++) {
    const hidden = state.map((z, i) => z.map((value, a) => value + inputs[i][a]));
    const isBarred = barred?.when(t);
    const attention = attentionRows(weights, hidden).map((row, i) =>
      isBarred ? without(row, barred?.place(i) ?? -1) : row,
    );
    const values = hidden.map((h) => product(h, weights.value));
    state = state.map((z, i) => {
      const change = afterAttention(weights, mixed(attention[i], values));
      return z.map((value, a) => value + change[a]);
    });
    rows.push(attention);
    logits.push(state.map((z) => affine(z, weights.readout, weights.readout_bias)));
  }
  return { rows, logits };
}

/**
 * Softmax over what came before, itself included, of q · k / √d and a bias by distance.
 *
 * @param {Weights} weights
 * @param {number[][]} hidden
 */
function attentionRows(weights, hidden) {
  const keys = hidden.map((h) => product(h, weights.key));
  return hidden.map((h, i) => {
    const query = product(h, weights.query);
    const scores = keys
      .slice(0, i + 1)
      .map((key, j) => dot(query, key) / Math.sqrt(h.length) + byDistance(weights, i - j));
    const highest = Math.max(...scores);
    const shares = scores.map((score) => Math.exp(score - highest));
    const total = shares.reduce((sum, share) => sum + share, 0);
    return hidden.map((_, j) => (j <= i ? shares[j] / total : 0));
  });
}

/**
 * @param {Weights} weights
 * @param {number} back How far a key lies behind.
 */
function byDistance({ near_bias, recency }, back) {
  const near = near_bias[Math.min(back, near_bias.length - 1)];
  return near - Math.exp(recency) * Math.log1p(back);
}

/**
 * A row that may not look at a place; one that has nothing else stays as it is.
 *
 * @param {number[]} row
 * @param {number} place
 */
function without(row, place) {
  const rest = row.map((share, j) => (j === place ? 0 : share));
  const total = rest.reduce((sum, share) => sum + share, 0);
  return total > 0 ? rest.map((share) => share / total) : row;
}

/**
 * LN(A + MLP(A)).
 *
 * @param {Weights} weights
 * @param {number[]} attention
 */
function afterAttention(weights, attention) {
  const inner = affine(attention, weights.mlp_in, weights.mlp_in_bias).map(gelu);
  const out = affine(inner, weights.mlp_out, weights.mlp_out_bias);
  const sum = out.map((value, a) => value + attention[a]);
  const mean = sum.reduce((total, value) => total + value, 0) / sum.length;
  const centred = sum.map((value) => value - mean);
  const scale = 1 / Math.sqrt(dot(centred, centred) / sum.length + EPSILON);
  return centred.map((value, a) => value * scale * weights.gain[a] + weights.bias[a]);
}

/**
 * GELU by its tanh, as JAX has it.
 *
 * @param {number} x
 */
function gelu(x) {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

/**
 * @param {number[]} shares
 * @param {number[][]} vectors
 */
function mixed(shares, vectors) {
  return vectors[0].map((_, a) => shares.reduce((sum, share, j) => sum + share * vectors[j][a], 0));
}

/**
 * @param {number[]} x
 * @param {number[][]} matrix
 */
function product(x, matrix) {
  return matrix[0].map((_, column) => x.reduce((sum, value, row) => sum + value * matrix[row][column], 0));
}

/**
 * @param {number[]} x
 * @param {number[][]} matrix
 * @param {number[]} bias
 */
function affine(x, matrix, bias) {
  return product(x, matrix).map((value, a) => value + bias[a]);
}

/**
 * @param {number[]} x
 * @param {number[]} y
 */
function dot(x, y) {
  return x.reduce((sum, value, i) => sum + value * y[i], 0);
}

/**
 * Where each symbol stood the last time before; −1 for one that is new.
 *
 * @param {number[]} tokens
 */
export function lastOccurrences(tokens) {
  return tokens.map((token, i) => (i ? tokens.lastIndexOf(token, i - 1) : -1));
}

/**
 * The most likely symbol and its probability.
 *
 * @param {number[]} logits
 */
export function answerOf(logits) {
  const highest = Math.max(...logits);
  const total = logits.reduce((sum, value) => sum + Math.exp(value - highest), 0);
  return { symbol: logits.indexOf(highest), probability: 1 / total };
}
