/** Random numbers that are the same for the same seed, so that a link shows the same. */

/**
 * Uniform numbers in [0, 1) by mulberry32 (Ettinger 2017): enough for starts, and small.
 *
 * @param {number} seed A whole number.
 * @returns {() => number}
 */
export function uniform(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
