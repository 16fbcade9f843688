/** Pictures of the panel *heat*: the plate, and a cut along a row. */

import { clipped, line, plane, polyline, roundUp } from "../core/plot.js";
import { channels } from "../core/theme.js";

/** @typedef {import("../core/types.js").Surface} Surface */
/** @typedef {import("./heat.js").Plate} Plate */

export const CELLS = 24; // of a side
export const BELOW = -1e-5; // heat that is less than nothing, and to be seen

/**
 * Corner and side of the plate in a canvas.
 *
 * @param {number} width
 * @param {number} height
 */
function layOut(width, height) {
  const side = Math.min(width, height);
  return { left: (width - side) / 2, top: (height - side) / 2, cell: side / CELLS };
}

/**
 * Row and column of the cell at a place, if there is one.
 *
 * @param {number} x
 * @param {number} y
 * @param {number} width Of the canvas, in CSS pixels.
 * @param {number} height
 * @returns {number[] | undefined}
 */
export function cellAt(x, y, width, height) {
  const { left, top, cell } = layOut(width, height);
  const place = [Math.floor((y - top) / cell), Math.floor((x - left) / cell)];
  return place.every((n) => n >= 0 && n < CELLS) ? place : undefined;
}

/**
 * @param {Surface} surface
 * @param {Plate} scene
 * @param {boolean} hasFocus
 */
export function drawPlate(surface, scene, hasFocus) {
  const { pen, width, height, colours } = surface;
  const { left, top, cell } = layOut(width, height);
  const most = Math.max(...scene.field, 1e-9);
  const least = Math.min(...scene.field);
  const [cold, hot, below] = [colours.card, colours.first, colours.second].map(channels);
  for (let i = 0; i < CELLS * CELLS; i++) {
    const value = scene.field[i];
    const isBelow = value < BELOW;
    // By the root, so that the little that has gone far is seen; below by what is least.
    const share = isBelow ? 0.25 + 0.75 * (value / least) : Math.sqrt(Math.max(value, 0) / most);
    const end = isBelow ? below : hot;
    const [r, g, b] = cold.map((from, c) => Math.round(from + share * (end[c] - from)));
    pen.fillStyle = `rgb(${r} ${g} ${b})`;
    const x = left + (i % CELLS) * cell;
    const y = top + Math.floor(i / CELLS) * cell;
    pen.fillRect(x, y, cell + 0.5, cell + 0.5);
  }
  pen.strokeStyle = colours.ink;
  pen.lineWidth = 1.5;
  for (const [row, column] of scene.drops) {
    pen.beginPath();
    pen.arc(left + (column + 0.5) * cell, top + (row + 0.5) * cell, cell * 0.28, 0, 2 * Math.PI);
    pen.stroke();
  }
  pen.strokeRect(left + 0.75, top + 0.75, CELLS * cell - 1.5, CELLS * cell - 1.5);
  const [row, column] = scene.mark;
  pen.strokeStyle = colours.ink;
  pen.lineWidth = hasFocus ? 3 : 1;
  pen.setLineDash(hasFocus ? [] : [3, 3]);
  pen.strokeRect(left + column * cell, top + row * cell, cell, cell);
  pen.setLineDash([]);
}

/**
 * @param {Surface} surface
 * @param {Plate} scene
 */
export function drawCut(surface, scene) {
  const { pen, colours } = surface;
  const row = scene.mark[0];
  const cuts = [scene.after.continuous, scene.after.graph].map((field) =>
    field.slice(row * CELLS, (row + 1) * CELLS),
  );
  const most = roundUp(Math.max(...cuts[0], ...cuts[1], 1e-3));
  const least = Math.min(...cuts[0], ...cuts[1], -0.08 * most);
  const frame = plane(surface, {
    x: [0, CELLS - 1],
    y: [1.15 * least, most],
    xLabel: "column",
    yLabel: `heat in row ${row}`,
  });
  pen.strokeStyle = colours.line;
  line(pen, frame.box.left, frame.y.to(0), frame.box.left + frame.box.width, frame.y.to(0));
  clipped(pen, frame.box, () => {
    const xs = Array.from({ length: CELLS }, (_, x) => frame.x.to(x));
    for (const [place, colour] of [colours.first, colours.second].entries()) {
      const isChosen = (place === 0) === (scene.spectrum === "continuous");
      pen.strokeStyle = colour;
      pen.lineWidth = isChosen ? 3 : 1.5;
      pen.setLineDash(place === 0 ? [] : [6, 4]);
      polyline(pen, xs, Array.from(cuts[place], (value) => frame.y.to(value)));
    }
    pen.setLineDash([]);
  });
}
