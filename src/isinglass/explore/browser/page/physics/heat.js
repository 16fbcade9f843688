/** Heat on an insulated plate: cosine modes, each damped by e^(−k ω²). */

/** @typedef {"continuous" | "graph"} Spectrum */

/** @type {Map<number, Float64Array[]>} */
const MATRICES = new Map();

/**
 * The cosine transform of N cells, a row a mode; its transpose takes back.
 *
 * @param {number} size
 */
function cosines(size) {
  let rows = MATRICES.get(size);
  if (!rows) {
    rows = Array.from({ length: size }, (_, n) =>
      Float64Array.from({ length: size }, (_, x) => Math.sqrt((n ? 2 : 1) / size) * Math.cos((Math.PI * n * (x + 0.5)) / size)),
    );
    MATRICES.set(size, rows);
  }
  return rows;
}

/**
 * ω² of the modes of N cells: those of the plate, or of cells that exchange heat with
 * their neighbours.
 *
 * @param {number} size
 * @param {Spectrum} spectrum
 */
export function squaredFrequencies(size, spectrum) {
  return Float64Array.from({ length: size }, (_, n) => {
    const omega = (Math.PI * n) / size;
    return spectrum === "graph" ? (2 * Math.sin(omega / 2)) ** 2 : omega ** 2;
  });
}

/**
 * A plate of N × N cells after it has conducted for unit time.
 *
 * @param {ArrayLike<number>} field Row by row.
 * @param {number} size N.
 * @param {number} k Conductivity in squared cells, at least 0.
 * @param {Spectrum} spectrum
 */
export function conduct(field, size, k, spectrum) {
  const gains = squaredFrequencies(size, spectrum).map((square) => Math.exp(-k * square));
  return along(along(Float64Array.from(field), size, gains), size, gains);
}

/**
 * Conduction along the rows; the plate comes out turned, so that two make both.
 *
 * @param {Float64Array} field
 * @param {number} size
 * @param {Float64Array} gains
 */
function along(field, size, gains) {
  const matrix = cosines(size);
  const turned = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let n = 0; n < size; n++) {
      let mode = 0;
      for (let x = 0; x < size; x++) mode += matrix[n][x] * field[i * size + x];
      mode *= gains[n];
      for (let x = 0; x < size; x++) turned[x * size + i] += matrix[n][x] * mode;
    }
  }
  return turned;
}

/**
 * A plate with a unit of heat in some cells.
 *
 * @param {number[][]} drops Row and column of each.
 * @param {number} size
 */
export function plateOf(drops, size) {
  const field = new Float64Array(size * size);
  for (const [row, column] of drops) field[row * size + column] += 1;
  return field;
}

/** @param {ArrayLike<number>} field */
export function total(field) {
  let sum = 0;
  for (let i = 0; i < field.length; i++) sum += field[i];
  return sum;
}
