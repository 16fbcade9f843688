/** A tangent vector along an orbit of the mean field, and the largest exponent. */

/** @typedef {import("./meanfield.js").Orbit} Orbit */

const EVERY = 8; // steps between two normalisations: no double over- or underflows

/**
 * A small change of an orbit's window, which goes along with it by the derivative of
 * each step (Benettin et al. 1980). What it grows by, per step, is the largest Lyapunov
 * exponent.
 */
export class Tangent {
  /** @param {Orbit} orbit */
  constructor(orbit) {
    this.orbit = orbit;
    const { length, patterns, groups } = orbit;
    /** Moves of the window, newest first: no two alike, none along an axis. */
    this.moves = Array.from({ length }, (_, age) =>
      Float64Array.from({ length: patterns }, (__, a) => Math.cos(1 + 5 * age + 7 * a)),
    );
    this.tokens = this.moves.map(() => new Float64Array(3 * patterns));
    this.means = new Float64Array(groups);
    this.scores = new Float64Array(length);
    this.steps = 0;
    this.logarithm = 0;
    this.#normalise();
    this.logarithm = 0;
  }

  /** Exponent so far, nats per step. */
  get exponent() {
    return this.steps ? this.logarithm / this.steps : NaN;
  }

  /** Forget what has been measured, and go on from here. */
  reset() {
    this.#normalise();
    this.steps = 0;
    this.logarithm = 0;
  }

  /** One step of the orbit and of the tangent; returns the new attention. */
  step() {
    const { orbit, moves } = this;
    orbit.attend();
    for (let age = 0; age < moves.length; age++) this.#moveToken(age);
    const oldest = this.#moveAttention();
    orbit.advance();
    moves.unshift(oldest);
    this.steps += 1;
    if (this.steps % EVERY === 0) this.#normalise();
    return orbit.attention;
  }

  /**
   * How a token moves with the attention that generated it.
   *
   * @param {number} age
   */
  #moveToken(age) {
    const { orbit, means } = this;
    const slot = orbit.slot(age);
    const { groups, patterns, signs, semantic } = orbit;
    const { beta, epsilon } = orbit.parameters;
    for (let g = 0; g < groups; g++) {
      let field = 0;
      for (let a = 0; a < patterns; a++) field += signs[g * patterns + a] * this.moves[age][a];
      means[g] = (1 - orbit.means[slot][g] ** 2) * beta * field;
    }
    const token = this.tokens[age];
    for (let row = 0; row < token.length; row++) {
      let overlap = 0;
      for (let g = 0; g < groups; g++) overlap += semantic[row * groups + g] * means[g];
      token[row] = (1 - epsilon) * overlap;
    }
  }

  /**
   * The derivative of A = Σ_τ w_τ m^v_τ with w = softmax(γ m^q · m^k), in the array of the
   * oldest move, which leaves the window.
   */
  #moveAttention() {
    const { orbit, scores } = this;
    const { patterns, weights } = orbit;
    let mean = 0;
    for (let age = 0; age < scores.length; age++) {
      scores[age] = this.#movedScore(age);
      mean += weights[age] * scores[age];
    }
    const next = /** @type {Float64Array<ArrayBuffer>} */ (this.moves.pop());
    next.fill(0);
    for (let age = 0; age < scores.length; age++) {
      const value = orbit.tokens[orbit.slot(age)];
      for (let a = 0; a < patterns; a++) {
        next[a] += weights[age] * (this.tokens[age][a] + (scores[age] - mean) * value[a]);
      }
    }
    return next;
  }

  /** @param {number} age */
  #movedScore(age) {
    const { orbit } = this;
    const { patterns } = orbit;
    const query = orbit.tokens[orbit.newest];
    const key = orbit.tokens[orbit.slot(age)];
    let score = 0;
    for (let a = 0; a < patterns; a++) {
      const [q, k] = [patterns + a, 2 * patterns + a];
      score += this.tokens[0][q] * key[k] + query[q] * this.tokens[age][k];
    }
    return orbit.parameters.gamma * score;
  }

  #normalise() {
    let squares = 0;
    for (const move of this.moves) for (const value of move) squares += value * value;
    const length = Math.sqrt(squares);
    for (const move of this.moves) for (let a = 0; a < move.length; a++) move[a] /= length;
    this.logarithm += Math.log(length);
  }
}
