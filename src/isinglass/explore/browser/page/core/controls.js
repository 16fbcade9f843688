/** Controls with labels, for mouse, keyboard and touch, and what they show. */

import { element, uniqueId } from "./dom.js";
import { clamp } from "./state.js";

/**
 * @template T
 * @typedef {object} Control
 * @property {HTMLElement} element
 * @property {(value: T) => void} set Show another value, without telling of it.
 */

/**
 * A number, by a slider and as text.
 *
 * @param {object} options
 * @param {string} options.label
 * @param {number} options.low
 * @param {number} options.high
 * @param {number} options.step
 * @param {number} options.value
 * @param {(value: number) => void} options.onInput
 * @returns {Control<number> & {bound: (low: number, high: number, step: number) => void}}
 */
export function slider({ label, low, high, step, value, onInput }) {
  const id = uniqueId("slider");
  const bounds = { min: low, max: high, step };
  const range = element("input", { type: "range", id, ...bounds });
  const text = element("input", {
    type: "number",
    "aria-label": `${label}, as a number`,
    ...bounds,
    step: "any",
  });
  let last = value;
  const set = (/** @type {number} */ number) => {
    last = number;
    range.value = String(number);
    text.value = String(Number(number.toPrecision(9)));
  };
  range.addEventListener("input", () => {
    last = range.valueAsNumber;
    text.value = String(Number(last.toPrecision(9)));
    onInput(last);
  });
  text.addEventListener("change", () => {
    const number = text.valueAsNumber;
    if (!Number.isFinite(number)) return set(last); // an emptied field changes nothing
    set(clamp(number, Number(range.min), Number(range.max)));
    onInput(Number(text.value));
  });
  const bound = (/** @type {number} */ least, /** @type {number} */ most, /** @type {number} */ by) => {
    for (const input of [range, text]) {
      input.min = String(least);
      input.max = String(most);
    }
    range.step = String(by);
  };
  set(value);
  const name = element("label", { for: id }, label);
  return { element: element("div", { class: "slider" }, name, text, range), set, bound };
}

/**
 * One of a few, all in sight.
 *
 * @param {object} options
 * @param {string} options.label
 * @param {Record<string, string>} options.options What each value is called.
 * @param {string} options.value
 * @param {(value: string) => void} options.onInput
 * @returns {Control<string> & {focus: () => void}}
 */
export function choice({ label, options, value, onInput }) {
  const name = uniqueId("choice");
  /** @type {Map<string, HTMLInputElement>} */
  const buttons = new Map();
  const labels = Object.entries(options).map(([key, text]) => {
    const button = element("input", { type: "radio", name, value: key });
    button.addEventListener("change", () => onInput(key));
    buttons.set(key, button);
    return element("label", {}, button, element("span", {}, text));
  });
  const set = (/** @type {string} */ key) => {
    const button = buttons.get(key);
    if (button) button.checked = true;
  };
  set(value);
  const legend = element("legend", {}, label);
  const row = element("div", { class: "row" }, ...labels);
  const focus = () => [...buttons.values()].find((button) => button.checked)?.focus();
  return { element: element("fieldset", { class: "choice" }, legend, row), set, focus };
}

/**
 * Yes or no.
 *
 * @param {object} options
 * @param {string} options.label
 * @param {boolean} options.value
 * @param {(value: boolean) => void} options.onInput
 * @returns {Control<boolean>}
 */
export function toggle({ label, value, onInput }) {
  const box = element("input", { type: "checkbox" });
  box.addEventListener("change", () => onInput(box.checked));
  const set = (/** @type {boolean} */ is) => {
    box.checked = is;
  };
  set(value);
  return { element: element("label", { class: "toggle" }, box, label), set };
}

/**
 * @param {string} label
 * @param {() => void} onClick
 */
export function button(label, onClick) {
  return element("button", { type: "button", onclick: onClick }, label);
}

/**
 * Facts by name that change as one plays. They are not read out whenever they change;
 * `announcer` does that.
 *
 * @param {string[]} names
 * @param {string[]} [keys] Class of the coloured dot before each name: "first" or kin.
 * @returns {{element: HTMLElement, set: (name: string, text: string) => void}}
 */
export function facts(names, keys = []) {
  const list = element("dl", { class: "facts" });
  /** @type {Map<string, HTMLElement>} */
  const texts = new Map();
  for (const [i, name] of names.entries()) {
    const text = element("dd");
    texts.set(name, text);
    const term = element("dt", keys[i] ? { class: `key ${keys[i]}` } : {}, name);
    list.append(element("div", {}, term, text));
  }
  return {
    element: list,
    set: (name, text) => {
      const place = texts.get(name);
      if (place && place.textContent !== text) place.textContent = text;
    },
  };
}

/**
 * A sentence on what is to be seen now, which screen readers read when it changes. It
 * waits until things have come to rest.
 *
 * @returns {{element: HTMLElement, say: (text: string) => void}}
 */
export function announcer() {
  const place = element("p", { class: "now", role: "status" });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  return {
    element: place,
    say: (text) => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        if (place.textContent !== text) place.textContent = text;
      }, 150);
    },
  };
}

/**
 * One of several, in a list that opens.
 *
 * @param {object} options
 * @param {string} options.label
 * @param {Record<string, string>} options.options What each value is called.
 * @param {string} options.value
 * @param {(value: string) => void} options.onInput
 * @returns {Control<string> & {fill: (options: Record<string, string>) => void}}
 */
export function list({ label, options, value, onInput }) {
  const id = uniqueId("list");
  const select = element("select", { id });
  select.addEventListener("change", () => onInput(select.value));
  const fill = (/** @type {Record<string, string>} */ texts) => {
    const entries = Object.entries(texts);
    select.replaceChildren(...entries.map(([key, text]) => element("option", { value: key }, text)));
  };
  const set = (/** @type {string} */ key) => {
    select.value = key;
  };
  fill(options);
  set(value);
  const name = element("label", { for: id }, label);
  return { element: element("div", { class: "list" }, name, select), set, fill };
}
