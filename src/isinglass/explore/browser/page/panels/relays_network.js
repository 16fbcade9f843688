/** A network that is driven: where it is, what went off, and sizes counted so far. */

import {
  MeanFieldRelays,
  NeighbourRelays,
  borel,
  branchingRatio,
  CRITICAL_WIDTH,
  drive,
  evenFields,
  gaussianFields,
  sizeDensity,
} from "../physics/avalanches.js";

export const SIDE = 64;
export const SIZE = SIDE * SIDE;
const BINS_A_DECADE = 6;
const LONGEST = 40_000; // points of the loop that are kept

/**
 * @typedef {object} Setting
 * @property {string} kind "even", "gauss" or "neighbours".
 * @property {number} ratio Branching ratio n, for "even".
 * @property {number} width Of the local fields, for the others.
 * @property {number} limit h_s of each tensor.
 * @property {number} seed
 */

/** One network after another: at each end, where all agree, new tensors are drawn. */
export class Drive {
  /** @param {Setting} setting */
  constructor(setting) {
    this.setting = setting;
    this.sweeps = 0;
    /** @type {Map<number, number>} */
    this.counts = new Map();
    this.totals = { count: 0, sum: 0, squares: 0 };
    /** @type {import("../physics/avalanches.js").Avalanche[]} */
    this.passing = [];
    /** @type {import("../physics/avalanches.js").Avalanche | undefined} The largest of late. */
    this.last = undefined;
    /** @type {[number, number][]} Field and mean branch of this pass. */
    this.path = [];
    /** @type {[number, number][]} And of the one before. */
    this.before = [];
    /** @type {1 | -1} */
    this.from = -1;
    this.branches = new Int8Array(SIZE).fill(-1);
    this.network = this.draw();
    this.highest = highestField(setting);
    this.field = -this.highest;
  }

  /** @returns {MeanFieldRelays | NeighbourRelays} */
  draw() {
    const { kind, ratio, width, limit, seed } = this.setting;
    const at = seed * 1000 + this.sweeps;
    const local =
      kind === "even" ? evenFields(SIZE, ratio, at) : gaussianFields(SIZE, width, at);
    return kind === "neighbours"
      ? new NeighbourRelays(local, 1, limit, SIDE)
      : new MeanFieldRelays(local, 1, limit);
  }

  /**
   * Move the field to a share of its range, from −1 to 1.
   *
   * @param {number} share
   * @returns {import("../physics/avalanches.js").Avalanche[]} What went off.
   */
  to(share) {
    const next = share * this.highest;
    // At the ends all switch, also the few that would take a little more.
    const gone = drive(this.network, this.field, Math.abs(share) < 1 ? next : share * Infinity);
    for (const avalanche of gone) this.enter(avalanche);
    if (gone.length) this.last = gone.reduce((a, b) => (b.tensors.length > a.tensors.length ? b : a));
    this.field = next;
    this.path.push([next, this.network.magnetisation]);
    if (this.path.length > LONGEST) this.path.splice(0, LONGEST / 2);
    if (this.network.up === (this.from < 0 ? SIZE : 0)) this.finish();
    else if (this.network.up === (this.from < 0 ? 0 : SIZE)) this.passing = [];
    return gone;
  }

  /** @param {import("../physics/avalanches.js").Avalanche} avalanche */
  enter(avalanche) {
    const { tensors, sign, field } = avalanche;
    for (const i of tensors) this.branches[i] = sign;
    const after = this.path.at(-1)?.[1] ?? this.from;
    this.path.push([field, after], [field, after + (2 * sign * tensors.length) / SIZE]);
    // A pass that turned back half way is no sample of the law.
    if (sign === -this.from) this.passing.push(avalanche);
  }

  /** All have switched: count the pass if it went straight, and draw new tensors. */
  finish() {
    const switched = this.passing.reduce((sum, { tensors }) => sum + tensors.length, 0);
    if (switched === SIZE) {
      for (const { tensors } of this.passing) this.count(tensors.length);
      this.sweeps += 1;
    }
    this.passing = [];
    this.before = this.path;
    this.from = /** @type {1 | -1} */ (-this.from);
    this.path = [[this.field, this.from]];
    this.network = this.draw();
    if (this.from > 0) this.network.fill();
  }

  /** @param {number} size */
  count(size) {
    this.counts.set(size, (this.counts.get(size) ?? 0) + 1);
    this.totals.count += 1;
    this.totals.sum += size;
    this.totals.squares += size * size;
  }

  /** A whole pass from one end to the other. */
  pass() {
    this.to(-this.from);
  }

  get ratio() {
    const { count, sum, squares } = this.totals;
    return count > 1 ? branchingRatio(count, sum, squares) : undefined;
  }

  /** @returns {((size: number) => number) | undefined} Probability of a size, by law. */
  get law() {
    const { kind, ratio, width } = this.setting;
    if (kind === "even") return (size) => borel(size, ratio);
    if (kind === "neighbours" || width < CRITICAL_WIDTH) return undefined;
    const all = 1 - 1 / (width * Math.sqrt(Math.PI));
    return (size) => sizeDensity(size, width) / all;
  }

  /**
   * Sizes in bins that grow: where each lies, and how many there were a size.
   *
   * @returns {{size: number, share: number, error: number}[]} With standard errors.
   */
  get bins() {
    /** @type {{size: number, share: number, error: number}[]} */
    const result = [];
    let low = 1;
    while (low <= SIZE && this.totals.count) {
      const high = Math.max(low + 1, Math.round(low * 10 ** (1 / BINS_A_DECADE)));
      let count = 0;
      for (let size = low; size < high; size++) count += this.counts.get(size) ?? 0;
      const share = count / this.totals.count / (high - low);
      const error = share / Math.sqrt(count || 1);
      if (count) result.push({ size: Math.sqrt(low * (high - 1)), share, error });
      low = high;
    }
    return result;
  }
}

/**
 * The field by which all have switched, as good as always.
 *
 * @param {Setting} setting
 */
function highestField({ kind, ratio, width, limit }) {
  const others = kind === "even" ? 1.15 * (1 / ratio - 1) + 0.03 : Math.max(4 * width - 1, 1);
  return limit + others;
}
