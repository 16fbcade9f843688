/** Who has learned what: parts that are added, lessons that come and go. */

import { lessonsOf, markOf } from "./digit_readers.js";

/** @typedef {import("./digit_readers.js").Knowledge} Knowledge */
/** @typedef {import("./digit_readers.js").Lesson} Lesson */
/** @typedef {import("../core/types.js").Values} Values */

/** Parts that the model on the page is the sum of, as far as they are ticked. */
export const PARTS = /** @type {const} */ (["first", "second", "you", "friend"]);

/** What is known by every part, kept up to date by adding and subtracting alone. */
export class School {
  /** @param {import("./digit_readers.js").Library} library */
  constructor(library) {
    this.library = library;
    this.parts = {
      first: library.shipped((digit) => digit < 5),
      second: library.shipped((digit) => digit >= 5),
      you: library.nothing(),
      friend: library.nothing(),
    };
    /** @type {Record<"you" | "friend", Lesson[]>} */
    this.lessons = { you: [], friend: [] };
  }

  /**
   * Learn the lessons of a text that are new, and forget those that are gone.
   *
   * @param {"you" | "friend"} part
   * @param {string} text
   */
  attend(part, text) {
    const next = lessonsOf(text).filter((lesson) => this.library.read(lesson.text));
    const name = (/** @type {Lesson} */ lesson) => `${lesson.digit}${lesson.text}`;
    const extra = [...next];
    for (const lesson of this.lessons[part]) {
      const place = extra.findIndex((other) => name(other) === name(lesson));
      if (place >= 0) extra.splice(place, 1);
      else this.change(part, lesson, -1);
    }
    for (const lesson of extra) this.change(part, lesson, 1);
    this.lessons[part] = next;
  }

  /**
   * @param {"you" | "friend"} part
   * @param {Lesson} lesson
   * @param {number} times
   */
  change(part, { digit, text }, times) {
    const shown = this.library.read(text);
    if (shown) this.library.learn(this.parts[part], shown, digit, times);
  }

  /**
   * The sum of the parts that are ticked.
   *
   * @param {Values} values
   * @returns {Knowledge}
   */
  sum(values) {
    return PARTS.filter((part) => values[part]).reduce(
      (sum, part) => this.library.merge(sum, this.parts[part]),
      this.library.nothing(),
    );
  }

  /**
   * The fingerprint of a model that has only ever met what is left, in another order.
   *
   * @param {Values} values
   */
  freshMark(values) {
    const { library } = this;
    const fresh = library.nothing();
    const own = [
      ...(values.friend ? this.lessons.friend : []),
      ...(values.you ? this.lessons.you : []),
    ];
    for (const { digit, text } of own.reverse()) {
      const shown = library.read(text);
      if (shown) library.learn(fresh, shown, digit);
    }
    for (const { digit, picture } of [...library.lessons].reverse()) {
      if (values[digit < 5 ? "first" : "second"]) library.learn(fresh, picture, digit);
    }
    return markOf(fresh);
  }
}
