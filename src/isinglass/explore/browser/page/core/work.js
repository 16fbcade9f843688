/** Work that goes on while the page stays alive, and movement for who likes it. */

const SLICE = 10; // milliseconds of work a frame: the rest is for drawing

const reduced = globalThis.matchMedia?.("(prefers-reduced-motion: reduce)");

/** Whether the reader has asked for little movement. */
export function isStill() {
  return Boolean(reduced?.matches);
}

/**
 * @typedef {object} Job
 * @property {() => void} cancel
 */

/**
 * Run a generator in slices between frames. Each `yield` is where it may pause.
 *
 * @param {Generator<void, void, void>} steps
 * @param {object} [hooks]
 * @param {() => void} [hooks.onSlice] After each slice: draw what there is.
 * @param {() => void} [hooks.onEnd] When all is done.
 * @returns {Job}
 */
export function inSlices(steps, { onSlice, onEnd } = {}) {
  let frame = 0;
  const slice = () => {
    const end = performance.now() + SLICE;
    let done = false;
    while (!done && performance.now() < end) done = Boolean(steps.next().done);
    onSlice?.();
    if (done) onEnd?.();
    else frame = requestAnimationFrame(slice);
  };
  frame = requestAnimationFrame(slice);
  return { cancel: () => cancelAnimationFrame(frame) };
}

/**
 * Call `step` with the seconds since the last call, frame by frame, until it says that
 * it is at rest. Who has asked for little movement sees the rest at once.
 *
 * @param {(seconds: number) => boolean} step Whether it moves on.
 * @returns {Job}
 */
export function animate(step) {
  if (isStill()) {
    for (let count = 0; count < 2000 && step(1 / 60); count++);
    return { cancel: () => {} };
  }
  let last = performance.now();
  let frame = requestAnimationFrame(function next(now) {
    const seconds = Math.min(0.1, Math.max(0, (now - last) / 1000));
    last = now;
    if (step(seconds)) frame = requestAnimationFrame(next);
  });
  return { cancel: () => cancelAnimationFrame(frame) };
}
