/** The controls of the panel, and what they say. */

import { announcer, button, facts, slider } from "../core/controls.js";
import { element } from "../core/dom.js";
import { animate } from "../core/work.js";
import { digitKeys, friendField, lessonList, partToggles } from "./digit_lessons.js";
import { textOf } from "./digit_readers.js";
import { END, sentence, spoken } from "./digit_view.js";

const STEPS_A_SECOND = 6; // of signals, when they are sent
const PARTS = {
  first: "50 pictures of 0 to 4, met by one reader",
  second: "50 pictures of 5 to 9, met by another",
  you: "what you teach",
  friend: "what a friend taught",
};
const MARK = "Fingerprint of what it knows";
const FRESH = "The same, learned afresh";

/** @typedef {import("../core/types.js").Context} Context */
/** @typedef {import("../core/types.js").Values} Values */
/** @typedef {import("./digit_view.js").View} View */

/**
 * @param {View} view
 * @param {Context} context
 */
export function makeControls(view, context) {
  const read = facts(["Routes read", "Couplings read"], ["third", "fourth"]);
  read.element.classList.add("answers");
  const now = announcer(); // for who cannot see the facts change
  now.element.classList.add("unseen");
  const sending = makeSending(context);
  const lessons = makeLessons(view, context);
  const clear = button("Clear", () => context.set({ strokes: "", sample: -1 }));
  const samples = digitKeys({
    label: "Or show it a digit that it has not met",
    name: (label) => `Show a ${label}`,
    onPick: (label) => context.set({ strokes: "", sample: anotherSample(view, label) }),
  });
  return {
    answers: element("div", {}, read.element, now.element),
    reading: [
      element("div", { class: "row" }, clear, sending.button),
      sending.slider.element,
      samples,
      ...lessons.teaching,
    ],
    learning: lessons.knowing,
    destroy: () => {
      sending.stop();
      lessons.destroy();
    },
    show: (/** @type {Values} */ values, /** @type {Set<string>} */ changed) => {
      const [routes, couplings] = spoken(view);
      read.set("Routes read", routes);
      read.set("Couplings read", couplings);
      now.say(sentence(view));
      sending.slider.set(Number(view.time.toFixed(1)));
      lessons.show(values, changed);
    },
  };
}

/**
 * Signals that leave, and the time at which one looks at them.
 *
 * @param {Context} context
 */
function makeSending(context) {
  let play = { cancel: () => {} };
  const time = slider({
    label: "Time",
    low: 0,
    high: END,
    step: 0.1,
    value: END,
    onInput: (value) => {
      play.cancel();
      context.set({ time: value });
    },
  });
  const send = button("Send the signals", () => {
    play.cancel();
    let at = 0;
    play = animate((seconds) => {
      at = Math.min(END, at + STEPS_A_SECOND * seconds);
      context.set({ time: at });
      return at < END;
    });
  });
  return { slider: time, button: send, stop: () => play.cancel() };
}

/**
 * What is taught, forgotten and merged.
 *
 * @param {View} view
 * @param {Context} context
 */
function makeLessons(view, context) {
  const { school } = view;
  const note = element("p", { class: "note", role: "status" });
  const marks = facts([MARK, FRESH]);
  const teach = (/** @type {number} */ label) => {
    const before = view.reader.mark;
    const own = school.lessons.you;
    if (view.text) context.set({ taught: textOf([...own, { digit: label, text: view.text }]) });
    note.textContent = view.text
      ? `Taught a ${label}. The fingerprint was ${before}, and is ${view.reader.mark}.`
      : "Draw something first.";
  };
  const lessons = lessonList(view.library, (place) => {
    const own = school.lessons.you;
    const label = own[place].digit;
    context.set({ taught: textOf(own.filter((_, other) => other !== place)) });
    note.textContent =
      view.reader.mark === view.fresh
        ? `Forgot the ${label}. What it knows is what it would without: ${view.fresh}, bit for bit.`
        : `Forgot the ${label}, but something of it is left.`;
  });
  const parts = partToggles(PARTS, context.values, (part, isTicked) =>
    context.set({ [part]: isTicked }),
  );
  const friend = friendField((taught) => {
    context.set({ other: taught, friend: true });
    note.textContent = `Merged: pictures that a friend taught, ${school.lessons.friend.length}.`;
  });
  const keys = digitKeys({
    label: "Teach it what you see: this is a",
    name: (label) => `Teach that this is a ${label}`,
    onPick: teach,
  });
  return {
    teaching: [keys, lessons.element, note],
    knowing: [parts.element, marks.element, friend.element],
    destroy: lessons.destroy,
    show: (/** @type {Values} */ values, /** @type {Set<string>} */ changed) => {
      const { mark } = view.reader;
      marks.set(MARK, mark);
      marks.set(FRESH, mark === view.fresh ? `${view.fresh} (equal)` : view.fresh);
      parts.set(values);
      if (changed.has("taught")) lessons.show(school.lessons.you);
    },
  };
}

/**
 * The next sample of a digit after the one that is shown.
 *
 * @param {View} view
 * @param {number} label
 */
function anotherSample(view, label) {
  const places = [...view.library.sampleDigits.keys()].filter(
    (place) => view.library.sampleDigits[place] === label,
  );
  const at = places.indexOf(view.sample ? Number(view.text.slice(1)) : -1);
  return places[(at + 1) % places.length];
}
