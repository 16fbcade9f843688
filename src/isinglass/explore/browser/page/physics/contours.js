/** Contour lines of a function on a grid. */

/**
 * Lines at a level by marching squares, as pairs of ends in units of the grid: x0, y0,
 * x1, y1 and so on. Saddles are cut either way.
 *
 * @param {Float64Array} values Row by row.
 * @param {number} columns
 * @param {number} level
 * @returns {number[]}
 */
export function contour(values, columns, level) {
  const rows = values.length / columns;
  /** @type {number[]} */
  const ends = [];
  for (let row = 0; row + 1 < rows; row++) {
    for (let column = 0; column + 1 < columns; column++) {
      crossCell(values, columns, level, row, column, ends);
    }
  }
  return ends;
}

/**
 * @param {Float64Array} values
 * @param {number} columns
 * @param {number} level
 * @param {number} row
 * @param {number} column
 * @param {number[]} ends
 */
function crossCell(values, columns, level, row, column, ends) {
  const corner = row * columns + column;
  const a = values[corner] - level;
  const b = values[corner + 1] - level;
  const c = values[corner + columns + 1] - level;
  const d = values[corner + columns] - level;
  if (Number.isNaN(a + b + c + d)) return; // beyond the edge of what there is
  // Edges on which the level is crossed, once round the cell.
  const start = ends.length;
  if (a < 0 !== b < 0) ends.push(column + a / (a - b), row);
  if (b < 0 !== c < 0) ends.push(column + 1, row + b / (b - c));
  if (d < 0 !== c < 0) ends.push(column + d / (d - c), row + 1);
  if (a < 0 !== d < 0) ends.push(column, row + a / (a - d));
  if ((ends.length - start) % 4) ends.length = start; // a corner that is exactly there
}
