/**
 * A drawing: pen strokes, and the picture of 28 × 28 pixels that a learner sees of it.
 *
 * Points are whole numbers from 0 to 255 across the pad, so that a drawing is a few
 * bytes in an address, and comes out the same wherever it is drawn again.
 */

export const SIDE = 28;
const EXTENT = 20; // pixels that the longer side of a drawing takes, as in MNIST
const RADIUS = 1.35; // of the pen, in pixels
const SMALLEST = 40; // a dot is not made as large as the frame

/** @typedef {[number, number][]} Stroke Points (x, y), y downwards. */

/**
 * The picture of a drawing, scaled to 20 pixels with its ink centred, as in MNIST.
 * @param {Stroke[]} strokes
 * @returns {Uint8Array}
 */
export function picture(strokes) {
  const points = strokes.flat();
  if (!points.length) return new Uint8Array(SIDE * SIDE);
  const xs = points.map((p) => p[0]);
  const ys = points.map((p) => p[1]);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  const longest = Math.max(right - left, bottom - top, SMALLEST);
  const scale = (EXTENT - 2 * RADIUS) / longest;
  const place = (/** @type {[number, number]} */ [x, y]) =>
    /** @type {[number, number]} */ ([
      SIDE / 2 + scale * (x - (left + right) / 2),
      SIDE / 2 + scale * (y - (top + bottom) / 2),
    ]);
  const moved = strokes.map((stroke) => stroke.map(place));
  const [dx, dy] = offCentre(ink(moved));
  const centred = moved.map((stroke) =>
    stroke.map(([x, y]) => /** @type {[number, number]} */ ([x - dx, y - dy])),
  );
  return ink(centred);
}

/**
 * Ink of strokes in pixels: how far the pen covers the centre of each.
 * @param {Stroke[]} strokes
 * @returns {Uint8Array}
 */
function ink(strokes) {
  const grey = new Uint8Array(SIDE * SIDE);
  for (const stroke of strokes) {
    for (let i = 0; i < stroke.length; i++) {
      segment(grey, stroke[Math.max(i - 1, 0)], stroke[i]);
    }
  }
  return grey;
}

/**
 * @param {Uint8Array} grey
 * @param {[number, number]} a
 * @param {[number, number]} b
 */
function segment(grey, a, b) {
  const reach = RADIUS + 1;
  const low = (/** @type {0 | 1} */ k) => Math.max(0, Math.floor(Math.min(a[k], b[k]) - reach));
  const high = (/** @type {0 | 1} */ k) =>
    Math.min(SIDE - 1, Math.ceil(Math.max(a[k], b[k]) + reach));
  const [ux, uy] = [b[0] - a[0], b[1] - a[1]];
  const length = ux * ux + uy * uy || 1;
  const [right, bottom] = [high(0), high(1)];
  for (let row = low(1); row <= bottom; row++) {
    for (let column = low(0); column <= right; column++) {
      const [x, y] = [column + 0.5 - a[0], row + 0.5 - a[1]];
      const along = Math.min(Math.max((x * ux + y * uy) / length, 0), 1);
      const [ox, oy] = [x - along * ux, y - along * uy];
      const covered = RADIUS + 0.5 - Math.sqrt(ox * ox + oy * oy);
      const value = Math.round(255 * Math.min(Math.max(covered, 0), 1));
      const at = row * SIDE + column;
      if (value > grey[at]) grey[at] = value;
    }
  }
}

/**
 * How far the centre of the ink is from that of the frame.
 * @param {Uint8Array} grey
 * @returns {[number, number]}
 */
function offCentre(grey) {
  let [sum, x, y] = [0, 0, 0];
  for (let at = 0; at < grey.length; at++) {
    sum += grey[at];
    x += grey[at] * ((at % SIDE) + 0.5);
    y += grey[at] * (Math.floor(at / SIDE) + 0.5);
  }
  return sum ? [x / sum - SIDE / 2, y / sum - SIDE / 2] : [0, 0];
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/**
 * A drawing as text: two letters a coordinate, strokes apart by dots.
 * @param {Stroke[]} strokes
 * @returns {string}
 */
export function toText(strokes) {
  const letters = (/** @type {number} */ v) => LETTERS[v >> 6] + LETTERS[v & 63];
  return strokes.map((s) => s.map(([x, y]) => letters(x) + letters(y)).join("")).join(".");
}

/**
 * The drawing of a text, or none if the text is no drawing.
 * @param {string} text
 * @returns {Stroke[] | null}
 */
export function fromText(text) {
  if (text === "") return [];
  const strokes = [];
  for (const part of text.split(".")) {
    if (!part.length || part.length % 4) return null;
    /** @type {Stroke} */
    const stroke = [];
    for (let i = 0; i < part.length; i += 4) {
      const codes = [0, 1, 2, 3].map((k) => LETTERS.indexOf(part[i + k]));
      const [x, y] = [codes[0] * 64 + codes[1], codes[2] * 64 + codes[3]];
      if (codes.some((code) => code < 0) || x > 255 || y > 255) return null;
      stroke.push([x, y]);
    }
    strokes.push(stroke);
  }
  return strokes;
}
