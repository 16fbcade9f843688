/** Pictures of the panel *energy landscape*: the terrain, and the energy along a way. */

import { clipped, line, plane, polyline } from "../core/plot.js";
import { channels } from "../core/theme.js";
import { contour } from "../physics/contours.js";

/** @typedef {import("../core/types.js").Surface} Surface */
/** @typedef {import("../core/types.js").Plane} Plane */

const COLUMNS = 108;
const LEVELS = 16;
const HALF = 3.1; // of the plane's width

/**
 * @typedef {object} Scenery What a terrain shows: `Scene` of the plane is one.
 * @property {string} key
 * @property {number[][]} patterns
 * @property {number[]} state
 * @property {number[]} shown
 * @property {string} method
 * @property {import("../physics/energies.js").Landscape} landscape
 * @property {import("../physics/descent.js").Descent} descent
 */

/** The plane with its energy, and all that lies in it. */
export class Terrain {
  constructor() {
    /** @type {Plane | undefined} */
    this.frame = undefined;
    this.key = "";
    this.grid = new Float64Array(0);
    this.rows = 0;
  }

  /**
   * The point of the plane at a place of the canvas.
   *
   * @param {number} x In CSS pixels.
   * @param {number} y
   */
  from(x, y) {
    return this.frame ? [this.frame.x.from(x), this.frame.y.from(y)] : [0, 0];
  }

  /** A length in the plane. @param {number} pixels */
  length(pixels) {
    return this.frame ? (pixels * 2 * HALF) / this.frame.box.width : 0;
  }

  /**
   * @param {Surface} surface
   * @param {Scenery} scene
   */
  draw(surface, scene) {
    const { pen, width, height } = surface;
    const margin = { left: 30, right: 10, top: 10, bottom: 24 };
    const tall = (HALF * (height - 34)) / (width - 40);
    const axes = { x: range(HALF), y: range(tall), margin };
    this.frame = plane(surface, axes);
    this.#survey(scene, tall);
    const { box } = this.frame;
    clipped(pen, box, () => {
      paintGrid(surface, box, this.grid, COLUMNS);
      paintContours(surface, box, this.grid, COLUMNS);
      drawAttention(surface, this.frame, scene);
      drawWay(surface, this.frame, scene);
    });
    drawState(surface, this.frame, scene);
    scene.patterns.forEach((pattern, i) => drawPattern(surface, this.frame, pattern, String(i + 1)));
    pen.strokeStyle = surface.colours.line;
    pen.strokeRect(box.left + 0.5, box.top + 0.5, box.width, box.height);
  }

  /**
   * @param {Scenery} scene
   * @param {number} tall
   */
  #survey({ key, landscape, patterns }, tall) {
    const rows = Math.max(2, Math.round((COLUMNS * tall) / HALF));
    if (key === this.key && rows === this.rows) return;
    [this.key, this.rows] = [key, rows];
    this.grid = new Float64Array(rows * COLUMNS);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < COLUMNS; column++) {
        const x = HALF * ((2 * column) / (COLUMNS - 1) - 1);
        const y = tall * (1 - (2 * row) / (rows - 1));
        this.grid[row * COLUMNS + column] = landscape.energy([x, y], patterns);
      }
    }
  }
}

/**
 * @param {number} half
 * @returns {[number, number]}
 */
function range(half) {
  return [-half, half];
}

/**
 * Values as colours, low ones strong. Differences near the lowest show most.
 *
 * @param {Surface} surface
 * @param {Plane["box"]} box
 * @param {Float64Array} grid Row by row from the top; NaN where there is nothing.
 * @param {number} columns
 */
export function paintGrid({ pen, colours }, box, grid, columns) {
  const rows = grid.length / columns;
  const [low, high] = extent(grid);
  const [deep, flat] = [channels(colours.second), channels(colours.card)];
  const image = new ImageData(columns, rows);
  grid.forEach((value, i) => {
    const height = Math.sqrt((value - low) / (high - low || 1));
    const share = (colours.dark ? 0.75 : 0.8) * (1 - height);
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = flat[c] + share * (deep[c] - flat[c]);
    image.data[4 * i + 3] = Number.isNaN(value) ? 0 : 255;
  });
  const small = new OffscreenCanvas(columns, rows);
  small.getContext("2d")?.putImageData(image, 0, 0);
  pen.imageSmoothingEnabled = true;
  pen.imageSmoothingQuality = "high";
  // The outermost values stand on the frame, not half a cell within it.
  const [w, h] = [box.width / (columns - 1), box.height / (rows - 1)];
  pen.drawImage(small, box.left - w / 2, box.top - h / 2, box.width + w, box.height + h);
}

/**
 * @param {Surface} surface
 * @param {Plane["box"]} box
 * @param {Float64Array} grid
 * @param {number} columns
 */
export function paintContours({ pen, colours }, box, grid, columns) {
  const rows = grid.length / columns;
  const [low, high] = extent(grid);
  const [w, h] = [box.width / (columns - 1), box.height / (rows - 1)];
  pen.strokeStyle = colours.ink;
  pen.globalAlpha = 0.22;
  pen.lineWidth = 1;
  pen.beginPath();
  for (let k = 1; k < LEVELS; k++) {
    const ends = contour(grid, columns, low + (high - low) * (k / LEVELS) ** 2);
    for (let i = 0; i < ends.length; i += 4) {
      pen.moveTo(box.left + ends[i] * w, box.top + ends[i + 1] * h);
      pen.lineTo(box.left + ends[i + 2] * w, box.top + ends[i + 3] * h);
    }
  }
  pen.stroke();
  pen.globalAlpha = 1;
}

/**
 * @param {Float64Array} grid
 * @returns {[number, number]}
 */
function extent(grid) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of grid) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/**
 * How much of its attention the state that is shown pays to each pattern.
 *
 * @param {Surface} surface
 * @param {Plane | undefined} frame
 * @param {Scenery} scene
 */
function drawAttention({ pen, colours }, frame, { shown, patterns, landscape }) {
  if (!frame) return;
  pen.strokeStyle = colours.fourth;
  landscape.weights(shown, patterns).forEach((weight, i) => {
    if (weight < 0.005) return;
    const [x, y] = patterns[i];
    pen.globalAlpha = 0.35 + 0.5 * weight;
    pen.lineWidth = 0.5 + 5 * weight;
    line(pen, frame.x.to(shown[0]), frame.y.to(shown[1]), frame.x.to(x), frame.y.to(y));
  });
  pen.globalAlpha = 1;
}

/**
 * @param {Surface} surface
 * @param {Plane | undefined} frame
 * @param {Scenery} scene
 */
function drawWay({ pen, colours }, frame, { descent, method }) {
  if (!frame) return;
  const xs = descent.states.map((state) => frame.x.to(state[0]));
  const ys = descent.states.map((state) => frame.y.to(state[1]));
  for (const [colour, width] of /** @type {const} */ ([[colours.card, 5], [colours.first, 2.5]])) {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    polyline(pen, xs, ys);
  }
  pen.fillStyle = colours.first;
  if (method === "update") xs.slice(0, 60).forEach((x, i) => disc(pen, x, ys[i], 4));
}

/**
 * @param {Surface} surface
 * @param {Plane | undefined} frame
 * @param {number[]} place
 * @param {string} name
 */
export function drawPattern({ pen, colours }, frame, place, name) {
  if (!frame) return;
  const [x, y] = [frame.x.to(place[0]), frame.y.to(place[1])];
  pen.fillStyle = colours.ink;
  disc(pen, x, y, 9);
  pen.fillStyle = colours.card;
  pen.font = `600 ${name.length > 1 ? 10 : 11}px system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(name, x, y + 0.5);
}

/**
 * @param {Surface} surface
 * @param {Plane | undefined} frame
 * @param {{state: number[], shown: number[]}} scene
 */
export function drawState({ pen, colours }, frame, { state, shown }) {
  if (!frame) return;
  pen.lineWidth = 2.5;
  pen.strokeStyle = colours.first;
  pen.beginPath();
  pen.arc(frame.x.to(state[0]), frame.y.to(state[1]), 8, 0, 2 * Math.PI);
  pen.stroke();
  const [x, y] = [frame.x.to(shown[0]), frame.y.to(shown[1])];
  pen.fillStyle = colours.card;
  disc(pen, x, y, 14);
  pen.fillStyle = colours.first;
  disc(pen, x, y, 12); // shows around a pattern that lies on it
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {number} x
 * @param {number} y
 * @param {number} radius
 */
function disc(pen, x, y, radius) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fill();
}

/**
 * Energy by step, and how far one has come.
 *
 * @param {Surface} surface
 * @param {number[]} energies
 * @param {number} progress Share of the way.
 */
export function drawEnergies(surface, energies, progress) {
  const { pen, colours } = surface;
  const last = Math.max(1, energies.length - 1);
  const [low, high] = [Math.min(...energies), Math.max(...energies)];
  const room = 0.08 * Math.max(high - low, 1e-3);
  const frame = plane(surface, {
    x: [0, last],
    y: [low - room, high + room],
    xLabel: "step",
    yLabel: "energy",
  });
  clipped(pen, frame.box, () => {
    pen.strokeStyle = colours.first;
    pen.lineWidth = 2;
    const xs = energies.map((_, step) => frame.x.to(step));
    polyline(pen, xs, energies.map((energy) => frame.y.to(energy)));
  });
  const place = progress * (energies.length - 1);
  const [before, after] = [energies[Math.floor(place)], energies[Math.ceil(place)]];
  pen.fillStyle = colours.first;
  disc(pen, frame.x.to(place), frame.y.to(before + (place % 1) * (after - before)), 5);
}
