/** A canvas with a caption. */

import { element } from "./dom.js";

/**
 * @param {import("./canvas.js").Canvas} canvas
 * @param {string} name A class of its own.
 * @param {string} caption
 */
export function picture(canvas, name, caption) {
  return element(
    "figure",
    { class: `picture ${name}` },
    canvas.element,
    element("figcaption", {}, caption),
  );
}
