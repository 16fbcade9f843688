/** The controls by which a reader is taught, forgets, and is merged with others. */

import { makeCanvas } from "../core/canvas.js";
import { button, toggle } from "../core/controls.js";
import { element, uniqueId } from "../core/dom.js";
import { fromFragment } from "../core/state.js";
import { DIGITS } from "../physics/routes.js";
import { SIDE } from "../physics/strokes.js";
import { lessonsOf } from "./digit_readers.js";

/**
 * Ten buttons, one a digit.
 *
 * @param {object} options
 * @param {string} options.label Of them all.
 * @param {(digit: number) => string} options.name Of one of them.
 * @param {(digit: number) => void} options.onPick
 * @returns {HTMLElement}
 */
export function digitKeys({ label, name, onPick }) {
  const keys = Array.from({ length: DIGITS }, (_, digit) => {
    const key = button(String(digit), () => onPick(digit));
    key.setAttribute("aria-label", name(digit));
    return key;
  });
  const row = element("div", { class: "keys" }, ...keys);
  return element("fieldset", { class: "parts" }, element("legend", {}, label), row);
}

/**
 * What was taught, each with a button that makes the reader forget it.
 *
 * @param {import("./digit_readers.js").Library} library
 * @param {(place: number) => void} onForget
 */
export function lessonList(library, onForget) {
  const list = element("ul", { class: "lessons" });
  /** @type {import("../core/canvas.js").Canvas[]} */
  let pictures = [];
  const clear = () => {
    for (const picture of pictures) picture.destroy();
    pictures = [];
  };
  const show = (/** @type {import("./digit_readers.js").Lesson[]} */ lessons) => {
    clear();
    const items = lessons.map(({ digit, text }, place) => {
      const picture = thumbnail(library.read(text)?.pixels, digit);
      pictures.push(picture);
      const forget = button(`Forget this ${digit}`, () => onForget(place));
      return element("li", {}, picture.element, forget);
    });
    list.replaceChildren(...items);
  };
  return { element: list, show, destroy: clear };
}

/**
 * @param {Uint8Array | undefined} pixels
 * @param {number} digit
 */
function thumbnail(pixels, digit) {
  return makeCanvas({
    label: `The ${digit} that you taught`,
    ratio: 1,
    most: 44,
    draw: ({ pen, width, height, colours }) => {
      pen.fillStyle = colours.ink;
      pixels?.forEach((value, at) => {
        pen.globalAlpha = value / 255;
        const [x, y] = [at % SIDE, Math.floor(at / SIDE)];
        pen.fillRect((x * width) / SIDE, (y * height) / SIDE, width / SIDE + 0.3, height / SIDE + 0.3);
      });
    },
  });
}

/**
 * Which parts are added up.
 *
 * @param {Record<string, string>} labels By the name of the part.
 * @param {import("../core/types.js").Values} values
 * @param {(part: string, isTicked: boolean) => void} onTick
 */
export function partToggles(labels, values, onTick) {
  /** @type {Map<string, import("../core/controls.js").Control<boolean>>} */
  const boxes = new Map();
  for (const [part, label] of Object.entries(labels)) {
    const box = toggle({
      label,
      value: Boolean(values[part]),
      onInput: (isTicked) => onTick(part, isTicked),
    });
    boxes.set(part, box);
  }
  const legend = element("legend", {}, "What it has learned is the sum of");
  const all = [...boxes.values()].map((box) => box.element);
  return {
    element: element("fieldset", { class: "parts" }, legend, ...all),
    set: (/** @type {import("../core/types.js").Values} */ next) => {
      for (const [part, box] of boxes) box.set(Boolean(next[part]));
    },
  };
}

/**
 * A field for a link of somebody else, whose lessons are merged.
 *
 * @param {(lessons: string) => void} onMerge
 */
export function friendField(onMerge) {
  const id = uniqueId("friend");
  const field = element("input", { type: "text", id, autocomplete: "off", spellcheck: "false" });
  const note = element("p", { class: "note", role: "status" });
  const merge = button("Merge", () => {
    const lessons = lessonsOfLink(field.value);
    note.textContent = lessons ? "" : "That is no link to this panel with digits taught.";
    if (lessons) onMerge(lessons);
  });
  const row = element("div", { class: "row" }, field, merge);
  const label = element("label", { for: id }, "Merge a friend's: paste the link of their page");
  return { element: element("div", { class: "friend" }, label, row, note) };
}

/**
 * @param {string} link
 * @returns {string} Lessons as a fragment has them, or nothing.
 */
function lessonsOfLink(link) {
  const { id, query } = fromFragment(link.slice(link.indexOf("#") + 1));
  const taught = query.get("taught") ?? "";
  return id === "digit" && lessonsOf(taught).length ? taught : "";
}
