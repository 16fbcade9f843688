/** Pictures of the panel *loop*: where rows of attention look. */

import { clamp } from "../core/state.js";
import { channels } from "../core/theme.js";
import { LETTERS } from "./loop_reading.js";

/** @typedef {import("../core/types.js").Surface} Surface */
/** @typedef {import("./loop_reading.js").Reading} Reading */

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif';
const LEFT = 84; // CSS pixels for the names of rows
const RIGHT = 70; // for the answers

/** Attention of one symbol by iteration, under the sequence. */
export class CourseChart {
  constructor() {
    this.cell = 1;
    this.count = 1;
  }

  /** @param {number} x In CSS pixels. */
  placeAt(x) {
    return clamp(Math.floor((x - LEFT) / this.cell), 0, this.count - 1);
  }

  /**
   * @param {Surface} surface
   * @param {Reading} reading
   */
  draw(surface, reading) {
    const { pen, width, height, colours } = surface;
    this.count = reading.tokens.length;
    this.cell = (width - LEFT - RIGHT) / this.count;
    const tall = height / (reading.iterations + 2.2);
    const y = (/** @type {number} */ row) => tall * (row + 0.1);
    pen.textBaseline = "middle";
    this.#shadeChosen(surface, reading);
    this.#write(surface, reading.tokens.map((token) => LETTERS[token]), y(0) + tall / 2, (i) =>
      i === reading.at ? colours.first : colours.ink,
    );
    reading.course.rows.forEach((rows, t) => {
      this.#name(surface, `iteration ${t + 1}`, y(t + 1) + tall / 2);
      rows[reading.at].forEach((share, j) => {
        pen.fillStyle = shade(colours, share);
        pen.fillRect(LEFT + j * this.cell + 1, y(t + 1) + 1, this.cell - 2, tall - 2);
      });
      this.#outlineMatch(surface, reading, y(t + 1), tall);
      this.#answer(surface, reading, t + 1, y(t + 1) + tall / 2);
    });
    this.#name(surface, "answers", y(reading.iterations + 1) + tall / 2);
    this.#writeAnswers(surface, reading, y(reading.iterations + 1) + tall / 2);
  }

  /**
   * @param {Surface} surface
   * @param {Reading} reading
   */
  #shadeChosen({ pen, height, colours }, { at }) {
    pen.fillStyle = colours.line;
    pen.fillRect(LEFT + at * this.cell, 2, this.cell, height - 4);
  }

  /**
   * @param {Surface} surface
   * @param {string[]} texts
   * @param {number} y
   * @param {(place: number) => string} colour
   */
  #write({ pen }, texts, y, colour) {
    pen.font = `600 ${clamp(this.cell * 0.8, 10, 18)}px ${FONT}`;
    pen.textAlign = "center";
    texts.forEach((text, i) => {
      pen.fillStyle = colour(i);
      pen.fillText(text, LEFT + (i + 0.5) * this.cell, y);
    });
  }

  /**
   * @param {Surface} surface
   * @param {string} name
   * @param {number} y
   */
  #name({ pen, colours }, name, y) {
    pen.font = `12px ${FONT}`;
    pen.textAlign = "left";
    pen.fillStyle = colours.muted;
    pen.fillText(name, 8, y);
  }

  /**
   * @param {Surface} surface
   * @param {Reading} reading
   * @param {number} y
   * @param {number} tall
   */
  #outlineMatch({ pen, colours }, { match, at }, y, tall) {
    if (match[at] < 0) return;
    pen.strokeStyle = colours.first;
    pen.lineWidth = 1.5;
    pen.strokeRect(LEFT + match[at] * this.cell + 1, y + 1, this.cell - 2, tall - 2);
  }

  /**
   * @param {Surface} surface
   * @param {Reading} reading
   * @param {number} iterations
   * @param {number} y
   */
  #answer({ pen, width, colours }, reading, iterations, y) {
    const { symbol, probability } = reading.answer(reading.at, iterations);
    const target = reading.targets[reading.at];
    pen.font = `600 13px ${FONT}`;
    pen.textAlign = "right";
    pen.fillStyle = target < 0 ? colours.muted : symbol === target ? colours.third : colours.first;
    pen.fillText(`${LETTERS[symbol]} ${Math.round(100 * probability)} %`, width - 8, y);
  }

  /**
   * @param {Surface} surface
   * @param {Reading} reading
   * @param {number} y
   */
  #writeAnswers(surface, reading, y) {
    const { colours } = surface;
    const symbols = reading.tokens.map((_, i) => reading.answer(i, reading.iterations).symbol);
    const texts = symbols.map((symbol, i) => (reading.targets[i] < 0 ? "·" : LETTERS[symbol]));
    this.#write(surface, texts, y, (i) => {
      if (reading.targets[i] < 0) return colours.muted;
      return symbols[i] === reading.targets[i] ? colours.third : colours.first;
    });
    surface.pen.textAlign = "right";
    surface.pen.font = `12px ${FONT}`;
    surface.pen.fillStyle = colours.muted;
    surface.pen.fillText(`${reading.right(reading.course)} of ${reading.questions.length}`, surface.width - 8, y);
  }
}

/**
 * Attention of every symbol in each iteration.
 *
 * @param {Surface} surface
 * @param {Reading} reading
 */
export function drawMatrices(surface, reading) {
  const { pen, width, height, colours } = surface;
  const across = 3;
  const down = Math.ceil(reading.iterations / across);
  const [w, h] = [width / across, height / down];
  const size = Math.min(w - 20, h - 32);
  const cell = size / reading.tokens.length;
  reading.course.rows.forEach((rows, t) => {
    const left = (t % across) * w + (w - size) / 2;
    const top = Math.floor(t / across) * h + 24;
    pen.font = `12px ${FONT}`;
    pen.textAlign = "left";
    pen.textBaseline = "bottom";
    pen.fillStyle = colours.muted;
    pen.fillText(`iteration ${t + 1}`, left, top - 4);
    rows.forEach((row, i) =>
      row.slice(0, i + 1).forEach((share, j) => {
        pen.fillStyle = shade(colours, share);
        pen.fillRect(left + j * cell, top + i * cell, cell + 0.3, cell + 0.3);
      }),
    );
    pen.lineWidth = 1;
    pen.strokeStyle = colours.line;
    pen.strokeRect(left, top, size, size);
    pen.strokeStyle = colours.first;
    pen.strokeRect(left, top + reading.at * cell, size, cell);
  });
}

/**
 * A colour for a share of attention.
 *
 * @param {import("../core/types.js").Colours} colours
 * @param {number} share
 */
function shade(colours, share) {
  const [low, high] = [channels(colours.card), channels(colours.second)];
  const strength = 0.06 + 0.94 * Math.sqrt(share);
  return `rgb(${low.map((from, c) => Math.round(from + strength * (high[c] - from))).join(" ")})`;
}
