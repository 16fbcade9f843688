/** Panel *drag β*: a self-attention network as a dynamical system. */

import { announcer, button, choice, facts, slider } from "../core/controls.js";
import { makeCanvas } from "../core/canvas.js";
import { element } from "../core/dom.js";
import { picture } from "../core/picture.js";
import { numeral } from "../core/plot.js";
import { arrows, dragging } from "../core/pointer.js";
import { clamp } from "../core/state.js";
import { drawAttractors, drawDiagram, drawSpectra } from "./beta_pictures.js";
import { Study } from "./beta_study.js";

/** @typedef {import("../core/types.js").Values} Values */

const GAMMA = (2.2 * 100) / Math.sqrt(3); // the paper's
const GAMMAS = /** @type {[number, number]} */ ([0, 400]);
const EPSILONS = /** @type {[number, number]} */ ([0, 0.2]);
/** @type {Record<string, [number, number]>} */
const RANGES = { zoom: [1.24, 1.28], whole: [0, 3] };
/** @type {Record<string, [number, number]>} */
const PLANES = { 12: [0, 1], 13: [0, 2], 23: [1, 2] };

const EQUATION = `
<math display="block"><mrow><msub><mi>A</mi><mi>t</mi></msub><mo>=</mo><munder><mo>∑</mo><mi>τ</mi></munder>
<msub><mi>softmax</mi><mi>τ</mi></msub><mo>(</mo><mi>γ</mi><mspace width="0.2em"/><msubsup><mi>m</mi><mi>t</mi><mi>q</mi></msubsup><mo>·</mo>
<msubsup><mi>m</mi><mi>τ</mi><mi>k</mi></msubsup><mo>)</mo><mspace width="0.2em"/><msubsup><mi>m</mi><mi>τ</mi><mi>v</mi></msubsup><mo>,</mo></mrow></math>
<math display="block"><mrow><msubsup><mi>m</mi><mi>t</mi><mi>α</mi></msubsup><mo>=</mo><mo>(</mo><mn>1</mn><mo>−</mo><mi>ε</mi><mo>)</mo>
<munder><mo>∑</mo><mi>g</mi></munder><msubsup><mi>C</mi><mi>g</mi><mi>α</mi></msubsup><mi>tanh</mi><mo>(</mo><mi>β</mi><mspace width="0.2em"/><msub><mi>σ</mi><mi>g</mi></msub><mo>·</mo>
<msub><mi>A</mi><mrow><mi>t</mi><mo>−</mo><mn>1</mn></mrow></msub><mo>)</mo><mo>+</mo><mfrac><mi>ε</mi><mi>P</mi></mfrac><munder><mo>∑</mo><mi>p</mi></munder>
<msubsup><mi>W</mi><mi>p</mi><mi>α</mi></msubsup><msub><mi>e</mi><mrow><mi>t</mi><mo>,</mo><mi>p</mi></mrow></msub></mrow></math>
<p>A is what the newest token attends to, and m its overlaps with the stored patterns: of value, query and key. β is the inverse temperature of
the tokens, γ the gain of the attention, ε the weight of the positional bits, a clock of four steps. Spins whose output patterns agree form a
group g, so that the map is exact for infinitely many spins.</p>`;

/** @type {import("../core/types.js").Panel} */
export const beta = {
  id: "beta",
  title: "Drag β",
  about:
    "A self-attention network feeds on its own output: for infinitely many spins its attention follows an exact map, whose " +
    "diagram over the inverse temperature β stands first. Drag β across it and see the attractor turn from a cycle to a torus " +
    "to chaos, and start elsewhere to see that two attractors can lie side by side.",
  equation: EQUATION,
  links: [
    { text: "Docs: mean field", doc: "meanfield/#2-the-mean-field-map" },
    { text: "Poc-López & Aguilera 2024", href: "https://arxiv.org/abs/2406.07247" },
  ],
  defaults: {
    beta: 1.27,
    gamma: GAMMA,
    epsilon: 0.02,
    view: "zoom",
    plane: "12",
    second: "none",
    seed: 1,
  },
  mount(root, context) {
    let values = sensible(context.values);
    const pictures = makePictures(() => values);
    const controls = makeControls(values, context.set);
    const now = announcer();
    const numbers = facts(STARTS, ["first", "second"]);
    const study = new Study(context.data, (isSettled) => {
      pictures.redraw(study);
      report(study, values, numbers, isSettled ? now : undefined);
    });
    pictures.onBeta((next) => context.set({ beta: clamp(next, ...RANGES[String(values.view)]) }));
    root.append(
      element(
        "div",
        { class: "stage" },
        pictures.element,
        element("div", { class: "controls" }, ...controls.elements, now.element, numbers.element),
      ),
    );
    const show = () => study.show({
      parameters: {
        beta: Number(values.beta),
        gamma: Number(values.gamma),
        epsilon: Number(values.epsilon),
      },
      range: RANGES[String(values.view)],
      second: String(values.second),
      seed: Number(values.seed),
    });
    show();
    return {
      update(next) {
        values = sensible(next);
        controls.set(values);
        pictures.redraw(study);
        show();
      },
      destroy() {
        study.cancel();
        pictures.destroy();
      },
    };
  },
};

/**
 * The state with what cannot be put right.
 *
 * @param {Values} values
 * @returns {Values}
 */
function sensible(values) {
  const view = Object.hasOwn(RANGES, String(values.view)) ? String(values.view) : "zoom";
  return {
    ...values,
    view,
    beta: clamp(Number(values.beta), ...RANGES[view]),
    gamma: clamp(Number(values.gamma), ...GAMMAS),
    epsilon: clamp(Number(values.epsilon), ...EPSILONS),
    plane: Object.hasOwn(PLANES, String(values.plane)) ? values.plane : "12",
    second: Object.hasOwn(SECONDS, String(values.second)) ? values.second : "none",
    seed: Math.round(clamp(Number(values.seed), 0, 1e6)),
  };
}

const STARTS = ["From the pattern", "Second start"];
/** @type {Record<string, string>} */
const SECONDS = { none: "None", random: "Random", up: "Followed up", down: "Followed down" };

/**
 * @param {Values} values
 * @param {(changes: Values) => void} set
 */
function makeControls(values, set) {
  const [low, high] = RANGES[String(values.view)];
  const betas = slider({
    label: "Inverse temperature β",
    low,
    high,
    step: (high - low) / 1000,
    value: Number(values.beta),
    onInput: (beta) => set({ beta }),
  });
  const gammas = slider({
    label: "Gain of the attention γ",
    low: GAMMAS[0],
    high: GAMMAS[1],
    step: 0.5,
    value: Number(values.gamma),
    onInput: (gamma) => set({ gamma }),
  });
  const epsilons = slider({
    label: "Weight of the clock ε",
    low: EPSILONS[0],
    high: EPSILONS[1],
    step: 0.001,
    value: Number(values.epsilon),
    onInput: (epsilon) => set({ epsilon }),
  });
  const view = choice({
    label: "Diagram",
    options: { zoom: "1.24 to 1.28", whole: "0 to 3" },
    value: String(values.view),
    onInput: (chosen) => set({ view: chosen }),
  });
  const second = choice({
    label: "A second start beside the pattern",
    options: SECONDS,
    value: String(values.second),
    onInput: (chosen) => set({ second: chosen }),
  });
  let seed = Number(values.seed);
  const another = button("Another random start", () => set({ second: "random", seed: seed + 1 }));
  another.hidden = values.second !== "random";
  const planes = choice({
    label: "Plane",
    options: { 12: "A₁ A₂", 13: "A₁ A₃", 23: "A₂ A₃" },
    value: String(values.plane),
    onInput: (chosen) => set({ plane: chosen }),
  });
  return {
    elements: [betas, gammas, epsilons, view, second].map((control) => control.element)
      .concat([another, planes.element]),
    set: (/** @type {Values} */ next) => {
      const [least, most] = RANGES[String(next.view)];
      seed = Number(next.seed);
      another.hidden = next.second !== "random";
      betas.bound(least, most, (most - least) / 1000);
      betas.set(Number(next.beta));
      gammas.set(Number(next.gamma));
      epsilons.set(Number(next.epsilon));
      view.set(String(next.view));
      second.set(String(next.second));
      planes.set(String(next.plane));
    },
  };
}

/** @param {() => Values} state */
function makePictures(state) {
  /** @type {Study | undefined} */
  let study;
  /** @type {import("../core/types.js").Plane | undefined} */
  let frame;
  const diagram = makeCanvas({
    label: "Bifurcation diagram over β. Arrow keys move β.",
    ratio: 2.1,
    least: 300,
    interactive: true,
    draw: (surface) => {
      const range = RANGES[String(state().view)];
      const beta = Number(state().beta);
      frame = drawDiagram(surface, study?.series(surface.colours) ?? [], { range, beta });
    },
  });
  const attractors = makeCanvas({
    label: "Attractor in the plane of two components of the attention",
    ratio: 1,
    most: 420,
    draw: (surface) =>
      drawAttractors(surface, study?.series(surface.colours) ?? [], PLANES[String(state().plane)]),
  });
  const spectra = makeCanvas({
    label: "Power spectrum of A₁",
    ratio: 1,
    most: 420,
    draw: (surface) => drawSpectra(surface, study?.spectra(surface.colours) ?? []),
  });
  const canvases = [diagram, attractors, spectra];
  return {
    element: element(
      "div",
      { class: "pictures" },
      picture(diagram, "diagram", "A₁ whenever the clock is at 0, over β, and below it the largest Lyapunov exponent λ₁: above the line is chaos. Drag across, or use the arrow keys."),
      element(
        "div",
        { class: "pair tight" },
        picture(attractors, "attractor", "The attractor: two components of the attention, step after step."),
        picture(spectra, "spectrum", "Power spectrum of A₁: lines for cycles and tori, a continuum for chaos."),
      ),
    ),
    redraw: (/** @type {Study} */ next) => {
      study = next;
      for (const canvas of canvases) canvas.redraw();
    },
    onBeta: (/** @type {(beta: number) => void} */ set) => {
      const to = (/** @type {number} */ x) => frame && set(frame.x.from(x));
      const start = (/** @type {number} */ x) => {
        to(x);
        return true;
      };
      dragging(diagram.canvas, { start, move: to, along: "x" });
      arrows(diagram.canvas, (right, up) => {
        const [low, high] = RANGES[String(state().view)];
        set(Number(state().beta) + ((right + up) * (high - low)) / 500);
      });
    },
    destroy: () => canvases.forEach((canvas) => canvas.destroy()),
  };
}

/**
 * @param {Study} study
 * @param {Values} values
 * @param {ReturnType<typeof facts>} numbers
 * @param {ReturnType<typeof announcer> | undefined} now
 */
function report(study, values, numbers, now) {
  const [first, second] = study.attractors;
  STARTS.forEach((start, i) => {
    const attractor = study.attractors[i];
    numbers.set(start, attractor ? `λ₁ = ${numeral(attractor.exponent, 4)}` : "none");
  });
  if (!now || !first) return;
  const others = second ? ` From the second start it is ${kind(second)}.` : "";
  now.say(`At β = ${numeral(Number(Number(values.beta).toPrecision(6)))} the attention ends on ${kind(first)}.${others}`);
}

/**
 * What an attractor is, as far as thousands of steps show it.
 *
 * @param {import("../physics/attractor.js").Attractor} attractor
 */
function kind({ period, exponent }) {
  if (period === 1) return "a fixed point";
  if (period) return `a cycle of ${period} steps`;
  if (exponent > 0.004) return "chaos";
  if (exponent > -0.004) return "a torus, or nearly one";
  return "a long cycle";
}
