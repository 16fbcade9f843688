/** Pictures of the panel *drag β*: diagram, attractor, spectrum. */

import { clipped, line, numeral, plane, polyline, roundUp } from "../core/plot.js";

/** @typedef {import("../core/types.js").Surface} Surface */
/** @typedef {import("../core/types.js").Plane} Plane */
/** @typedef {import("../physics/diagram.js").Column} Column */
/** @typedef {import("../physics/attractor.js").Attractor} Attractor */

const SHOWN = 6000; // points of an attractor
const STRIP = 0.3; // share of the diagram's height that exponents take

/**
 * @typedef {object} Series
 * @property {string} colour
 * @property {(Column | undefined)[]} columns
 * @property {Attractor | undefined} attractor
 */

/**
 * The diagram with its exponents below, and where on it one is.
 *
 * @param {Surface} surface
 * @param {Series[]} series
 * @param {{range: [number, number], beta: number}} view
 * @returns {Plane} That of the points.
 */
export function drawDiagram(surface, series, { range, beta }) {
  const { pen, height, width, colours } = surface;
  const strip = Math.round(height * STRIP);
  const points = plane(
    { ...surface, height: height - strip + 24 },
    { x: range, y: symmetric(largestPoint(series)), yLabel: "A₁", xText: () => "" },
  );
  pen.save();
  pen.translate(0, height - strip);
  const exponents = plane(
    { ...surface, height: strip },
    { x: range, y: [-0.3, 0.3], xLabel: "β", yLabel: "λ₁", margin: { top: 2 } },
  );
  pen.restore();
  const size = Math.max(1, Math.min(2, points.box.width / 480));
  clipped(pen, points.box, () => {
    for (const { colour, columns } of below(series)) drawColumns(pen, points, columns, colour, size);
  });
  pen.save();
  pen.translate(0, height - strip);
  pen.strokeStyle = colours.muted;
  line(pen, exponents.box.left, exponents.y.to(0), width - 14, exponents.y.to(0));
  clipped(pen, exponents.box, () => {
    for (const { colour, columns } of below(series)) drawExponents(pen, exponents, columns, colour);
  });
  pen.restore();
  drawMarker(surface, points, points.x.to(beta));
  return points;
}

/**
 * The second orbit is drawn first: where both are alike one sees the first.
 *
 * @param {Series[]} series
 */
function below(series) {
  return [...series].reverse();
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {Plane} frame
 * @param {(Column | undefined)[]} columns
 * @param {string} colour
 * @param {number} size
 */
function drawColumns(pen, frame, columns, colour, size) {
  pen.fillStyle = colour;
  pen.globalAlpha = 0.45;
  for (const column of columns) {
    if (!column) continue;
    const x = frame.x.to(column.beta) - size / 2;
    for (const value of column.points) pen.fillRect(x, frame.y.to(value) - size / 2, size, size);
  }
  pen.globalAlpha = 1;
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {Plane} frame
 * @param {(Column | undefined)[]} columns
 * @param {string} colour
 */
function drawExponents(pen, frame, columns, colour) {
  const present = columns.filter((column) => column !== undefined);
  pen.strokeStyle = colour;
  pen.lineWidth = 1.2;
  polyline(
    pen,
    present.map((column) => frame.x.to(column.beta)),
    present.map((column) => frame.y.to(Math.max(column.exponent, -2))),
  );
}

/**
 * @param {Surface} surface
 * @param {Plane} frame
 * @param {number} x
 */
function drawMarker({ pen, height, colours }, frame, x) {
  pen.strokeStyle = colours.ink;
  pen.lineWidth = 1.5;
  line(pen, x, frame.box.top, x, height - 34);
  pen.fillStyle = colours.ink;
  pen.beginPath();
  pen.arc(x, frame.box.top + 2, 6, 0, 2 * Math.PI);
  pen.fill();
}

/**
 * Attractors in the plane of two components of the attention.
 *
 * @param {Surface} surface
 * @param {Series[]} series
 * @param {[number, number]} axes Which components.
 */
export function drawAttractors(surface, series, [a, b]) {
  const { pen } = surface;
  const range = symmetric(largestComponent(series, [a, b]));
  const frame = plane(surface, {
    x: range,
    y: range,
    xLabel: `A${"₁₂₃"[a]}`,
    yLabel: `A${"₁₂₃"[b]}`,
  });
  clipped(pen, frame.box, () => {
    for (const { colour, attractor } of below(series)) {
      if (!attractor) continue;
      const isCycle = attractor.period > 0;
      const size = isCycle ? 5 : 1.6;
      pen.fillStyle = colour;
      pen.globalAlpha = isCycle ? 1 : 0.6;
      const [xs, ys] = [attractor.components[a], attractor.components[b]];
      const shown = isCycle ? attractor.period : Math.min(SHOWN, xs.length);
      for (let i = xs.length - shown; i < xs.length; i++) {
        dot(pen, frame.x.to(xs[i]), frame.y.to(ys[i]), size);
      }
      pen.globalAlpha = 1;
    }
  });
}

/**
 * A range about 0 that changes little as one drags.
 *
 * @param {number} largest
 * @returns {[number, number]}
 */
function symmetric(largest) {
  const end = Math.min(1, roundUp(1.04 * Math.max(largest, 0.01)));
  return [-end, end];
}

/** @param {Series[]} series */
function largestPoint(series) {
  let largest = 0;
  for (const { columns } of series) {
    for (const column of columns) {
      for (const value of column?.points ?? []) largest = Math.max(largest, Math.abs(value));
    }
  }
  return largest;
}

/**
 * @param {Series[]} series
 * @param {[number, number]} axes
 */
function largestComponent(series, axes) {
  let largest = 0;
  for (const { attractor } of series) {
    for (const axis of axes) {
      for (const value of attractor?.components[axis] ?? []) {
        largest = Math.max(largest, Math.abs(value));
      }
    }
  }
  return largest;
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {number} x
 * @param {number} y
 * @param {number} size
 */
function dot(pen, x, y, size) {
  if (size < 2) {
    pen.fillRect(x - size / 2, y - size / 2, size, size);
    return;
  }
  pen.beginPath();
  pen.arc(x, y, size / 2, 0, 2 * Math.PI);
  pen.fill();
}

/**
 * Power spectra in decibels.
 *
 * @param {Surface} surface
 * @param {{colour: string, power: Float64Array | undefined}[]} series
 */
export function drawSpectra(surface, series) {
  const { pen } = surface;
  const frame = plane(surface, {
    x: [0, 0.5],
    y: [-80, 5],
    xLabel: "frequency, per step",
    yLabel: "power, dB",
    yText: (value) => numeral(value),
  });
  clipped(pen, frame.box, () => {
    for (const { colour, power } of series) {
      if (!power) continue;
      pen.strokeStyle = colour;
      pen.lineWidth = 1;
      const places = Array.from(power, (_, k) => frame.x.to((0.5 * k) / (power.length - 1)));
      polyline(pen, places, Array.from(power, (value) => frame.y.to(Math.max(value, -90))));
    }
  });
}
