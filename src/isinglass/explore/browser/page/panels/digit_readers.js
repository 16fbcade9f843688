/** Readers of digits: what each has learned, by both learners, as sums that add up. */

import {
  density,
  emptySums,
  encoder,
  learn as learnPairs,
  logEvidence,
  merge as mergePairs,
} from "../physics/couplings.js";
import { bytes, fingerprint, unpackPictures } from "../physics/packed.js";
import {
  DIGITS,
  empty,
  encode,
  energies,
  inTime,
  learn as learnRoutes,
  merge as mergeRoutes,
  peaks,
  temperature,
} from "../physics/routes.js";
import { fromText, picture } from "../physics/strokes.js";

const SIDE = 28;

/**
 * @typedef {object} Picture A picture as both learners see it.
 * @property {Uint8Array} pixels
 * @property {import("../physics/routes.js").Dipoles} dipoles
 * @property {Float64Array} features
 *
 * @typedef {object} Lesson
 * @property {number} digit
 * @property {string} text The drawing, as a fragment has it.
 *
 * @typedef {object} Knowledge Sums over pictures, and nothing else.
 * @property {import("../physics/routes.js").RouteModel} routes
 * @property {import("../physics/couplings.js").PairSums[]} pairs By digit.
 *
 * @typedef {object} Answer
 * @property {number[]} routes Probability of each digit by the learner of routes.
 * @property {number[]} couplings And by that of couplings.
 * @property {Float64Array} curves Energy per signal at each target and time, (10, 25).
 */

/** What is shipped with the page, and what follows from it. */
export class Library {
  /** @param {any} data Of digit_data.py. */
  constructor(data) {
    this.gains = data.gains;
    this.encodeFeatures = encoder(data.hosts, data.places);
    this.features = data.mean.length;
    const whole = new Int16Array(bytes(data.covariance).buffer);
    this.prior = {
      mean: Float64Array.from(data.mean),
      covariance: Float64Array.from(whole, (value) => value * data.unit),
    };
    const pictures = unpackPictures(bytes(data.pictures), SIDE * SIDE);
    this.lessons = pictures.slice(0, data.labels.length).map((pixels, place) => ({
      digit: data.labels[place],
      picture: this.see(pixels),
    }));
    this.samples = pictures.slice(data.labels.length).map((pixels) => this.see(pixels));
    this.sampleDigits = data.samples;
    /** @type {Map<string, Picture>} */
    this.drawings = new Map();
    /** @type {Map<string, import("../physics/couplings.js").Density>} */
    this.densities = new Map();
  }

  /** @param {Uint8Array} pixels @returns {Picture} */
  see(pixels) {
    return { pixels, dipoles: encode(pixels), features: this.encodeFeatures(pixels) };
  }

  /**
   * The picture of a text: strokes, or a dot and the number of a sample.
   * @param {string} text
   * @returns {Picture | undefined} Nothing if the text is no picture.
   */
  read(text) {
    if (text.startsWith(".")) return this.samples[Number(text.slice(1))];
    let drawn = this.drawings.get(text);
    if (!drawn) {
      const strokes = fromText(text);
      if (!strokes) return undefined;
      if (this.drawings.size > 200) this.drawings.clear();
      drawn = this.see(picture(strokes));
      this.drawings.set(text, drawn);
    }
    return drawn;
  }

  /** @returns {Knowledge} That of nobody. */
  nothing() {
    return {
      routes: empty(),
      pairs: Array.from({ length: DIGITS }, () => emptySums(this.features)),
    };
  }

  /**
   * Learn a picture, in place; with `times` −1, forget it.
   * @param {Knowledge} knowledge
   * @param {Picture} shown
   * @param {number} digit
   * @param {number} [times]
   */
  learn(knowledge, shown, digit, times = 1) {
    learnRoutes(knowledge.routes, shown.dipoles, digit, times);
    learnPairs(knowledge.pairs[digit], shown.features, times);
  }

  /**
   * What was learned from shipped pictures of these digits.
   * @param {(digit: number) => boolean} chosen
   * @returns {Knowledge}
   */
  shipped(chosen) {
    const knowledge = this.nothing();
    for (const { digit, picture: shown } of this.lessons) {
      if (chosen(digit)) this.learn(knowledge, shown, digit);
    }
    return knowledge;
  }

  /** @param {Lesson[]} lessons @returns {Knowledge} */
  taught(lessons) {
    const knowledge = this.nothing();
    for (const { digit, text } of lessons) {
      const shown = this.read(text);
      if (shown) this.learn(knowledge, shown, digit);
    }
    return knowledge;
  }

  /**
   * What both know: the sum.
   * @param {Knowledge} a
   * @param {Knowledge} b
   * @returns {Knowledge}
   */
  merge(a, b) {
    return {
      routes: mergeRoutes(a.routes, b.routes),
      pairs: a.pairs.map((sums, digit) => mergePairs(sums, b.pairs[digit])),
    };
  }

  /** @param {import("../physics/couplings.js").PairSums} sums */
  densityOf(sums) {
    const key = fingerprint([Float64Array.of(sums.count), sums.total, sums.pairs]);
    let law = this.densities.get(key);
    if (!law) {
      if (this.densities.size > 60) this.densities.clear();
      law = density(sums, this.prior);
      this.densities.set(key, law);
    }
    return law;
  }

  /**
   * A reader that answers from what is known; it does not change with it.
   * @param {Knowledge} knowledge
   * @returns {Reader}
   */
  reader(knowledge) {
    const { routes, pairs } = knowledge;
    const shares = inTime(routes, this.gains);
    const scale = temperature(routes, shares);
    const isLearned = Array.from(routes.count, (count) => count > 0);
    const laws = pairs.map((sums) => (sums.count ? this.densityOf(sums) : undefined));
    const answer = (/** @type {Picture} */ shown) => {
      const curves = energies(shares, shown.dipoles);
      const logits = peaks(curves).map((peak, y) => (isLearned[y] ? peak / scale : -Infinity));
      const evidence = laws.map((law) => (law ? logEvidence(law, shown.features) : -Infinity));
      return { curves, routes: softmax(logits), couplings: softmax(evidence) };
    };
    return { shares, isLearned, answer, mark: markOf(knowledge) };
  }
}

/**
 * @typedef {object} Reader
 * @property {Float64Array} shares Share of its signals that each source sends in time.
 * @property {boolean[]} isLearned Whether it has learned each digit.
 * @property {(shown: Picture) => Answer} answer
 * @property {string} mark Fingerprint of all that it knows.
 */

/** @param {Knowledge} knowledge @returns {string} */
export function markOf({ routes, pairs }) {
  const sums = pairs.flatMap(({ count, total, pairs: products }) => [
    Float64Array.of(count),
    total,
    products,
  ]);
  return fingerprint([routes.count, routes.tally, ...sums]);
}

/** @param {number[]} logits @returns {number[]} */
function softmax(logits) {
  const top = Math.max(...logits);
  if (top === -Infinity) return logits.map(() => 0);
  const weights = logits.map((value) => Math.exp(value - top));
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / sum);
}

/**
 * Lessons of a text: a digit and its drawing each, with stars between.
 * @param {string} text
 * @returns {Lesson[]}
 */
export function lessonsOf(text) {
  return text
    .split("*")
    .filter((part) => /^\d./.test(part))
    .map((part) => ({ digit: Number(part[0]), text: part.slice(1) }));
}

/** @param {Lesson[]} lessons @returns {string} */
export function textOf(lessons) {
  return lessons.map(({ digit, text }) => `${digit}${text}`).join("*");
}
