/** The way down, as one watches it. */

import { animate } from "../core/work.js";

const PACE = 1.6; // seconds that a descent takes to be shown

/**
 * @param {{progress: number}} scene What share of the way is shown.
 * @param {() => void} redraw
 */
export function makeFall(scene, redraw) {
  /** @type {import("../core/work.js").Job | undefined} */
  let falling;
  const hold = () => {
    falling?.cancel();
    scene.progress = 0;
  };
  const start = () => {
    hold();
    falling = animate((seconds) => {
      scene.progress = Math.min(1, scene.progress + seconds / PACE);
      redraw();
      return scene.progress < 1;
    });
  };
  return { hold, start, cancel: () => falling?.cancel() };
}
