/** A canvas that is as sharp as the screen, as wide as its place, and redrawn in time. */

import { element } from "./dom.js";
import { colours, onTheme } from "./theme.js";

/**
 * @typedef {object} Canvas
 * @property {HTMLElement} element To put into the page.
 * @property {HTMLCanvasElement} canvas
 * @property {() => void} redraw Draw at the next frame, once however often it is called.
 * @property {(text: string) => void} describe Say anew what the picture shows.
 * @property {() => void} destroy
 */

/**
 * A canvas on which `draw` is called when its size, the theme or the state changes.
 *
 * @param {object} options
 * @param {string} options.label What the picture shows, for who cannot see it.
 * @param {number} options.ratio Width over height.
 * @param {number} [options.least] Height that it has at least, in CSS pixels.
 * @param {number} [options.most] Height that it has at most.
 * @param {boolean} [options.interactive] Whether it takes the focus, and keys.
 * @param {(surface: import("./types.js").Surface) => void} options.draw
 * @returns {Canvas}
 */
export function makeCanvas({ label, ratio, least = 0, most = 1e9, interactive, draw }) {
  const canvas = element("canvas", {
    role: interactive ? "application" : "img",
    "aria-label": label,
    ...(interactive ? { tabindex: 0 } : {}),
  });
  const holder = element("div", { class: "canvas" }, canvas);
  let frame = 0;
  const redraw = () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      if (holder.isConnected) paint(canvas, holder, draw);
    });
  };
  const fit = () => {
    const height = Math.min(most, Math.max(least, holder.clientWidth / ratio));
    canvas.style.height = `${Math.round(height)}px`;
    redraw();
  };
  const observer = new ResizeObserver(fit);
  observer.observe(holder);
  const forget = onTheme(redraw);
  return {
    element: holder,
    canvas,
    redraw,
    describe: (text) => canvas.setAttribute("aria-label", text),
    destroy: () => {
      observer.disconnect();
      forget();
      cancelAnimationFrame(frame);
    },
  };
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {HTMLElement} holder
 * @param {(surface: import("./types.js").Surface) => void} draw
 */
function paint(canvas, holder, draw) {
  const width = holder.clientWidth;
  const height = canvas.clientHeight;
  const density = Math.min(devicePixelRatio || 1, 3);
  const pen = canvas.getContext("2d");
  if (!pen || !width || !height) return;
  canvas.width = Math.round(width * density);
  canvas.height = Math.round(height * density);
  pen.setTransform(density, 0, 0, density, 0, 0);
  draw({ pen, width, height, colours: colours() });
}
