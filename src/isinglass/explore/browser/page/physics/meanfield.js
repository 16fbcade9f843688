/** The mean-field map of self-attention, as `isinglass.systems.meanfield` computes it. */

/**
 * @typedef {object} Network What Python exports: `meanfield_data` of
 *   `isinglass.explore.browser` says what each array is.
 * @property {number[][]} signs
 * @property {number[][][]} semantic
 * @property {number[][][]} positional
 * @property {number} length
 * @property {number} period
 * @property {number[][]} prompt
 *
 * @typedef {object} Parameters
 * @property {number} beta Inverse temperature β of the tokens.
 * @property {number} gamma Gain γ of the attention.
 * @property {number} epsilon Weight ε of the positional bits.
 */

/**
 * An orbit of the map.
 *
 * Its window holds the last L attentions A_{t−1}, …, A_{t−L}, and `phase` is t mod 2^P.
 * A token depends on the attention before it and on its position alone, so the tokens of
 * the window are kept, in a ring, rather than computed anew: the numbers are the same.
 */
export class Orbit {
  /**
   * @param {Network} network
   * @param {Parameters} parameters
   */
  constructor(network, parameters) {
    this.network = network;
    this.parameters = parameters;
    this.patterns = network.signs[0].length;
    this.groups = network.signs.length;
    this.length = network.length;
    this.phase = 0;
    this.signs = Float64Array.from(network.signs.flat());
    // Value, query and key; a token's output overlaps move nothing.
    this.semantic = Float64Array.from(network.semantic.slice(1).flat(2));
    this.positional = Float64Array.from(network.positional.slice(1).flat(2));
    /** Attention, tanh of each group, and value, query and key of each token. */
    this.attentions = this.#ring(this.patterns);
    this.means = this.#ring(this.groups);
    this.tokens = this.#ring(3 * this.patterns);
    this.weights = new Float64Array(this.length);
    this.newest = 0; // its slot in the rings
    this.count = 0; // slots that are filled
  }

  /** @param {number} width */
  #ring(width) {
    return Array.from({ length: this.length }, () => new Float64Array(width));
  }

  /** The newest attention. */
  get attention() {
    return this.attentions[this.newest];
  }

  /** Its window, newest first. */
  get window() {
    return Array.from({ length: this.count }, (_, age) => [...this.attentions[this.slot(age)]]);
  }

  /** @param {number} age */
  slot(age) {
    return (this.newest + age) % this.length;
  }

  /**
   * Begin as the published program does: a whole pattern attends to itself, and its
   * attention generates the first token of the window.
   */
  startFromPattern() {
    const [semantic, positional] = this.network.prompt;
    const { epsilon } = this.parameters;
    return this.startFromWindow(
      [semantic.map((value, a) => (1 - epsilon) * value + epsilon * positional[a])],
      0,
    );
  }

  /**
   * Continue given attentions, newest first; what lacks of a window is added, each
   * attention from as many tokens as there are.
   *
   * @param {ArrayLike<number>[]} window
   * @param {number} position t of the attention that comes next.
   */
  startFromWindow(window, position) {
    this.count = 0;
    for (let age = window.length - 1; age >= 0; age--) {
      this.phase = modulo(position - age - 1, this.network.period);
      this.#push(window[age]);
    }
    while (this.count < this.length) this.step();
    return this;
  }

  /** One step; returns the new attention. */
  step() {
    this.attend();
    return this.advance();
  }

  /** The second half of a step: the attention that the weights make. */
  advance() {
    const next = new Float64Array(this.patterns);
    for (let age = 0; age < this.count; age++) {
      const token = this.tokens[this.slot(age)];
      for (let a = 0; a < this.patterns; a++) next[a] += this.weights[age] * token[a];
    }
    this.#push(next);
    return next;
  }

  /** The first half of a step: softmax of γ m^q · m^k over the window, by age. */
  attend() {
    const { patterns, weights, count } = this;
    const newest = this.tokens[this.newest];
    let highest = -Infinity;
    for (let age = 0; age < count; age++) {
      const token = this.tokens[this.slot(age)];
      let product = 0;
      for (let a = 0; a < patterns; a++) product += newest[patterns + a] * token[2 * patterns + a];
      weights[age] = this.parameters.gamma * product;
      highest = Math.max(highest, weights[age]);
    }
    let total = 0;
    for (let age = 0; age < count; age++) {
      weights[age] = Math.exp(weights[age] - highest);
      total += weights[age];
    }
    for (let age = 0; age < count; age++) weights[age] /= total;
  }

  /**
   * Take in the attention that comes next, with the token that it generates.
   *
   * @param {ArrayLike<number>} attention
   */
  #push(attention) {
    this.newest = (this.newest + this.length - 1) % this.length;
    this.count = Math.min(this.count + 1, this.length);
    this.phase = (this.phase + 1) % this.network.period;
    this.attention.set(attention);
    const { groups, patterns, signs } = this;
    const means = this.means[this.newest];
    for (let g = 0; g < groups; g++) {
      let field = 0;
      for (let a = 0; a < patterns; a++) field += signs[g * patterns + a] * attention[a];
      means[g] = Math.tanh(this.parameters.beta * field);
    }
    this.#fillToken(this.tokens[this.newest], means);
  }

  /**
   * @param {Float64Array} token
   * @param {Float64Array} means
   */
  #fillToken(token, means) {
    const { epsilon } = this.parameters;
    const { period } = this.network;
    for (let row = 0; row < token.length; row++) {
      let overlap = 0;
      for (let g = 0; g < this.groups; g++) overlap += this.semantic[row * this.groups + g] * means[g];
      token[row] = (1 - epsilon) * overlap + epsilon * this.positional[row * period + this.phase];
    }
  }
}

/**
 * @param {number} number
 * @param {number} period
 */
function modulo(number, period) {
  return ((number % period) + period) % period;
}
