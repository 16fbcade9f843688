/** A network whose field one drives: it jumps in avalanches, and their sizes add up. */

import { makeCanvas } from "../core/canvas.js";
import { announcer, button, choice, facts, slider } from "../core/controls.js";
import { element } from "../core/dom.js";
import { picture } from "../core/picture.js";
import { numeral } from "../core/plot.js";
import { stage } from "../core/stage.js";
import { clamp } from "../core/state.js";
import { animate, inSlices, isStill } from "../core/work.js";
import { CRITICAL_WIDTH } from "../physics/avalanches.js";
import { fold } from "../physics/response.js";
import { drawLoop, drawSizes, drawTensors } from "./relays_charts.js";
import { Drive, SIZE } from "./relays_network.js";

const MANY = 20; // passes at once
const A_PASS = 6; // seconds when it is played
const A_SECOND = 14; // generations of an avalanche that are shown
const LONGEST = 2; // seconds that it is shown spreading

/** @typedef {import("../core/types.js").Values} Values */
/** @typedef {import("../core/types.js").Context} Context */

/** @param {Context} context */
export function networkPart(context) {
  const now = announcer();
  let drive = driveOf(context.values);
  let job = { cancel: () => {} };
  let isPlaying = false;
  const spread = spreading(() => canvases.redrawTensors());
  const canvases = networkCanvases(() => drive, spread);
  const controls = networkControls(context, {
    play: () => (isPlaying ? stop() : play()),
    many: () => {
      stop();
      job = inSlices(passes(drive), {
        onSlice: show,
        onEnd: () => context.set({ drive: 100 * drive.from }),
      });
    },
  });
  const show = () => {
    for (const canvas of canvases.all) canvas.redraw();
    controls.show(context.values, drive, isPlaying);
  };
  const stop = () => {
    job.cancel();
    isPlaying = false;
    show();
  };
  const play = () => {
    isPlaying = true;
    if (isStill()) {
      drive.pass();
      isPlaying = false;
      context.set({ drive: 100 * drive.from });
      return show();
    }
    job.cancel();
    job = animate((seconds) => {
      const next = Number(context.values.drive) - 200 * drive.from * (seconds / A_PASS);
      context.set({ drive: clamp(next, -100, 100) });
      return isPlaying;
    });
    return show();
  };
  const update = (/** @type {Values} */ values, /** @type {Set<string>} */ changed) => {
    const isOther = ["kind", "ratio", "width", "seed", "coupling"].some((name) => changed.has(name));
    if (isOther) {
      if (!isPlaying) job.cancel(); // passes at once are those of the network before
      drive = driveOf(values);
    }
    const gone = drive.to(clamp(Number(values.drive), -100, 100) / 100);
    const largest = Math.max(0, ...gone.map(({ tensors }) => tensors.length));
    if (largest && !isPlaying) {
      now.say(`${largest} of ${SIZE} tensors switched together.`);
      spread.start(drive.last?.ends.length ?? 0);
    } else if (isPlaying) spread.stop();
    canvases.describe(largest);
    show();
  };
  return {
    elements: [
      element("h3", {}, "Many set each other off"),
      stage([canvases.network], [...controls.driving, now.element]),
      stage([canvases.law], controls.counting),
    ],
    update,
    destroy: () => {
      job.cancel();
      spread.stop();
      for (const canvas of canvases.all) canvas.destroy();
    },
  };
}

/**
 * How far an avalanche is shown to have spread, generation by generation.
 *
 * @param {() => void} redraw
 */
function spreading(redraw) {
  let job = { cancel: () => {} };
  const state = { generations: Infinity };
  const stop = () => {
    job.cancel();
    state.generations = Infinity;
  };
  const start = (/** @type {number} */ count) => {
    stop();
    if (count < 3) return;
    state.generations = 0;
    const rate = Math.max(A_SECOND, count / LONGEST);
    job = animate((seconds) => {
      state.generations += rate * seconds;
      redraw();
      return state.generations < count;
    });
  };
  return { state, start, stop };
}

/** A network that has been round once. @param {Values} values */
function driveOf(values) {
  const kind = ["even", "gauss", "neighbours"].find((name) => name === values.kind) ?? "even";
  const drive = new Drive({
    kind,
    ratio: clamp(Number(values.ratio), 0.1, 0.99),
    width: clamp(Number(values.width), 0.3, 2),
    limit: fold(clamp(Number(values.coupling), 0, 2.5)).field,
    seed: Math.round(Number(values.seed)),
  });
  drive.pass();
  drive.pass();
  return drive;
}

/** @param {Drive} drive @returns {Generator<void, void, void>} */
function* passes(drive) {
  for (let i = 0; i < MANY; i++) {
    drive.pass();
    yield;
  }
}

/**
 * @param {() => Drive} drive
 * @param {ReturnType<typeof spreading>} spread
 */
function networkCanvases(drive, spread) {
  const tensors = makeCanvas({
    label: "",
    ratio: 1,
    most: 460,
    draw: (surface) => {
      const { branches, last } = drive();
      drawTensors(surface, branches, last, spread.state.generations);
    },
  });
  const loop = makeCanvas({
    label: "",
    ratio: 1,
    most: 460,
    draw: (surface) => drawLoop(surface, drive()),
  });
  const sizes = makeCanvas({
    label: "",
    ratio: 2,
    least: 260,
    most: 340,
    draw: (surface) => drawSizes(surface, drive()),
  });
  const describe = (/** @type {number} */ largest) => {
    const { network, totals } = drive();
    tensors.describe(`${SIZE} tensors, ${network.up} of them up; ${largest} just switched together.`);
    loop.describe(`Mean branch ${numeral(network.magnetisation, 2)} by field, a staircase of jumps.`);
    sizes.describe(`Sizes of ${totals.count} avalanches beside their law.`);
  };
  return {
    all: [tensors, loop, sizes],
    redrawTensors: tensors.redraw,
    describe,
    network: element(
      "div",
      { class: "pair" },
      picture(tensors, "tensors", "Each square is a tensor: up in colour, the last avalanche bright."),
      picture(loop, "loop", "The network's own loop; each step is an avalanche."),
    ),
    law: picture(sizes, "sizes", "Dots: avalanches of whole passes. Line: the law, nothing fitted."),
  };
}

/**
 * @param {Context} context
 * @param {{play: () => void, many: () => void}} actions
 */
function networkControls(context, { play, many }) {
  const field = slider({
    label: "Field H, in % of its range",
    low: -100,
    high: 100,
    step: 0.1,
    value: 60,
    onInput: (drive) => context.set({ drive }),
  });
  const player = button("Play", play);
  const kind = choice({
    label: "Who hears whom",
    options: {
      even: "all, thresholds even",
      gauss: "all, Gaussian",
      neighbours: "neighbours",
    },
    value: "even",
    onInput: (value) => context.set({ kind: value }),
  });
  const ratio = slider({
    label: "Branching ratio n",
    low: 0.1,
    high: 0.99,
    step: 0.01,
    value: 0.9,
    onInput: (value) => context.set({ ratio: value }),
  });
  const width = slider({
    label: "Width R of the thresholds",
    low: 0.3,
    high: 2,
    step: 0.01,
    value: 1,
    onInput: (value) => context.set({ width: value }),
  });
  const seed = button("Other tensors", () =>
    context.set({ seed: Number(context.values.seed) + 1 }),
  );
  const list = facts(["Avalanches counted", "Largest", "Mean size ⟨s⟩", "n = 1 − 1/⟨s⟩"]);
  const note = element("p", { class: "note" });
  return {
    driving: [
      field.element,
      element("div", { class: "row" }, player, button(`${MANY} passes`, many), seed),
      kind.element,
      ratio.element,
      width.element,
    ],
    counting: [list.element, note],
    show: (
      /** @type {Values} */ values,
      /** @type {Drive} */ drive,
      /** @type {boolean} */ isPlaying,
    ) => {
      const { setting, counts, totals, ratio: estimate } = drive;
      field.set(Number(clamp(Number(values.drive), -100, 100).toFixed(1)));
      player.textContent = isPlaying ? "Stop" : "Play";
      kind.set(setting.kind);
      ratio.set(setting.ratio);
      width.set(setting.width);
      ratio.element.hidden = setting.kind !== "even";
      width.element.hidden = setting.kind === "even";
      list.set("Avalanches counted", `${totals.count} in ${drive.sweeps} passes`);
      list.set("Largest", String(Math.max(0, ...counts.keys())));
      list.set("Mean size ⟨s⟩", totals.count ? numeral(totals.sum / totals.count, 2) : "–");
      list.set(
        "n = 1 − 1/⟨s⟩",
        estimate ? `${numeral(estimate.value, 4)} ± ${numeral(estimate.error, 4)}` : "–",
      );
      note.textContent = lawText(setting);
    },
  };
}

/** @param {import("./relays_network.js").Setting} setting */
function lawText({ kind, ratio, width }) {
  if (kind === "even") {
    return `Borel's law for n = ${numeral(ratio, 2)}. New tensors are drawn at each end of the range.`;
  }
  if (kind === "neighbours") {
    return "Tensors that hear their four neighbours alone grow patches; Borel's law is not theirs.";
  }
  return width < CRITICAL_WIDTH
    ? "Below the critical width √(2/π) ≈ 0.798 one avalanche takes a share of all tensors."
    : "The law is Borel's, averaged over the thresholds that the field passes; at 0.798 it falls as s to the −9/4.";
}
