/** A sequence that the loop has read, with the questions in it, and what was barred. */

import { answerOf, lastOccurrences, runLoop } from "../physics/loop.js";

/** @typedef {import("../physics/loop.js").Course} Course */

export const LETTERS = "abcdefghijklmnopqrstuvwxyz";
export const MOST = 32; // symbols

/** @type {Record<string, string>} */
export const BARS = { none: "nothing", previous: "the symbol before", match: "the match", itself: "itself" };

/** What the loop makes of a sequence. */
export class Reading {
  /**
   * @param {any} data From Python: weights, symbols, iterations.
   * @param {import("../core/types.js").Values} values
   */
  constructor(data, values) {
    this.iterations = data.iterations;
    const letters = [...String(values.text)].filter((letter) => {
      const symbol = LETTERS.indexOf(letter);
      return symbol >= 0 && symbol < data.symbols;
    });
    this.text = (letters.length > 1 ? letters : [..."ab"]).slice(0, MOST).join("");
    this.tokens = [...this.text].map((letter) => LETTERS.indexOf(letter));
    const at = Math.round(Number(values.at));
    this.at = (at >= 1 && at <= this.tokens.length ? at : this.tokens.length) - 1;
    this.bar = Object.hasOwn(BARS, String(values.bar)) ? String(values.bar) : "none";
    const when = Number(values.when);
    /** The iteration in which alone is barred; 0 is all of them. */
    this.when = Number.isInteger(when) && when >= 0 && when <= this.iterations ? when : 0;
    const last = lastOccurrences(this.tokens);
    /** Where the answer stands, by position; −1 where nothing is asked. */
    this.match = last.map((place) => (place < 0 ? -1 : place + 1));
    this.targets = this.match.map((place) => (place < 0 ? -1 : this.tokens[place]));
    this.questions = this.match.flatMap((place, i) => (place < 0 ? [] : [i]));
    this.free = runLoop(data.weights, this.tokens, this.iterations);
    this.course = this.bar === "none" ? this.free : this.#barred(data.weights);
  }

  /** @param {import("../physics/loop.js").Weights} weights */
  #barred(weights) {
    const place = (/** @type {number} */ row) =>
      ({ previous: row - 1, match: this.match[row], itself: row })[this.bar] ?? -1;
    const when = (/** @type {number} */ t) => this.when < 1 || this.when === t + 1;
    return runLoop(weights, this.tokens, this.iterations, { place, when });
  }

  /**
   * @param {number} place
   * @param {number} iterations After how many.
   */
  answer(place, iterations) {
    return answerOf(this.course.logits[iterations][place]);
  }

  /**
   * How many questions are answered right at the end.
   *
   * @param {Course} course
   */
  right(course) {
    const end = course.logits[this.iterations];
    return this.questions.filter((i) => answerOf(end[i]).symbol === this.targets[i]).length;
  }
}
