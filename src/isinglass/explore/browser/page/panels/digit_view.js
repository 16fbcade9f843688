/** What the panel shows: a picture, who reads it, and what they say. */

import { clamp } from "../core/state.js";
import { animate } from "../core/work.js";
import { fromText, toText } from "../physics/strokes.js";
import { DIGITS, DURATIONS } from "../physics/routes.js";

export const END = DURATIONS - 1;
const MOVING = 0.8; // seconds in which routes move when something is learned
const LEARNED = ["taught", "other", "first", "second", "you", "friend"];

/** @typedef {import("../core/types.js").Values} Values */

/** What is said of an empty pad. @type {import("./digit_readers.js").Answer} */
const NO_ANSWER = {
  routes: Array(DIGITS).fill(0),
  couplings: Array(DIGITS).fill(0),
  curves: new Float64Array(DIGITS * DURATIONS),
};

/** What is to be seen: the picture, who reads it, and what they say. */
export class View {
  /**
   * @param {import("./digit_readers.js").Library} library
   * @param {import("./digit_school.js").School} school
   */
  constructor(library, school) {
    this.library = library;
    this.school = school;
    this.time = END;
    this.turn = 0;
    /** @type {import("../physics/strokes.js").Stroke[]} */
    this.strokes = [];
    this.reader = library.reader(library.nothing());
    /** @type {Float64Array} Shares that are drawn, moving to those of what is known. */
    this.shares = new Float64Array(0);
    this.moving = { cancel: () => {} };
    this.onMove = () => {};
    this.fresh = "";
    this.text = "";
    this.shown = library.see(new Uint8Array(784));
    this.answer = NO_ANSWER;
  }

  /** @param {Values} values @param {Set<string>} changed */
  change(values, changed) {
    this.time = clamp(Number(values.time), 0, END);
    this.turn = clamp(Number(values.turn), -180, 180);
    const hasLearned = LEARNED.some((name) => changed.has(name));
    if (hasLearned) {
      this.school.attend("you", String(values.taught));
      this.school.attend("friend", String(values.other));
      this.reader = this.library.reader(this.school.sum(values));
      this.fresh = this.school.freshMark(values);
      this.move();
    }
    if (changed.has("strokes") || changed.has("sample")) this.look(values);
    else if (!hasLearned) return;
    this.answer = this.text ? this.reader.answer(this.shown) : NO_ANSWER;
  }

  /** Let the routes that are drawn move to what is known now. */
  move() {
    this.moving.cancel();
    const [before, after] = [this.shares, this.reader.shares];
    let way = before.length ? 0 : 1;
    this.shares = before.length ? before : after;
    if (way < 1) {
      this.moving = animate((seconds) => {
        way = Math.min(1, way + seconds / MOVING);
        this.shares = after.map((share, i) => way * share + (1 - way) * before[i]);
        this.onMove();
        return way < 1;
      });
    }
  }

  /** @param {Values} values */
  look(values) {
    this.strokes = fromText(String(values.strokes)) ?? [];
    const sample = this.strokes.length ? undefined : this.library.samples[Number(values.sample)];
    this.text = sample ? `.${values.sample}` : this.strokes.length ? String(values.strokes) : "";
    this.shown = sample ?? this.library.read(toText(this.strokes)) ?? this.shown;
  }

  get sample() {
    return this.text.startsWith(".") ? this.shown.pixels : undefined;
  }

  /** The digits that the learner of routes finds likeliest. */
  get ranks() {
    if (!this.text) return [];
    const { routes } = this.answer;
    const order = [...routes.keys()].filter((y) => this.reader.isLearned[y]);
    return order.sort((a, b) => routes[b] - routes[a]).slice(0, 2);
  }
}

/** @param {View} view @returns {[string, string]} */
export function spoken(view) {
  if (!view.text) return ["nothing yet", "nothing yet"];
  const { routes, couplings } = view.answer;
  return [name(routes), name(couplings)];
}

/** @param {number[]} shares */
function name(shares) {
  const top = Math.max(...shares);
  return top > 0 ? `${shares.indexOf(top)} (${(100 * top).toFixed(0)} %)` : "nothing yet";
}

/** @param {View} view */
export function sentence(view) {
  if (!view.text) return "The pad is empty.";
  const [routes, couplings] = spoken(view);
  return `Routes read ${routes}, couplings read ${couplings}.`;
}
