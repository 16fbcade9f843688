/** The pad: a drawing by mouse, pen, finger or arrow keys. */

import { makeCanvas } from "../core/canvas.js";
import { arrows, dragging } from "../core/pointer.js";
import { clamp } from "../core/state.js";
import { SIDE } from "../physics/strokes.js";

const FULL = 255; // coordinates of a drawing end here
const STEP = 4; // between points of a stroke
const KEY_STEP = 8;
const LABEL =
  "Pad to draw a digit on. By keyboard: arrow keys move the pen, Space puts it down " +
  "and lifts it, Backspace takes the last stroke away, Delete clears the pad.";

/** @typedef {import("../physics/strokes.js").Stroke} Stroke */

/**
 * @param {object} options
 * @param {() => Stroke[]} options.strokes What is drawn now.
 * @param {() => Uint8Array | undefined} options.sample A picture shown in its place.
 * @param {(strokes: Stroke[]) => void} options.onDraw
 * @returns {import("../core/canvas.js").Canvas}
 */
export function makePad({ strokes, sample, onDraw }) {
  const pen = { x: 96, y: 56, isDown: false, isShown: false };
  const pad = makeCanvas({
    label: LABEL,
    ratio: 1, // a drawing must not be squeezed
    interactive: true,
    draw: (surface) => {
      const pixels = sample();
      if (pixels) drawPixels(surface, pixels);
      else drawStrokes(surface, strokes());
      if (pen.isShown) drawPen(surface, pen);
    },
  });
  pad.canvas.classList.add("pad");
  const place = (/** @type {number} */ x, /** @type {number} */ y) => {
    const across = (/** @type {number} */ v, /** @type {number} */ size) =>
      clamp(Math.round((v / size) * FULL), 0, FULL);
    return /** @type {[number, number]} */ ([
      across(x, pad.canvas.clientWidth),
      across(y, pad.canvas.clientHeight),
    ]);
  };
  dragging(pad.canvas, {
    start: (x, y) => {
      pen.isDown = pen.isShown = false;
      onDraw([...strokes(), [place(x, y)]]);
      return true;
    },
    move: (x, y) => onDraw(longer(strokes(), place(x, y))),
  });
  listenToKeys(pad, pen, strokes, onDraw);
  return pad;
}

/**
 * The strokes with a point more in the last of them. Its end moves on until it is a step
 * away from the point before.
 *
 * @param {Stroke[]} strokes
 * @param {[number, number]} point
 * @returns {Stroke[]}
 */
function longer(strokes, point) {
  const last = strokes.at(-1) ?? [];
  const [before, end] = [last.at(-2), last.at(-1)];
  const isLoose = before && end && Math.hypot(end[0] - before[0], end[1] - before[1]) < STEP;
  return [...strokes.slice(0, -1), [...(isLoose ? last.slice(0, -1) : last), point]];
}

/**
 * @param {import("../core/canvas.js").Canvas} pad
 * @param {{x: number, y: number, isDown: boolean, isShown: boolean}} pen
 * @param {() => Stroke[]} strokes
 * @param {(strokes: Stroke[]) => void} onDraw
 */
function listenToKeys(pad, pen, strokes, onDraw) {
  arrows(pad.canvas, (right, up) => {
    const move = (/** @type {number} */ v, /** @type {number} */ by) =>
      clamp(v + KEY_STEP * by, 0, FULL);
    [pen.x, pen.y] = [move(pen.x, right), move(pen.y, -up)];
    pen.isShown = true;
    if (pen.isDown) onDraw(longer(strokes(), [pen.x, pen.y]));
    pad.redraw();
  });
  pad.canvas.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === " ") {
      pen.isDown = !pen.isDown;
      pen.isShown = true;
      if (pen.isDown) onDraw([...strokes(), [[pen.x, pen.y]]]);
    } else if (event.key === "Backspace" || event.key === "Delete") {
      pen.isDown = false; // or the next arrow would go on with another stroke
      onDraw(event.key === "Delete" ? [] : strokes().slice(0, -1));
    } else return;
    event.preventDefault();
    pad.redraw();
  });
  pad.canvas.addEventListener("blur", () => {
    pen.isDown = pen.isShown = false;
    pad.redraw();
  });
}

/**
 * @param {import("../core/types.js").Surface} surface
 * @param {Stroke[]} strokes
 */
function drawStrokes({ pen, width, height, colours }, strokes) {
  pen.strokeStyle = colours.ink;
  pen.lineWidth = width / 13;
  pen.lineCap = "round";
  pen.lineJoin = "round";
  for (const stroke of strokes) {
    pen.beginPath();
    stroke.forEach(([x, y], i) => {
      const [px, py] = [(x / FULL) * width, (y / FULL) * height];
      if (i) pen.lineTo(px, py);
      else pen.moveTo(px, py);
    });
    if (stroke.length === 1) {
      const [x, y] = stroke[0];
      pen.lineTo((x / FULL) * width, (y / FULL) * height + 0.01);
    }
    pen.stroke();
  }
  if (strokes.length) return;
  pen.fillStyle = colours.muted;
  pen.font = "15px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText("Draw a digit here", width / 2, height / 2);
}

/**
 * @param {import("../core/types.js").Surface} surface
 * @param {Uint8Array} pixels
 */
function drawPixels({ pen, width, height, colours }, pixels) {
  const [w, h] = [width / SIDE, height / SIDE];
  pen.fillStyle = colours.ink;
  pixels.forEach((value, at) => {
    if (!value) return;
    pen.globalAlpha = value / 255;
    pen.fillRect((at % SIDE) * w, Math.floor(at / SIDE) * h, w + 0.5, h + 0.5);
  });
  pen.globalAlpha = 1;
}

/**
 * @param {import("../core/types.js").Surface} surface
 * @param {{x: number, y: number, isDown: boolean}} at
 */
function drawPen({ pen, width, height, colours }, at) {
  pen.beginPath();
  pen.arc((at.x / FULL) * width, (at.y / FULL) * height, width / 26, 0, 2 * Math.PI);
  pen.lineWidth = 2;
  pen.strokeStyle = colours.first;
  pen.fillStyle = colours.first;
  if (at.isDown) pen.fill();
  pen.stroke();
}
