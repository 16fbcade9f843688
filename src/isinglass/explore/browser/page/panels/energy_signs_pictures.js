/** Pictures of Hopfield's network: the plane of two overlaps, and the signs. */

import { clipped, plane, polyline } from "../core/plot.js";
import { clamp } from "../core/state.js";
import { isReachable, overlaps } from "../physics/overlaps.js";
import { SIDE } from "./energy_letters.js";
import { drawPattern, drawState, paintContours, paintGrid } from "./energy_pictures.js";

/** @typedef {import("../core/types.js").Surface} Surface */
/** @typedef {import("./energy_signs.js").SignScene} SignScene */

const COLUMNS = 91;
const HALF = 1.12; // of the plane's width
const REACH = 28; // CSS pixels within which a finger takes hold of the state

/** Energy of states that overlap with two patterns alone, −n (m₁² + m₂²) / 2. */
export class OverlapPlane {
  constructor() {
    /** @type {import("../core/types.js").Plane | undefined} */
    this.frame = undefined;
  }

  /**
   * The overlaps at a place of the canvas.
   *
   * @param {number} x In CSS pixels.
   * @param {number} y
   */
  from(x, y) {
    return this.frame ? [this.frame.x.from(x), this.frame.y.from(y)] : [0, 0];
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {SignScene} scene
   */
  isNear(x, y, scene) {
    return [scene.shown, scene.start].some((state) => {
      const [first, second] = overlaps(state, scene.axes);
      const [dx, dy] = [this.frame?.x.to(first), this.frame?.y.to(second)];
      return dx !== undefined && dy !== undefined && Math.hypot(dx - x, dy - y) < REACH;
    });
  }

  /**
   * @param {Surface} surface
   * @param {SignScene} scene
   */
  draw(surface, scene) {
    const { pen, colours } = surface;
    const [a, b] = scene.letters;
    const range = /** @type {[number, number]} */ ([-HALF, HALF]);
    const labels = { xLabel: `overlap with ${a}`, yLabel: `overlap with ${b}` };
    const frame = plane(surface, { x: range, y: range, ...labels });
    this.frame = frame;
    const [overlap] = overlaps(scene.axes[0], [scene.axes[1]]);
    const grid = energies(overlap, scene.start.length);
    clipped(pen, frame.box, () => {
      paintGrid(surface, frame.box, grid, COLUMNS);
      paintContours(surface, frame.box, grid, COLUMNS);
      const points = scene.descent.states.map((state) => overlaps(state, scene.axes));
      pen.strokeStyle = colours.first;
      pen.lineWidth = 2;
      polyline(pen, points.map(([x]) => frame.x.to(x)), points.map(([, y]) => frame.y.to(y)));
    });
    const state = overlaps(scene.start, scene.axes);
    drawState(surface, frame, { state, shown: overlaps(scene.shown, scene.axes) });
    for (const sign of [1, -1]) {
      const mark = sign > 0 ? "" : "−";
      drawPattern(surface, frame, [sign, sign * overlap], mark + a);
      drawPattern(surface, frame, [sign * overlap, sign], mark + b);
    }
  }
}

/**
 * @param {number} overlap That of the two patterns.
 * @param {number} n Signs.
 */
function energies(overlap, n) {
  const values = new Float64Array(COLUMNS * COLUMNS);
  for (let row = 0; row < COLUMNS; row++) {
    for (let column = 0; column < COLUMNS; column++) {
      const first = HALF * ((2 * column) / (COLUMNS - 1) - 1);
      const second = HALF * (1 - (2 * row) / (COLUMNS - 1));
      values[row * COLUMNS + column] = isReachable(first, second, overlap)
        ? (-n * (first ** 2 + second ** 2)) / 2
        : NaN;
    }
  }
  return values;
}

/** A state as a picture, and the sign that the keyboard is at. */
export class PixelGrid {
  constructor() {
    this.cursor = 0;
    this.left = 0;
    this.top = 0;
    this.cell = 1;
  }

  /**
   * @param {number} x In CSS pixels.
   * @param {number} y
   */
  placeAt(x, y) {
    const column = Math.floor((x - this.left) / this.cell);
    const row = Math.floor((y - this.top) / this.cell);
    return [column, row].every((i) => i >= 0 && i < SIDE) ? row * SIDE + column : -1;
  }

  /**
   * @param {number} right
   * @param {number} up
   */
  moveCursor(right, up) {
    const column = clamp((this.cursor % SIDE) + right, 0, SIDE - 1);
    const row = clamp(Math.floor(this.cursor / SIDE) - up, 0, SIDE - 1);
    this.cursor = row * SIDE + column;
  }

  /**
   * @param {Surface} surface
   * @param {number[]} state
   */
  draw({ pen, width, height, colours }, state) {
    this.cell = Math.floor((Math.min(width, height) - 24) / SIDE);
    this.left = (width - SIDE * this.cell) / 2;
    this.top = (height - SIDE * this.cell) / 2;
    state.forEach((sign, i) => {
      const [x, y] = this.#corner(i);
      pen.fillStyle = sign > 0 ? colours.ink : colours.line;
      pen.fillRect(x + 1, y + 1, this.cell - 2, this.cell - 2);
    });
    if (document.activeElement !== pen.canvas) return;
    const [x, y] = this.#corner(this.cursor);
    pen.strokeStyle = colours.first;
    pen.lineWidth = 3;
    pen.strokeRect(x + 1.5, y + 1.5, this.cell - 3, this.cell - 3);
  }

  /** @param {number} place */
  #corner(place) {
    const [row, column] = [Math.floor(place / SIDE), place % SIDE];
    return [this.left + column * this.cell, this.top + row * this.cell];
  }
}
