/** Pictures beside their controls; on a narrow screen, above them. */

import { element } from "./dom.js";

/** @param {Node[]} pictures @param {Node[]} controls */
export function stage(pictures, controls) {
  return element(
    "div",
    { class: "stage" },
    element("div", { class: "pictures" }, ...pictures),
    element("div", { class: "controls" }, ...controls),
  );
}
