/** One tensor's loop, the network, its loop, and how large its avalanches are. */

import { clipped, line, numeral, plane, polyline } from "../core/plot.js";
import { clamp } from "../core/state.js";
import { channels } from "../core/theme.js";
import { fold, freeEnergy, landing } from "../physics/response.js";
import { SIDE, SIZE } from "./relays_network.js";

/** @typedef {import("../core/types.js").Surface} Surface */

export const WIDEST = 1.2; // field of the one tensor
const CURVE = 400; // pieces of a curve
const DOT = 4; // radius in CSS pixels
const DECADES = Math.log10(SIZE);
const FLOOR = -7.5; // of the logarithm of a probability

/**
 * All answers of a tensor, the loop of a slow cycle, and where it is now.
 *
 * @param {Surface} surface
 * @param {{coupling: number, field: number, meanField: number}} tensor
 * @returns {import("../core/types.js").Plane}
 */
export function drawTensor(surface, { coupling: x, field, meanField }) {
  const { pen, colours } = surface;
  const frame = plane(surface, {
    x: [-WIDEST, WIDEST],
    y: [-1.1, 1.1],
    xLabel: "field h = βB",
    yLabel: "mean field μ",
  });
  const end = fold(x);
  clipped(pen, frame.box, () => {
    if (x > 1) shadeLoop(surface, frame, x);
    const rest = Math.atanh(end.meanField);
    pen.strokeStyle = colours.second;
    pen.lineWidth = 2;
    answers(pen, frame, x, -6, -rest);
    answers(pen, frame, x, rest, 6);
    pen.setLineDash([2, 4]);
    answers(pen, frame, x, -rest, rest);
    pen.setLineDash([]);
    pen.strokeStyle = colours.muted;
    pen.lineWidth = 1;
    line(pen, frame.x.to(field), 0, frame.x.to(field), surface.height);
  });
  pen.fillStyle = colours.first;
  pen.beginPath();
  pen.arc(frame.x.to(field), frame.y.to(meanField), 2 * DOT, 0, 2 * Math.PI);
  pen.fill();
  return frame;
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {import("../core/types.js").Plane} frame
 * @param {number} x
 * @param {number} low Of u = artanh μ.
 * @param {number} high
 */
function answers(pen, frame, x, low, high) {
  const us = Array.from({ length: CURVE + 1 }, (_, i) => low + ((high - low) * i) / CURVE);
  polyline(
    pen,
    us.map((u) => frame.x.to(u - x * Math.tanh(u))),
    us.map((u) => frame.y.to(Math.tanh(u))),
  );
}

/**
 * @param {Surface} surface
 * @param {import("../core/types.js").Plane} frame
 * @param {number} x
 */
function shadeLoop({ pen, colours }, frame, x) {
  const [low, high] = [Math.atanh(fold(x).meanField), Math.atanh(landing(x))];
  /** @type {[number, number][]} */
  const upper = [];
  for (let i = 0; i <= CURVE; i++) {
    const u = high + ((low - high) * i) / CURVE;
    upper.push([u - x * Math.tanh(u), Math.tanh(u)]);
  }
  pen.beginPath();
  for (const [h, m] of upper) pen.lineTo(frame.x.to(h), frame.y.to(m));
  for (const [h, m] of upper) pen.lineTo(frame.x.to(-h), frame.y.to(-m));
  pen.closePath();
  pen.fillStyle = colours.second;
  pen.globalAlpha = 0.18;
  pen.fill();
  pen.globalAlpha = 1;
}

/**
 * The free energy, and the tensor at rest in one of its hollows.
 *
 * @param {Surface} surface
 * @param {{coupling: number, field: number, meanField: number}} tensor
 */
export function drawHollows(surface, { coupling: x, field, meanField }) {
  const { pen, colours } = surface;
  const ms = Array.from({ length: CURVE + 1 }, (_, i) => (2 * i) / CURVE - 1);
  const energy = (/** @type {number} */ m) => freeEnergy(m, x, field);
  const values = ms.map(energy);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = 0.12 * (high - low);
  const frame = plane(surface, {
    x: [-1.1, 1.1],
    y: [low - room, high + room],
    xLabel: "mean field μ",
    yLabel: "free energy βf",
    margin: { left: 50 },
  });
  pen.strokeStyle = colours.second;
  pen.lineWidth = 2;
  polyline(pen, ms.map(frame.x.to), values.map(frame.y.to));
  pen.fillStyle = colours.first;
  pen.beginPath();
  const at = clamp(meanField, -1, 1);
  pen.arc(frame.x.to(at), frame.y.to(energy(at)) - 2 * DOT, 2 * DOT, 0, 2 * Math.PI);
  pen.fill();
}

/**
 * The tensors: which are up, and which switched last.
 *
 * @param {Surface} surface
 * @param {Int8Array} branches
 * @param {import("../physics/avalanches.js").Avalanche | undefined} last
 * @param {number} generations Of the last avalanche that are shown; the others wait.
 */
export function drawTensors({ pen, width, height, colours }, branches, last, generations) {
  const grid = pen.canvas.ownerDocument.createElement("canvas");
  grid.width = grid.height = SIDE;
  const small = grid.getContext("2d");
  if (!small) return;
  const image = small.createImageData(SIDE, SIDE);
  const [card, full] = [channels(colours.card), channels(colours.second)];
  const down = channels(colours.line);
  const up = full.map((value, i) => 0.75 * value + 0.25 * card[i]);
  branches.forEach((branch, i) => image.data.set([...(branch > 0 ? up : down), 255], 4 * i));
  const flash = [...channels(colours.first), 255];
  const waiting = [...((last?.sign ?? 1) > 0 ? down : up), 255];
  const reached = last?.ends[Math.min(Math.floor(generations), last.ends.length - 1)] ?? 0;
  last?.tensors.forEach((i, place) => image.data.set(place < reached ? flash : waiting, 4 * i));
  small.putImageData(image, 0, 0);
  pen.imageSmoothingEnabled = false;
  const side = Math.min(width, height);
  pen.drawImage(grid, (width - side) / 2, 0, side, side);
}

/**
 * The mean branch of the network along the way of its field.
 *
 * @param {Surface} surface
 * @param {import("./relays_network.js").Drive} drive
 */
export function drawLoop(surface, drive) {
  const { pen, colours } = surface;
  const frame = plane(surface, {
    x: [-1.02 * drive.highest, 1.02 * drive.highest],
    y: [-1.1, 1.1],
    xLabel: "field H",
    yLabel: "mean branch",
  });
  clipped(pen, frame.box, () => {
    for (const [path, colour, width] of /** @type {const} */ ([
      [drive.before, colours.muted, 1],
      [drive.path, colours.second, 2],
    ])) {
      pen.strokeStyle = colour;
      pen.lineWidth = width;
      polyline(
        pen,
        path.map(([field]) => frame.x.to(field)),
        path.map(([, mean]) => frame.y.to(mean)),
      );
    }
  });
  pen.fillStyle = colours.first;
  pen.beginPath();
  const mean = drive.network.magnetisation;
  pen.arc(frame.x.to(drive.field), frame.y.to(mean), 1.5 * DOT, 0, 2 * Math.PI);
  pen.fill();
}

/**
 * How large avalanches are, beside the law.
 *
 * @param {Surface} surface
 * @param {import("./relays_network.js").Drive} drive
 */
export function drawSizes(surface, drive) {
  const { pen, colours } = surface;
  const frame = plane(surface, {
    x: [-0.12, DECADES + 0.12],
    y: [FLOOR, 0.2],
    xLabel: "tensors that switch, s",
    yLabel: "share of avalanches",
    xText: power,
    yText: power,
    margin: { left: 50 },
  });
  const { law, bins } = drive;
  clipped(pen, frame.box, () => {
    if (law) {
      const logs = Array.from({ length: 61 }, (_, i) => (DECADES * i) / 60);
      const sizes = logs.map((log) => Math.max(1, Math.round(10 ** log)));
      pen.strokeStyle = colours.ink;
      pen.lineWidth = 1.5;
      polyline(
        pen,
        sizes.map((size) => frame.x.to(Math.log10(size))),
        sizes.map((size) => frame.y.to(Math.max(-99, Math.log10(law(size))))),
      );
    }
    pen.fillStyle = pen.strokeStyle = colours.first;
    for (const { size, share, error } of bins) {
      const place = frame.x.to(Math.log10(size));
      const [low, high] = [share - error, share + error].map((v) =>
        frame.y.to(v > 0 ? Math.log10(v) : FLOOR - 1),
      );
      line(pen, place, low, place, high);
      pen.beginPath();
      pen.arc(place, frame.y.to(Math.log10(share)), DOT, 0, 2 * Math.PI);
      pen.fill();
    }
  });
}

const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** A power of ten. @param {number} exponent */
function power(exponent) {
  if (!Number.isInteger(exponent)) return "";
  if (exponent === 0 || exponent === 1) return numeral(10 ** exponent);
  const digits = String(Math.abs(exponent)).replace(/\d/g, (d) => RAISED[Number(d)]);
  return `10${exponent < 0 ? "⁻" : ""}${digits}`;
}
