/** A picture on the floor, time upwards, and signals on their way to ten targets. */

import { line } from "../core/plot.js";
import {
  DIGITS,
  DURATIONS,
  FIRST,
  GRID,
  SOURCES,
  sourcePlace,
  targetPlace,
} from "../physics/routes.js";
import { SIDE } from "../physics/strokes.js";

const HEIGHT = 8; // of the time axis, in distances between patches
const ELEVATION = 0.56; // radians
const LAST = DURATIONS - 1;
const FAINT = 0.04; // shares below which a route is not drawn

/**
 * @typedef {object} Scene
 * @property {import("./digit_readers.js").Picture} shown
 * @property {Float64Array} shares
 * @property {Float64Array} curves
 * @property {boolean[]} isLearned
 * @property {number[]} ranks Digits to be told apart by colour, the first one first.
 * @property {number} time
 * @property {number} turn Degrees by which the floor is turned.
 */

/** @typedef {(row: number, column: number, time: number) => [number, number]} Project */

/**
 * @param {import("../core/types.js").Surface} surface
 * @param {Scene} scene
 */
export function drawSpacetime(surface, scene) {
  const { width, height } = surface;
  const angle = (scene.turn * Math.PI) / 180;
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  const [flat, steep] = [Math.sin(ELEVATION), Math.cos(ELEVATION)];
  const scale = Math.min(width / 14.2, height / (14 * flat + HEIGHT * steep + 1.4));
  const middle = height - scale * (7.1 * flat + 0.3);
  const depth = (/** @type {number} */ row, /** @type {number} */ column) =>
    column * sine + row * cosine;
  /** @type {Project} */
  const project = (row, column, time) => [
    width / 2 + scale * (column * cosine - row * sine),
    middle + scale * (depth(row, column) * flat - (HEIGHT / LAST) * time * steep),
  ];
  drawFloor(surface, scene, project);
  const targets = Array.from({ length: DIGITS }, (_, digit) => digit);
  targets.sort((a, b) => depth(...targetPlace(a)) - depth(...targetPlace(b)));
  for (const digit of targets) drawTarget(surface, scene, project, digit);
}

/**
 * @param {import("../core/types.js").Surface} surface
 * @param {Scene} scene
 * @param {Project} project
 */
function drawFloor({ pen, colours }, { shown }, project) {
  const half = GRID / 2;
  pen.fillStyle = colours.line;
  pen.globalAlpha = 0.45;
  fill(pen, [
    project(-half, -half, 0),
    project(-half, half, 0),
    project(half, half, 0),
    project(half, -half, 0),
  ]);
  pen.fillStyle = colours.ink;
  const pixel = 1 / 3;
  for (let y = 0; y < 3 * GRID; y++) {
    for (let x = 0; x < 3 * GRID; x++) {
      const value = shown.pixels[y * SIDE + x];
      if (value < 16) continue;
      const [row, column] = [-half + y * pixel, -half + x * pixel];
      pen.globalAlpha = value / 255;
      fill(pen, [
        project(row, column, 0),
        project(row, column + pixel, 0),
        project(row + pixel, column + pixel, 0),
        project(row + pixel, column, 0),
      ]);
    }
  }
  pen.globalAlpha = 1;
}

/**
 * @param {import("../core/types.js").Surface} surface
 * @param {Scene} scene
 * @param {Project} project
 * @param {number} digit
 */
function drawTarget({ pen, colours }, scene, project, digit) {
  const rank = scene.ranks.indexOf(digit);
  const colour = [colours.first, colours.second][rank] ?? colours.muted;
  const [row, column] = targetPlace(digit);
  pen.strokeStyle = pen.fillStyle = colour;
  for (let source = 0; source < SOURCES; source++) {
    if (scene.shown.dipoles.kind[source] !== 0) continue;
    const share = scene.shares[digit * SOURCES + source];
    if (share < FAINT) continue;
    const first = FIRST[digit * SOURCES + source];
    if (rank < 0) drawFan(pen, scene, project, { digit, source, first, share });
    else drawRoutes(pen, scene, project, { digit, source, first, share });
  }
  pen.globalAlpha = scene.isLearned[digit] ? 1 : 0.4;
  drawEnergy(pen, scene, project, digit, rank);
  pen.lineWidth = rank < 0 ? 1.5 : 3;
  line(pen, ...project(row, column, 0), ...project(row, column, LAST));
  const [x, y] = project(row, column, LAST);
  pen.font = `${rank < 0 ? "" : "bold "}${rank < 0 ? 13 : 17}px system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "bottom";
  pen.fillText(String(digit), x, y - 4);
  pen.globalAlpha = 1;
}

/**
 * @typedef {object} Route
 * @property {number} digit
 * @property {number} source
 * @property {number} first The shortest duration that arrives.
 * @property {number} share Of its signals that the source sends in time.
 */

/**
 * The point at which a signal of some duration is now, or has arrived.
 *
 * @param {Project} project
 * @param {Route} route
 * @param {number} duration
 * @param {number} time
 */
function reached(project, { digit, source }, duration, time) {
  const way = duration ? Math.min(1, time / duration) : 1;
  const [row, column] = sourcePlace(source);
  const [toRow, toColumn] = targetPlace(digit);
  return project(
    row + way * (toRow - row),
    column + way * (toColumn - column),
    Math.min(duration, time),
  );
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {Scene} scene
 * @param {Project} project
 * @param {Route} route
 */
function drawRoutes(pen, scene, project, route) {
  const start = project(...sourcePlace(route.source), 0);
  pen.globalAlpha = 0.08 + 0.42 * route.share;
  pen.lineWidth = 0.5 + 0.7 * route.share;
  pen.beginPath();
  for (let duration = route.first; duration < DURATIONS; duration++) {
    pen.moveTo(...start);
    pen.lineTo(...reached(project, route, duration, scene.time));
  }
  pen.stroke();
  if (scene.time >= LAST) return;
  pen.globalAlpha = 0.3 + 0.7 * route.share;
  for (let duration = route.first; duration < DURATIONS; duration++) {
    if (duration < scene.time) continue;
    const [x, y] = reached(project, route, duration, scene.time);
    pen.fillRect(x - 1, y - 1, 2, 2);
  }
}

/**
 * The routes of a source as one faint surface, for targets that are not looked at.
 *
 * @param {CanvasRenderingContext2D} pen
 * @param {Scene} scene
 * @param {Project} project
 * @param {Route} route
 */
function drawFan(pen, scene, project, route) {
  pen.globalAlpha = 0.05 * route.share;
  fill(pen, [
    project(...sourcePlace(route.source), 0),
    reached(project, route, route.first, scene.time),
    reached(project, route, Math.min(LAST, Math.max(route.first, scene.time)), scene.time),
    reached(project, route, LAST, scene.time),
  ]);
}

/**
 * The energy at a target, as the width of its post at each time.
 *
 * @param {CanvasRenderingContext2D} pen
 * @param {Scene} scene
 * @param {Project} project
 * @param {number} digit
 * @param {number} rank
 */
function drawEnergy(pen, scene, project, digit, rank) {
  const place = targetPlace(digit);
  const top = Math.max(0.05, ...scene.curves);
  /** @type {[number, number][]} */
  const outline = [];
  const last = Math.floor(scene.time);
  for (let t = 0; t <= last; t++) {
    const [x, y] = project(...place, t);
    outline.push([x + (18 * Math.max(0, scene.curves[digit * DURATIONS + t])) / top, y]);
  }
  const alpha = pen.globalAlpha;
  pen.globalAlpha = alpha * (rank < 0 ? 0.3 : 0.6);
  fill(pen, [project(...place, 0), ...outline, project(...place, last)]);
  pen.globalAlpha = alpha;
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {[number, number][]} corners
 */
function fill(pen, corners) {
  pen.beginPath();
  for (const [x, y] of corners) pen.lineTo(x, y);
  pen.fill();
}
