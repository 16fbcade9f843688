/**
 * Tensors that switch each other, in a field that moves slowly, and the exact laws of
 * their avalanches (docs/interference_two.md, "Relays and avalanches").
 *
 * A tensor holds its branch σ = ±1 between the fields −h_s and h_s and feels
 * H + θ_i + Σ_j W_ij σ_j. What it switches arrives one step later, and the field stands
 * still until all is quiet.
 */
import { uniform } from "../core/random.js";
import { logGamma } from "./gamma.js";

/**
 * @typedef {object} Avalanche
 * @property {number} field The field at which it went off.
 * @property {Int32Array} tensors Those that switched, generation after generation.
 * @property {number[]} ends Where each generation ends in that list.
 * @property {1 | -1} sign To which branch they went.
 */

/** All act on all with J/N: those that are up are the first k in the order of θ. */
export class MeanFieldRelays {
  /**
   * @param {Float64Array} local θ
   * @param {number} coupling J
   * @param {number} limit h_s
   */
  constructor(local, coupling, limit) {
    this.size = local.length;
    this.coupling = coupling;
    this.limit = limit;
    this.order = Int32Array.from(local.keys()).sort((a, b) => local[b] - local[a]);
    this.local = Float64Array.from(this.order, (i) => local[i]);
    this.up = 0;
  }

  get magnetisation() {
    return (2 * this.up - this.size) / this.size;
  }

  /** All go to the upper branch, as in a field that is strong enough. */
  fill() {
    this.up = this.size;
  }

  /**
   * The field at which the next tensor goes to a branch; ±Infinity if none is left.
   * @param {1 | -1} sign
   */
  next(sign) {
    const place = sign > 0 ? this.up : this.up - 1;
    if (place < 0 || place >= this.size) return sign * Infinity;
    return this.needed(place, sign);
  }

  /** @param {number} place @param {1 | -1} sign */
  needed(place, sign) {
    const others = (2 * this.up - this.size + sign) / this.size; // without itself
    return sign * this.limit - this.local[place] - this.coupling * others;
  }

  /**
   * Let the next avalanche go off.
   * @param {1 | -1} sign
   * @returns {Avalanche}
   */
  fire(sign) {
    const field = this.next(sign);
    const tensors = [];
    const ends = [];
    let more = 1;
    while (more) {
      for (; more; more--) {
        const place = sign > 0 ? this.up++ : --this.up;
        tensors.push(this.order[place]);
      }
      ends.push(tensors.length);
      more = this.ready(field, sign);
    }
    return { field, tensors: Int32Array.from(tensors), ends, sign };
  }

  /**
   * How many are ready to go now.
   * @param {number} field @param {1 | -1} sign
   */
  ready(field, sign) {
    const step = sign > 0 ? 1 : -1;
    let place = sign > 0 ? this.up : this.up - 1;
    let count = 0;
    while (place >= 0 && place < this.size) {
      if (sign * (field - this.needed(place, sign)) < 0) break;
      count++;
      place += step;
    }
    return count;
  }
}

/** Each acts on its four neighbours on a torus, with J/4. */
export class NeighbourRelays {
  /**
   * @param {Float64Array} local θ, row by row
   * @param {number} coupling J
   * @param {number} limit h_s
   * @param {number} width How many make a row.
   */
  constructor(local, coupling, limit, width) {
    this.size = local.length;
    this.weight = coupling / 4;
    this.limit = limit;
    this.width = width;
    this.branch = new Int8Array(this.size).fill(-1);
    this.felt = Float64Array.from(local, (theta) => theta - coupling);
    this.up = 0;
  }

  get magnetisation() {
    return (2 * this.up - this.size) / this.size;
  }

  /** All go to the upper branch, as in a field that is strong enough. */
  fill() {
    this.up = this.size;
    this.branch.fill(1);
    this.felt.forEach((field, i) => {
      this.felt[i] = field + 8 * this.weight;
    });
  }

  /** @param {1 | -1} sign */
  next(sign) {
    const place = this.first(sign);
    return place < 0 ? sign * Infinity : sign * this.limit - this.felt[place];
  }

  /** @param {1 | -1} sign */
  first(sign) {
    let place = -1;
    let best = -Infinity;
    for (let i = 0; i < this.size; i++) {
      if (this.branch[i] !== sign && sign * this.felt[i] > best) {
        best = sign * this.felt[i];
        place = i;
      }
    }
    return place;
  }

  /**
   * @param {1 | -1} sign
   * @returns {Avalanche}
   */
  fire(sign) {
    const field = this.next(sign);
    const tensors = [];
    const ends = [];
    let front = [this.first(sign)];
    while (front.length) {
      for (const i of front) this.branch[i] = sign;
      const next = [];
      for (const i of front) {
        tensors.push(i);
        for (const j of this.around(i)) {
          this.felt[j] += 2 * sign * this.weight;
          const gap = sign * (field + this.felt[j]) - this.limit;
          if (this.branch[j] !== sign && gap >= -1e-12) next.push(j);
        }
      }
      ends.push(tensors.length);
      front = [...new Set(next)];
    }
    this.up += sign * tensors.length;
    return { field, tensors: Int32Array.from(tensors), ends, sign };
  }

  /** @param {number} i */
  around(i) {
    const { width, size } = this;
    const column = i % width;
    const row = i - column;
    return [
      row + ((column + 1) % width),
      row + ((column + width - 1) % width),
      (i + width) % size,
      (i + size - width) % size,
    ];
  }
}

/**
 * Move the field to a value and collect what goes off on the way.
 * @param {MeanFieldRelays | NeighbourRelays} network
 * @param {number} from
 * @param {number} to
 * @returns {Avalanche[]}
 */
export function drive(network, from, to) {
  /** @type {1 | -1} */
  const sign = to >= from ? 1 : -1;
  const result = [];
  while (sign * (to - network.next(sign)) >= 0) result.push(network.fire(sign));
  return result;
}

// -- thresholds ------------------------------------------------------------------------

/**
 * Local fields spread evenly, so that one switch sets off n others on average (J = 1).
 * @param {number} count
 * @param {number} ratio n, above 0
 * @param {number} seed
 * @returns {Float64Array}
 */
export function evenFields(count, ratio, seed) {
  const random = uniform(seed);
  return Float64Array.from({ length: count }, () => (2 * random() - 1) / ratio);
}

/**
 * Gaussian local fields of a width (Box & Muller).
 * @param {number} count
 * @param {number} width R
 * @param {number} seed
 * @returns {Float64Array}
 */
export function gaussianFields(count, width, seed) {
  const random = uniform(seed);
  return Float64Array.from({ length: count }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    return width * radius * Math.cos(2 * Math.PI * random());
  });
}

// -- laws ------------------------------------------------------------------------------

export const CRITICAL_WIDTH = Math.sqrt(2 / Math.PI);

/**
 * Borel's law: how probable it is that s switch where one sets off n on average.
 * @param {number} s
 * @param {number} n from 0 to 1
 * @returns {number}
 */
export function borel(s, n) {
  const power = s === 1 ? 0 : (s - 1) * Math.log(s * n);
  return Math.exp(power - s * n - logGamma(s + 1));
}

/**
 * Avalanches per tensor and size in a sweep over Gaussian fields of width R ≥ √(2/π)
 * (J = 1): D(s) = ∫ ρ(x) (1 − n) P_n(s) dx with n = 2ρ(x) and Borel's P_n.
 * @param {number} s
 * @param {number} width
 * @returns {number}
 */
export function sizeDensity(s, width) {
  let sum = 0;
  for (const [x, weight] of nodes()) {
    const density = Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
    const n = Math.min((2 * density) / width, 1);
    sum += 2 * weight * density * (1 - n) * borel(s, n);
  }
  return sum;
}

/** @type {[number, number][]} */
const integral = [];

/** Nodes and weights in widths, fine about 0, where large avalanches come from. */
function nodes() {
  if (integral.length) return integral;
  const ends = [0];
  for (let k = -14; k < 4; k++) ends.push(2 ** k);
  ends.push(10);
  const legendre = gaussLegendre(16);
  for (let panel = 1; panel < ends.length; panel++) {
    const half = (ends[panel] - ends[panel - 1]) / 2;
    for (const [x, w] of legendre) integral.push([ends[panel - 1] + half * (1 + x), half * w]);
  }
  return integral;
}

/**
 * Nodes and weights of Gauss and Legendre.
 * @param {number} count
 * @returns {[number, number][]}
 */
function gaussLegendre(count) {
  /** @type {[number, number][]} */
  const result = [];
  for (let i = 0; i < count; i++) {
    let x = Math.cos((Math.PI * (i + 0.75)) / (count + 0.5));
    let slope = 1;
    for (let step = 0; step < 100; step++) {
      let [before, value] = [0, 1];
      for (let k = 1; k <= count; k++) {
        [before, value] = [value, ((2 * k - 1) * x * value - (k - 1) * before) / k];
      }
      slope = (count * (before - x * value)) / (1 - x * x);
      const move = value / slope;
      x -= move;
      if (Math.abs(move) < 1e-16) break;
    }
    result.push([x, 2 / ((1 - x * x) * slope * slope)]);
  }
  return result;
}

/**
 * n = 1 − 1/⟨s⟩ with its standard error.
 * @param {number} count Avalanches.
 * @param {number} sum Of sizes.
 * @param {number} squares Sum of their squares.
 * @returns {{value: number, error: number}}
 */
export function branchingRatio(count, sum, squares) {
  const mean = sum / count;
  const variance = count > 1 ? (squares - sum * mean) / (count - 1) : Infinity;
  return { value: 1 - 1 / mean, error: Math.sqrt(variance / count) / mean ** 2 };
}
