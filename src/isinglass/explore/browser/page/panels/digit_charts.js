/** Energy over time at the targets, and what both learners say of each digit. */

import { clipped, line, plane, polyline } from "../core/plot.js";
import { DIGITS, DURATIONS } from "../physics/routes.js";

const SIGNALS = 1000; // that a source sends: the scale of the energies

/**
 * @param {import("../core/types.js").Surface} surface
 * @param {object} view
 * @param {Float64Array} view.curves
 * @param {boolean[]} view.isLearned
 * @param {number[]} view.ranks Digits that have a colour.
 * @param {number} view.time
 */
export function drawCurves(surface, { curves, isLearned, ranks, time }) {
  const { pen, colours } = surface;
  const top = SIGNALS * Math.max(0.02, ...curves);
  const low = SIGNALS * Math.min(0, ...curves);
  const frame = plane(surface, {
    x: [0, DURATIONS - 1],
    y: [low, top * 1.06],
    xLabel: "time t",
    yLabel: "energy J at the target",
    margin: { left: 52, right: 22 },
  });
  const xs = Array.from({ length: DURATIONS }, (_, t) => frame.x.to(t));
  const order = Array.from({ length: DIGITS }, (_, digit) => digit);
  order.sort((a, b) => rankOf(ranks, b) - rankOf(ranks, a));
  clipped(pen, frame.box, () => {
    pen.strokeStyle = colours.muted;
    pen.setLineDash([3, 3]);
    line(pen, frame.x.to(time), 0, frame.x.to(time), surface.height);
    pen.setLineDash([]);
    for (const digit of order) {
      if (!isLearned[digit]) continue;
      const rank = ranks.indexOf(digit);
      const ys = xs.map((_, t) => frame.y.to(SIGNALS * curves[digit * DURATIONS + t]));
      pen.strokeStyle = [colours.first, colours.second][rank] ?? colours.muted;
      pen.globalAlpha = rank < 0 ? 0.55 : 1;
      pen.lineWidth = rank < 0 ? 1 : 2.5;
      polyline(pen, xs, ys);
    }
  });
  pen.globalAlpha = 1;
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  pen.font = "bold 14px system-ui, sans-serif";
  let above = -Infinity;
  const named = ranks.filter((digit) => isLearned[digit]);
  const heights = named.map((digit) => frame.y.to(SIGNALS * curves[(digit + 1) * DURATIONS - 1]));
  for (const place of [...named.keys()].sort((a, b) => heights[a] - heights[b])) {
    above = Math.max(heights[place], above + 14);
    pen.fillStyle = [colours.first, colours.second][ranks.indexOf(named[place])] ?? colours.muted;
    pen.fillText(String(named[place]), frame.box.left + frame.box.width + 6, above);
  }
}

/** @param {number[]} ranks @param {number} digit */
function rankOf(ranks, digit) {
  const rank = ranks.indexOf(digit);
  return rank < 0 ? ranks.length : rank;
}

/**
 * Two bars a digit: how probable it is by either learner.
 *
 * @param {import("../core/types.js").Surface} surface
 * @param {object} view
 * @param {number[]} view.routes
 * @param {number[]} view.couplings
 * @param {boolean[]} view.isLearned
 */
export function drawBars({ pen, width, height, colours }, { routes, couplings, isLearned }) {
  const [left, top] = [26, 24];
  const room = width - left - 48;
  const step = (height - top) / DIGITS;
  pen.textBaseline = "middle";
  drawKey(pen, colours, left);
  const best = [routes, couplings].map((shares) =>
    Math.max(...shares) > 0 ? shares.indexOf(Math.max(...shares)) : -1,
  );
  for (let digit = 0; digit < DIGITS; digit++) {
    const y = top + digit * step;
    pen.fillStyle = isLearned[digit] ? colours.ink : colours.muted;
    pen.textAlign = "center";
    pen.font = `${best.includes(digit) ? "bold " : ""}14px system-ui, sans-serif`;
    pen.fillText(String(digit), 12, y + step / 2);
    [routes, couplings].forEach((shares, place) => {
      const bar = y + step * (place ? 0.52 : 0.12);
      pen.fillStyle = colours.line;
      pen.globalAlpha = 0.5;
      pen.fillRect(left, bar, room, step * 0.34);
      pen.globalAlpha = 1;
      pen.fillStyle = place ? colours.fourth : colours.third;
      pen.fillRect(left, bar, Math.max(1, room * shares[digit]), step * 0.34);
      if (shares[digit] < 0.005) return;
      pen.fillStyle = colours.ink;
      pen.textAlign = "left";
      pen.font = `${best[place] === digit ? "bold " : ""}${Math.min(12, step * 0.42)}px system-ui, sans-serif`;
      pen.fillText(`${(100 * shares[digit]).toFixed(0)} %`, left + room + 6, bar + step * 0.18);
    });
  }
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {import("../core/types.js").Colours} colours
 * @param {number} left
 */
function drawKey(pen, colours, left) {
  pen.font = "12px system-ui, sans-serif";
  pen.textAlign = "left";
  let x = left;
  for (const [text, colour] of [
    ["routes", colours.third],
    ["couplings", colours.fourth],
  ]) {
    pen.fillStyle = colour;
    pen.fillRect(x, 5, 12, 10);
    pen.fillStyle = colours.muted;
    pen.fillText(text, x + 17, 10);
    x += 28 + pen.measureText(text).width + 14;
  }
}
