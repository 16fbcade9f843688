/** Panel *heat*: drops of heat on an insulated plate, conducted as vHeat's layer does. */

import { makeCanvas } from "../core/canvas.js";
import { announcer, button, choice, facts, slider } from "../core/controls.js";
import { element } from "../core/dom.js";
import { picture } from "../core/picture.js";
import { numeral } from "../core/plot.js";
import { arrows, dragging } from "../core/pointer.js";
import { stage } from "../core/stage.js";
import { clamp } from "../core/state.js";
import { conduct, plateOf, total } from "../physics/heat.js";
import { BELOW, CELLS, cellAt, drawCut, drawPlate } from "./heat_pictures.js";

/** @typedef {import("../core/types.js").Values} Values */
/** @typedef {import("../physics/heat.js").Spectrum} Spectrum */

const MOST_DROPS = 60;
const LARGEST = 20; // conductivity

/** @type {Record<Spectrum, string>} */
const SPECTRA = { continuous: "As published, ω = πn/N", graph: "Of the graph, ω = 2 sin(πn/2N)" };

const EQUATION = `
<math display="block"><mrow><msub><mi>u</mi><mi>t</mi></msub><mo>=</mo><msup><mi>D</mi><mi>T</mi></msup><mo>(</mo><msup><mi>e</mi><mrow><mo>−</mo><mi>k</mi><mo>(</mo><msubsup><mi>ω</mi><mi>n</mi><mn>2</mn></msubsup><mo>+</mo><msubsup><mi>ω</mi><mi>m</mi><mn>2</mn></msubsup><mo>)</mo></mrow></msup><mo>⊙</mo><mo>(</mo><mi>D</mi><mi>u</mi><msup><mi>D</mi><mi>T</mi></msup><mo>)</mo><mo>)</mo><mi>D</mi></mrow></math>
<p>D takes the cosine modes of a plate through whose edges nothing leaves. All heat is in the mode of the mean, which is left as it is: so it
is conserved for any k. With the graph’s frequencies no cell is ever colder than the coldest was; with the published ones it may be.</p>`;

/** @type {import("../core/types.js").Panel} */
export const heat = {
  id: "heat",
  title: "Heat conduction",
  about:
    "vHeat lets the features of a picture conduct heat instead of attending to each other. Drop heat on the plate, choose how " +
    "well it conducts, and see how far it goes: about √(2k) cells. All of it stays, but with the published frequencies some " +
    "cells become colder than nothing.",
  equation: EQUATION,
  links: [
    { text: "Docs: heat", doc: "heat/#1-the-equations" },
    { text: "Wang et al. 2024", href: "https://arxiv.org/abs/2405.16555" },
  ],
  defaults: { k: 0.5, spectrum: "continuous", drops: "8,8;9,16;17,11" },
  mount,
};

/**
 * @param {HTMLElement} root
 * @param {import("../core/types.js").Context} context
 * @returns {import("../core/types.js").Mounted}
 */
function mount(root, context) {
  const scene = new Plate(context.values);
  const plate = makeCanvas({
    label: "Heat on a plate of 24 by 24 cells. Arrow keys move a mark, Enter drops heat there.",
    ratio: 1,
    most: 460,
    interactive: true,
    draw: (surface) => drawPlate(surface, scene, document.activeElement === plate.canvas),
  });
  const cut = makeCanvas({
    label: "Heat along the marked row, by both spectra",
    ratio: 2.6,
    least: 170,
    draw: (surface) => drawCut(surface, scene),
  });
  const now = announcer();
  const numbers = facts(["Heat dropped", "Heat now", "Coldest cell", "Hottest cell", "Width √(2k)"]);
  const drop = (/** @type {number[]} */ cell) => {
    scene.mark = cell;
    context.set({ drops: textOf([...scene.drops, cell].slice(-MOST_DROPS)) });
  };
  pointing(plate.canvas, scene, drop);
  const redraw = () => [plate, cut].forEach((view) => view.redraw());
  marking(plate.canvas, scene, drop, redraw);
  const controls = makeControls(scene, context.set);
  const update = (/** @type {Values} */ values) => {
    scene.set(values);
    controls.set(scene);
    report(scene, numbers, now);
    redraw();
  };
  root.append(
    stage(
      [
        picture(plate, "plate", "The more orange, the hotter; blue is below nothing. Click or drag to drop heat; on a keyboard move the mark by arrow keys and press Enter. Rings are where heat was dropped."),
        picture(cut, "cut", "Heat along the row of the mark: orange the published spectrum, blue the graph’s."),
      ],
      [...controls.elements, now.element, numbers.element],
    ),
  );
  update(context.values);
  return {
    update,
    destroy: () => {
      plate.destroy();
      cut.destroy();
    },
  };
}

/** What was dropped, and what has become of it in both spectra. */
export class Plate {
  /** @param {Values} values */
  constructor(values) {
    /** @type {number[][]} Row and column. */
    this.drops = [];
    this.k = 0;
    /** @type {Spectrum} */
    this.spectrum = "continuous";
    this.after = { continuous: new Float64Array(CELLS * CELLS), graph: new Float64Array(CELLS * CELLS) };
    this.set(values);
    this.mark = this.drops.at(-1) ?? [CELLS / 2, CELLS / 2];
  }

  /** @param {Values} values */
  set(values) {
    this.drops = dropsOf(String(values.drops)).slice(-MOST_DROPS);
    const k = Number(values.k);
    this.k = Number.isFinite(k) ? clamp(k, 0, LARGEST) : 0.5;
    this.spectrum = values.spectrum === "graph" ? "graph" : "continuous";
    const field = plateOf(this.drops, CELLS);
    for (const spectrum of /** @type {Spectrum[]} */ (["continuous", "graph"])) {
      this.after[spectrum] = conduct(field, CELLS, this.k, spectrum);
    }
  }

  /** That of the chosen spectrum. */
  get field() {
    return this.after[this.spectrum];
  }
}

/**
 * @param {Plate} scene
 * @param {(changes: Values) => void} set
 */
function makeControls(scene, set) {
  const k = slider({
    label: "Conductivity k in squared cells",
    low: 0,
    high: LARGEST,
    step: 0.05,
    value: scene.k,
    onInput: (value) => set({ k: value }),
  });
  const spectrum = choice({
    label: "Spectrum",
    options: SPECTRA,
    value: scene.spectrum,
    onInput: (value) => set({ spectrum: value }),
  });
  const back = button("Take the last drop back", () => set({ drops: textOf(scene.drops.slice(0, -1)) }));
  const clear = button("Clear the plate", () => set({ drops: "" }));
  return {
    elements: [k.element, spectrum.element, element("div", { class: "row" }, back, clear)],
    set: (/** @type {Plate} */ state) => {
      k.set(state.k);
      spectrum.set(state.spectrum);
    },
  };
}

/**
 * @param {Plate} scene
 * @param {ReturnType<typeof facts>} numbers
 * @param {ReturnType<typeof announcer>} now
 */
function report(scene, numbers, now) {
  const least = Math.min(...scene.field);
  const most = Math.max(...scene.field);
  const heatNow = total(scene.field);
  numbers.set("Heat dropped", numeral(scene.drops.length, 6));
  numbers.set("Heat now", numeral(heatNow, 6));
  numbers.set("Coldest cell", numeral(least, 5));
  numbers.set("Hottest cell", numeral(most, 5));
  numbers.set("Width √(2k)", `${numeral(Math.sqrt(2 * scene.k), 2)} cells`);
  const isBelow = least < BELOW;
  now.say(
    scene.drops.length
      ? `All ${numeral(heatNow, 2)} of the heat is still there; the coldest cell has ${isBelow ? `${numeral(Number(least.toPrecision(1)))}, less than nothing` : "no less than nothing"}.`
      : "The plate is empty.",
  );
}

/**
 * Drops where the pointer goes, once a cell.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Plate} scene
 * @param {(cell: number[]) => void} drop
 */
function pointing(canvas, scene, drop) {
  const at = (/** @type {number} */ x, /** @type {number} */ y) =>
    cellAt(x, y, canvas.clientWidth, canvas.clientHeight);
  dragging(canvas, {
    start: (x, y) => {
      const cell = at(x, y);
      if (cell) drop(cell);
      return cell !== undefined;
    },
    move: (x, y) => {
      const cell = at(x, y);
      if (cell && String(cell) !== String(scene.mark)) drop(cell);
    },
  });
}

/**
 * The mark, by keys.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Plate} scene
 * @param {(cell: number[]) => void} drop
 * @param {() => void} redraw
 */
function marking(canvas, scene, drop, redraw) {
  arrows(canvas, (right, up) => {
    const [row, column] = scene.mark;
    scene.mark = [clamp(row - up, 0, CELLS - 1), clamp(column + right, 0, CELLS - 1)];
    redraw();
  });
  canvas.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    drop(scene.mark);
  });
  canvas.addEventListener("focus", redraw);
  canvas.addEventListener("blur", redraw);
}

/**
 * Cells of a text such as "8,8;9,16".
 *
 * @param {string} text
 * @returns {number[][]}
 */
export function dropsOf(text) {
  return text.split(";").flatMap((word) => {
    const cell = word.split(",").map((part) => (part.trim() === "" ? NaN : Number(part)));
    const isCell = cell.length === 2 && cell.every((n) => Number.isInteger(n) && n >= 0 && n < CELLS);
    return isCell ? [cell] : [];
  });
}

/** @param {number[][]} drops */
function textOf(drops) {
  return drops.map((cell) => cell.join(",")).join(";");
}
