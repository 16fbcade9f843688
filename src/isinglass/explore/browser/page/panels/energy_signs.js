/** Hopfield's network of 1982: pictures of signs, recalled sign by sign. */

import { makeCanvas } from "../core/canvas.js";
import { announcer, button, facts, toggle } from "../core/controls.js";
import { element } from "../core/dom.js";
import { picture } from "../core/picture.js";
import { numeral } from "../core/plot.js";
import { arrows, dragging } from "../core/pointer.js";
import { uniform } from "../core/random.js";
import { descendSigns } from "../physics/descent.js";
import { overlaps, stateOfOverlaps } from "../physics/overlaps.js";
import { LETTERS, SIDE, fromDigits, signsOf, toDigits } from "./energy_letters.js";
import { makeFall } from "./energy_fall.js";
import { drawEnergies } from "./energy_pictures.js";
import { OverlapPlane, PixelGrid } from "./energy_signs_pictures.js";

/** @typedef {import("../core/types.js").Values} Values */

const NOISE = 0.25; // share of signs that a noisy letter has turned
const ORDER = shuffled(SIDE * SIDE, 7);

/**
 * @param {import("../core/types.js").Context} context
 */
export function signView(context) {
  const scene = new SignScene(context.values);
  const views = makeViews(scene);
  const now = announcer();
  const numbers = facts(["Energy at the start", "Energy at rest", "Signs turned"]);
  const controls = makeControls(scene, context.set);
  const fall = makeFall(scene, views.redraw);
  const isHeld = views.drag(
    (state) => context.set({ spins: toDigits(state) }),
    fall.hold,
    fall.start,
  );
  const show = () => {
    report(scene, numbers, now);
    views.redraw();
  };
  show();
  fall.start();
  return {
    isOfSigns: true,
    pictures: views.pictures,
    controls: [...controls.elements, now.element, numbers.element],
    update: (/** @type {Values} */ values, /** @type {Set<string>} */ _changed) => {
      scene.set(values);
      controls.set();
      show();
      if (!isHeld()) fall.start();
    },
    destroy: () => {
      fall.cancel();
      views.destroy();
    },
  };
}

/** Letters in memory, a state, and the way down from it. */
export class SignScene {
  /** @param {Values} values */
  constructor(values) {
    this.progress = 1;
    /** @type {string[]} */
    this.letters = [];
    /** @type {number[][]} */
    this.patterns = [];
    /** @type {number[]} */
    this.start = [];
    /** @type {import("../physics/descent.js").Descent} */
    this.descent = { states: [], energies: [], converged: true };
    this.set(values);
  }

  /** @param {Values} values */
  set(values) {
    const letters = LETTERS.filter((letter) => String(values.letters).includes(letter));
    this.letters = letters.length < 2 ? ["A", "L"] : letters;
    this.patterns = this.letters.map(signsOf);
    this.start = fromDigits(String(values.spins)) ?? noisy(this.patterns[0], 3);
    this.descent = descendSigns(this.start, this.patterns);
  }

  /** The state that is shown, after a share of the signs that turn. */
  get shown() {
    const { states } = this.descent;
    return states[Math.round(this.progress * (states.length - 1))];
  }

  /** The two patterns along the axes of the plane. */
  get axes() {
    return this.patterns.slice(0, 2);
  }

  /** @param {number[]} target Overlaps with these two. */
  at(target) {
    return stateOfOverlaps(target, this.axes, ORDER);
  }
}

/** @param {SignScene} scene */
function makeViews(scene) {
  const overlapPlane = new OverlapPlane();
  const grid = new PixelGrid();
  const landscape = makeCanvas({
    label: "Plane of the overlaps with the first two letters. Arrow keys move the state.",
    ratio: 1,
    interactive: true,
    draw: (surface) => overlapPlane.draw(surface, scene),
  });
  const pixels = makeCanvas({
    label: "The state, ten by ten signs. Arrow keys choose a sign, the space bar turns it.",
    ratio: 1,
    interactive: true,
    draw: (surface) => grid.draw(surface, scene.shown),
  });
  const curve = makeCanvas({
    label: "Energy, sign by sign",
    ratio: 3.6,
    least: 150,
    draw: (surface) => drawEnergies(surface, scene.descent.energies, scene.progress),
  });
  const canvases = [landscape, pixels, curve];
  const redraw = () => canvases.forEach((canvas) => canvas.redraw());
  const pair = element(
    "div",
    { class: "pair" },
    picture(pixels, "pixels", "The state: drag over signs to turn them. It is repaired sign by sign."),
    picture(landscape, "landscape", "The same state by its overlaps m with the first two letters; the bluer, the lower, so that valleys lie in the corners only. Drag it."),
  );
  return {
    pictures: [pair, picture(curve, "energies", "The energy, sign by sign: it never rises.")],
    redraw,
    /**
     * @param {(state: number[]) => void} set
     * @param {() => void} hold
     * @param {() => void} release
     */
    drag: (set, hold, release) => {
      dragPlane(landscape.canvas, overlapPlane, scene, { set, hold, release });
      dragPixels(pixels, grid, scene, { set, hold, release });
      return () => canvases.some(({ canvas }) => canvas.classList.contains("held"));
    },
    destroy: () => canvases.forEach((canvas) => canvas.destroy()),
  };
}

/**
 * @typedef {object} Hands
 * @property {(state: number[]) => void} set
 * @property {() => void} hold
 * @property {() => void} release
 */

/**
 * @param {HTMLCanvasElement} canvas
 * @param {OverlapPlane} overlapPlane
 * @param {SignScene} scene
 * @param {Hands} hands
 */
function dragPlane(canvas, overlapPlane, scene, { set, hold, release }) {
  const move = (/** @type {number} */ x, /** @type {number} */ y) =>
    set(scene.at(overlapPlane.from(x, y)));
  dragging(canvas, {
    start: (x, y, isTouch) => {
      if (isTouch && !overlapPlane.isNear(x, y, scene)) return false;
      hold();
      move(x, y);
      return true;
    },
    move,
    end: release,
  });
  arrows(canvas, (right, up) => {
    const [first, second] = overlaps(scene.start, scene.axes);
    set(scene.at([first + right * 0.04, second + up * 0.04]));
  });
}

/**
 * @param {import("../core/canvas.js").Canvas} pixels
 * @param {PixelGrid} grid
 * @param {SignScene} scene
 * @param {Hands} hands
 */
function dragPixels({ canvas, redraw }, grid, scene, { set, hold, release }) {
  let sign = 1;
  /** @param {number} place */
  const paint = (place) => set(scene.start.with(place, sign));
  dragging(canvas, {
    start: (x, y) => {
      const place = grid.placeAt(x, y);
      if (place < 0) return false;
      const shown = [...scene.shown]; // what one sees is what one paints on
      sign = -shown[place];
      hold();
      set(shown.with(place, sign));
      return true;
    },
    move: (x, y) => {
      const place = grid.placeAt(x, y);
      if (place >= 0) paint(place);
    },
    end: release,
  });
  arrows(canvas, (right, up) => {
    grid.moveCursor(Math.sign(right), Math.sign(up));
    redraw();
  });
  canvas.addEventListener("keydown", (event) => {
    if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    const { cursor } = grid;
    set(scene.start.with(cursor, -scene.start[cursor]));
  });
  canvas.addEventListener("focus", redraw);
  canvas.addEventListener("blur", redraw); // the cursor shows only what keys would turn
}

/**
 * @param {SignScene} scene
 * @param {(changes: Values) => void} set
 */
function makeControls(scene, set) {
  const toggles = LETTERS.map((letter) =>
    toggle({
      label: letter,
      value: scene.letters.includes(letter),
      onInput: (isIn) => {
        const letters = LETTERS.filter((other) =>
          other === letter ? isIn : scene.letters.includes(other),
        );
        set({ letters: letters.join("") });
        toggles.forEach((box, i) => box.set(scene.letters.includes(LETTERS[i])));
      },
    }),
  );
  let seed = 3;
  const rows = element("div", { class: "row" });
  const fill = () => {
    rows.replaceChildren(
      ...scene.letters.map((letter) =>
        button(`Noisy ${letter}`, () => set({ spins: toDigits(noisy(signsOf(letter), ++seed)) })),
      ),
      button("Noise", () => set({ spins: toDigits(noise(++seed)) })),
    );
  };
  fill();
  let shown = scene.letters.join("");
  return {
    elements: [
      element(
        "fieldset",
        { class: "group" },
        element("legend", {}, "Letters in memory, two at least"),
        element("div", { class: "row boxes" }, ...toggles.map((box) => box.element)),
      ),
      element("div", { class: "list" }, element("span", {}, "Begin with"), rows),
    ],
    set: () => {
      toggles.forEach((box, i) => box.set(scene.letters.includes(LETTERS[i])));
      if (scene.letters.join("") !== shown) fill(); // a button that is in use stays
      shown = scene.letters.join("");
    },
  };
}

/**
 * @param {SignScene} scene
 * @param {ReturnType<typeof facts>} numbers
 * @param {ReturnType<typeof announcer>} now
 */
function report({ descent, letters, patterns }, numbers, now) {
  const { states, energies } = descent;
  const end = states[states.length - 1];
  numbers.set("Energy at the start", numeral(energies[0], 2));
  numbers.set("Energy at rest", numeral(energies[energies.length - 1], 2));
  numbers.set("Signs turned", String(states.length - 1));
  const values = overlaps(end, patterns);
  const whole = values.findIndex((value) => Math.abs(value) === 1);
  if (whole >= 0) {
    const sign = values[whole] > 0 ? "the letter" : "the negative of the letter";
    now.say(`The network recalls ${sign} ${letters[whole]}.`);
    return;
  }
  const parts = values.map((value, i) => `${letters[i]} ${numeral(value, 2)}`);
  now.say(`It ends in a state that nobody stored, with overlaps ${parts.join(", ")}.`);
}

/**
 * A pattern with some of its signs turned.
 *
 * @param {number[]} pattern
 * @param {number} seed
 */
function noisy(pattern, seed) {
  const turned = new Set(shuffled(pattern.length, seed).slice(0, NOISE * pattern.length));
  return pattern.map((sign, i) => (turned.has(i) ? -sign : sign));
}

/** @param {number} seed */
function noise(seed) {
  const draw = uniform(seed);
  return Array.from({ length: SIDE * SIDE }, () => (draw() < 0.5 ? -1 : 1));
}

/**
 * The places 0 … n − 1 in a random order (Fisher & Yates).
 *
 * @param {number} n
 * @param {number} seed
 */
function shuffled(n, seed) {
  const draw = uniform(seed);
  const places = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(draw() * (i + 1));
    [places[i], places[j]] = [places[j], places[i]];
  }
  return places;
}
