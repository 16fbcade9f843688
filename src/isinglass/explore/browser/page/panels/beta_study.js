/** What the panel *drag β* computes: quickly while one drags, and then to the end. */

import { uniform } from "../core/random.js";
import { inSlices } from "../core/work.js";
import { atOnce, measured, randomWindow } from "../physics/attractor.js";
import { fillColumns } from "../physics/diagram.js";
import { Orbit } from "../physics/meanfield.js";
import { powerSpectrum } from "../physics/spectrum.js";

/** @typedef {import("../core/types.js").Colours} Colours */
/** @typedef {import("../physics/attractor.js").Attractor} Attractor */
/** @typedef {import("../physics/diagram.js").Column} Column */
/** @typedef {import("../physics/meanfield.js").Network} Network */
/** @typedef {import("../physics/meanfield.js").Parameters} Parameters */
/** @typedef {{cancel: () => void}} Job */

const COLUMNS = 480;
const COLUMN_STEPS = { transient: 1200, steps: 480 };
const QUICK = { transient: 400, steps: 2048 };
const WHOLE = { transient: 20000, steps: 16384 };
const STRETCH = 2048; // steps of which a spectrum is made

/**
 * @typedef {object} Request
 * @property {Parameters} parameters
 * @property {[number, number]} range Of β in the diagram.
 * @property {string} second "none", "random", "up" or "down".
 * @property {number} seed Of the random start.
 */

/** Orbits and diagrams of one or two starts. */
export class Study {
  /**
   * @param {Network} network
   * @param {(isSettled: boolean) => void} onChange Called when there is more to be seen.
   */
  constructor(network, onChange) {
    this.network = network;
    this.onChange = onChange;
    /** @type {(Attractor | undefined)[]} */
    this.attractors = [];
    /** @type {(Float64Array | undefined)[]} */
    this.powers = [];
    /** @type {(Column | undefined)[][]} */
    this.diagrams = [[], []];
    /** @type {Request | undefined} */
    this.request = undefined;
    /** What each diagram shows, so that only another is computed anew. */
    this.keys = ["", ""];
    /** @type {(Job | undefined)[]} */
    this.drawing = [];
    /** @type {Job | undefined} */
    this.settling = undefined;
  }

  /** @param {Request} request */
  show(request) {
    this.request = request;
    this.#fillDiagrams();
    this.#measure(QUICK);
    this.onChange(false);
    this.#settle();
  }

  cancel() {
    this.settling?.cancel();
    for (const job of this.drawing) job?.cancel();
  }

  /** @param {Colours} colours */
  series(colours) {
    const tones = [colours.first, colours.second];
    return this.#starts().map((_, i) => ({
      colour: tones[i],
      columns: this.diagrams[i],
      attractor: this.attractors[i],
    }));
  }

  /** @param {Colours} colours */
  spectra(colours) {
    const tones = [colours.first, colours.second];
    return this.powers.map((power, i) => ({ colour: tones[i], power }));
  }

  /** @returns {string[]} */
  #starts() {
    const { second } = /** @type {Request} */ (this.request);
    return second === "none" ? ["pattern"] : ["pattern", second];
  }

  #fillDiagrams() {
    const { parameters, range, seed } = /** @type {Request} */ (this.request);
    this.#starts().forEach((start, i) => {
      const { gamma, epsilon } = parameters;
      const key = JSON.stringify([start, gamma, epsilon, range, start === "random" && seed]);
      if (key === this.keys[i]) return;
      this.keys[i] = key;
      this.drawing[i]?.cancel();
      this.diagrams[i] = Array(COLUMNS);
      this.drawing[i] = inSlices(fillColumns(this.#plan(start), this.diagrams[i]), {
        onSlice: () => this.onChange(false),
        onEnd: () => this.#settle(), // whoever is followed has arrived
      });
    });
  }

  /**
   * @param {string} start
   * @returns {import("../physics/diagram.js").Plan}
   */
  #plan(start) {
    const { parameters, range } = /** @type {Request} */ (this.request);
    const step = (range[1] - range[0]) / (COLUMNS - 1);
    return {
      network: this.network,
      parameters,
      betas: Array.from({ length: COLUMNS }, (_, i) => range[0] + i * step),
      follow: start === "up" || start === "down" ? start : undefined,
      start: (orbit) => this.#begin(orbit, start),
      ...COLUMN_STEPS,
    };
  }

  /**
   * @param {Orbit} orbit
   * @param {string} start
   */
  #begin(orbit, start) {
    const { seed } = /** @type {Request} */ (this.request);
    if (start === "random") orbit.startFromWindow(randomWindow(this.network, uniform(seed)), 0);
    else orbit.startFromPattern();
  }

  /**
   * An orbit at the β that is looked at.
   *
   * @param {string} start
   * @param {number} i
   */
  #orbit(start, i) {
    const { parameters } = /** @type {Request} */ (this.request);
    const orbit = new Orbit(this.network, parameters);
    const passed = this.diagrams[i].filter(
      (column) =>
        column && (start === "up" ? column.beta <= parameters.beta : column.beta >= parameters.beta),
    );
    const last = start === "up" ? passed.at(-1) : passed[0];
    if ((start === "up" || start === "down") && last) orbit.startFromWindow(last.window, 0);
    else this.#begin(orbit, start);
    return orbit;
  }

  /** @param {{transient: number, steps: number}} sizes */
  #measure({ transient, steps }) {
    this.#starts().forEach((start, i) => {
      this.#take(i, atOnce(measured(this.#orbit(start, i), transient, steps)));
    });
    this.attractors.length = this.powers.length = this.#starts().length;
  }

  /**
   * @param {number} i
   * @param {Attractor} attractor
   */
  #take(i, attractor) {
    const [signal] = attractor.components;
    this.attractors[i] = attractor;
    this.powers[i] = powerSpectrum(signal, STRETCH);
  }

  /** Measure at length, while the page stays alive. */
  #settle() {
    this.settling?.cancel();
    this.settling = inSlices(this.#settled(), { onEnd: () => this.onChange(true) });
  }

  *#settled() {
    for (const [i, start] of this.#starts().entries()) {
      const orbit = this.#orbit(start, i);
      this.#take(i, yield* measured(orbit, WHOLE.transient, WHOLE.steps));
    }
  }
}
