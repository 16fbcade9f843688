/** Energies of states in a plane, whose patterns and state one drags. */

import { makeCanvas } from "../core/canvas.js";
import { announcer, button, choice, facts, list, slider } from "../core/controls.js";
import { element } from "../core/dom.js";
import { picture } from "../core/picture.js";
import { numeral } from "../core/plot.js";
import { arrows, dragging } from "../core/pointer.js";
import { clamp } from "../core/state.js";
import { descend } from "../physics/descent.js";
import { distanceEnergy, modernEnergy } from "../physics/energies.js";
import { makeFall } from "./energy_fall.js";
import { drawEnergies, Terrain } from "./energy_pictures.js";
import { pointsOf, textOf } from "./energy_points.js";

/** @typedef {import("../core/types.js").Values} Values */
/** @typedef {import("../physics/descent.js").Descent} Descent */

const BETAS = /** @type {[number, number]} */ ([0.1, 8]);
const MOST_PATTERNS = 9;
const MOST_STEPS = 2000;
const REACH = 24; // CSS pixels within which a finger takes hold of something
const BOUNDS = [3, 2.2];

/**
 * @param {import("../core/types.js").Context} context
 */
export function planeView(context) {
  const scene = new Scene(context.values);
  const terrain = new Terrain();
  const canvas = makeCanvas({
    label: "Energy landscape in a plane. Arrow keys move what the list names.",
    ratio: 1.36,
    interactive: true,
    draw: (surface) => terrain.draw(surface, scene),
  });
  const curve = makeCanvas({
    label: "Energy, step by step",
    ratio: 3.6,
    least: 150,
    draw: (surface) => drawEnergies(surface, scene.descent.energies, scene.progress),
  });
  const redraw = () => [canvas, curve].forEach((view) => view.redraw());
  const now = announcer();
  const numbers = facts(["Energy at the start", "Energy at rest", "Steps"]);
  const fall = makeFall(scene, redraw);
  const show = () => {
    report(scene, numbers, now);
    redraw();
  };
  const controls = makeControls(scene, context.set);
  const move = (/** @type {number} */ held, /** @type {number[]} */ to) =>
    context.set(scene.moved(held, to));
  let held = -1;
  dragging(canvas.canvas, {
    start: (x, y, isTouch) => {
      const near = scene.nearest(terrain.from(x, y), terrain.length(REACH));
      if (near === undefined && isTouch) return false;
      held = near ?? -1; // a mouse calls the state from afar
      fall.hold();
      controls.hold(held);
      if (near === undefined) move(held, terrain.from(x, y));
      redraw();
      return true;
    },
    move: (x, y) => move(held, terrain.from(x, y)),
    end: fall.start,
  });
  arrows(canvas.canvas, (right, up) => {
    const [x, y] = scene.place(controls.held());
    move(controls.held(), [x + right * 0.04, y + up * 0.04]);
    fall.start();
  });
  show();
  fall.start();
  return {
    isOfSigns: false,
    pictures: [
      picture(canvas, "landscape", "The bluer, the lower. Drag the orange state or a numbered pattern; violet lines say how much of its attention the state pays to each. On a keyboard choose what to move, then use the arrow keys on the picture."),
      picture(curve, "energies", "The energy along the way: it never rises."),
    ],
    controls: [...controls.elements, now.element, numbers.element],
    update: (/** @type {Values} */ values, /** @type {Set<string>} */ changed) => {
      scene.set(values);
      controls.set(values);
      show();
      if (!canvas.canvas.classList.contains("held") && changed.size) fall.start();
    },
    destroy: () => {
      fall.cancel();
      canvas.destroy();
      curve.destroy();
    },
  };
}

/** What is in the plane: patterns, a state, and the way down from it. */
export class Scene {
  /** @param {Values} values */
  constructor(values) {
    /** Share of the way that has been gone, as one watches. */
    this.progress = 1;
    /** @type {number[][]} */
    this.patterns = [];
    this.state = [0, 0];
    this.beta = 1;
    /** @type {"flow" | "update"} */
    this.method = "flow";
    this.kind = "distance";
    this.landscape = distanceEnergy(1);
    /** @type {Descent} */
    this.descent = { states: [], energies: [], converged: true };
    this.set(values);
  }

  /** @param {Values} values */
  set(values) {
    this.patterns = pointsOf(String(values.patterns), BOUNDS).slice(0, MOST_PATTERNS);
    if (!this.patterns.length) this.patterns = [[0, 0]];
    this.state = pointsOf(String(values.x), BOUNDS)[0] ?? [0, 0];
    this.beta = clamp(Number(values.beta), ...BETAS);
    this.method = values.method === "update" ? "update" : "flow";
    this.kind = values.kind === "modern" ? "modern" : "distance";
    this.landscape = this.kind === "modern" ? modernEnergy(this.beta) : distanceEnergy(this.beta);
    this.descent = descend(this.landscape, this.state, this.patterns, this.method, MOST_STEPS);
  }

  /** What decides the landscape: only where it changes is it drawn anew. */
  get key() {
    return JSON.stringify([this.kind, this.beta, this.patterns]);
  }

  /** Where the state is after the share of the way that is shown. */
  get shown() {
    const { states } = this.descent;
    const place = this.progress * (states.length - 1);
    const before = states[Math.floor(place)];
    const after = states[Math.ceil(place)];
    return before.map((value, i) => value + (place % 1) * (after[i] - value));
  }

  /**
   * Place of a pattern, or of the state, which is −1.
   *
   * @param {number} held
   */
  place(held) {
    return this.patterns[held] ?? this.state;
  }

  /**
   * What is within reach: −1 for the state, or the nearest pattern.
   *
   * @param {number[]} to
   * @param {number} reach
   * @returns {number | undefined}
   */
  nearest(to, reach) {
    const far = (/** @type {number[]} */ other) => Math.hypot(other[0] - to[0], other[1] - to[1]);
    if (Math.min(far(this.shown), far(this.state)) < reach) return -1;
    const distances = this.patterns.map(far);
    const least = Math.min(...distances);
    return least < reach ? distances.indexOf(least) : undefined;
  }

  /**
   * Changes of the panel's state that move something.
   *
   * @param {number} held
   * @param {number[]} to
   * @returns {Values}
   */
  moved(held, to) {
    if (!this.patterns[held]) return { x: textOf([to], BOUNDS) };
    return { patterns: textOf(this.patterns.with(held, to), BOUNDS) };
  }
}

/**
 * @param {Scene} scene
 * @param {(changes: Values) => void} set
 */
function makeControls(scene, set) {
  let held = -1;
  const betas = slider({
    label: "Inverse temperature β",
    low: BETAS[0],
    high: BETAS[1],
    step: 0.05,
    value: scene.beta,
    onInput: (beta) => set({ beta }),
  });
  const methods = choice({
    label: "Way down",
    options: { flow: "Flow −∇E", update: "Attention steps" },
    value: scene.method,
    onInput: (method) => set({ method }),
  });
  const names = () => ({
    "-1": "the state",
    ...Object.fromEntries(scene.patterns.map((_, i) => [i, `pattern ${i + 1}`])),
  });
  const hold = (/** @type {number} */ next) => {
    held = next;
    holds.set(String(held));
    remove.disabled = held < 0 || scene.patterns.length < 2;
  };
  const holds = list({
    label: "Arrow keys move",
    options: names(),
    value: "-1",
    onInput: (key) => hold(Number(key)),
  });
  const add = button("Add a pattern", () =>
    set({ patterns: textOf([...scene.patterns, roomiest(scene.patterns)], BOUNDS) }),
  );
  const remove = button("Remove it", () => {
    const rest = scene.patterns.filter((_, i) => i !== held);
    hold(-1);
    set({ patterns: textOf(rest, BOUNDS) });
  });
  hold(-1);
  const buttons = element("div", { class: "row" }, add, remove);
  return {
    elements: [betas.element, methods.element, holds.element, buttons],
    held: () => held,
    hold,
    set: (/** @type {Values} */ _values) => {
      betas.set(scene.beta);
      methods.set(scene.method);
      holds.fill(names());
      hold(held < scene.patterns.length ? held : -1);
      add.disabled = scene.patterns.length >= MOST_PATTERNS;
    },
  };
}

/**
 * A place for a pattern that is far from all others.
 *
 * @param {number[][]} patterns
 */
function roomiest(patterns) {
  let best = [0, 0];
  let most = -1;
  for (let x = -2.4; x <= 2.4; x += 0.4) {
    for (let y = -1.6; y <= 1.6; y += 0.4) {
      const room = Math.min(...patterns.map((p) => Math.hypot(p[0] - x, p[1] - y)));
      if (room > most) [best, most] = [[x, y], room];
    }
  }
  return best;
}

/**
 * @param {Scene} scene
 * @param {ReturnType<typeof facts>} numbers
 * @param {ReturnType<typeof announcer>} now
 */
function report({ descent, landscape, patterns }, numbers, now) {
  const { states, energies, converged } = descent;
  const end = states[states.length - 1];
  const weights = landscape.weights(end, patterns);
  const steps = converged ? String(states.length - 1) : `more than ${MOST_STEPS}`;
  numbers.set("Energy at the start", numeral(energies[0], 4));
  numbers.set("Energy at rest", numeral(energies[energies.length - 1], 4));
  numbers.set("Steps", steps);
  const shares = weights.flatMap((weight, i) => (weight > 0.02 ? [i + 1] : []));
  now.say(
    shares.length === 1
      ? `The state recalls pattern ${shares[0]}.`
      : `The state comes to rest amid the patterns ${shares.slice(0, -1).join(", ")} and ${shares.at(-1)}: they have melted into one memory.`,
  );
}
