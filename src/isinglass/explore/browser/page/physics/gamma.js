/** Logarithm of the gamma function: Stirling's series, from 10 on without rounding. */

const HALF_LOG_TWO_PI = 0.9189385332046727;
const TERMS = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156];

/**
 * log Γ(z) of a positive number.
 * @param {number} z
 * @returns {number}
 */
export function logGamma(z) {
  let product = 1;
  let shifted = z;
  while (shifted < 10) {
    product *= shifted;
    shifted += 1;
  }
  let tail = 0;
  let power = 1 / shifted;
  for (const term of TERMS) {
    tail += term * power;
    power /= shifted * shifted;
  }
  const main = (shifted - 0.5) * Math.log(shifted) - shifted + HALF_LOG_TWO_PI;
  return main + tail - Math.log(product);
}
