/** Letters of ten by ten signs, which overlap with one another by at most 0.16. */

/** @type {Record<string, string>} */
const PICTURES = {
  A: `
....##....
...####...
..######..
..##..##..
.###..###.
.########.
##########
###....###
###....###
###....###`,
  L: `
####......
####......
####......
####......
####......
####......
####......
##########
##########
##########`,
  Z: `
##########
##########
.....####.
....####..
...####...
..####....
.####.....
####......
##########
##########`,
  S: `
..########
.#########
####......
####......
#########.
.#########
......####
......####
#########.
########..`,
  N: `
###....###
####...###
#####..###
######.###
###.######
###..#####
###...####
###....###
###....###
###....###`,
};

export const SIDE = 10;

export const LETTERS = Object.keys(PICTURES);

/**
 * The signs of a letter, row by row.
 *
 * @param {string} letter
 * @returns {number[]}
 */
export function signsOf(letter) {
  return [...PICTURES[letter].replace(/\n/g, "")].map((mark) => (mark === "#" ? 1 : -1));
}

/**
 * Signs as hexadecimal digits, and back; of another number of digits nothing is made.
 *
 * @param {number[]} signs
 */
export function toDigits(signs) {
  const bits = signs.map((sign) => (sign > 0 ? "1" : "0")).join("");
  return (bits.match(/.{4}/g) ?? []).map((four) => Number.parseInt(four, 2).toString(16)).join("");
}

/**
 * @param {string} digits
 * @returns {number[] | undefined}
 */
export function fromDigits(digits) {
  if (!/^[0-9a-f]{25}$/.test(digits)) return undefined;
  const bits = [...digits].map((digit) => Number.parseInt(digit, 16).toString(2).padStart(4, "0"));
  return [...bits.join("")].map((bit) => (bit === "1" ? 1 : -1));
}
