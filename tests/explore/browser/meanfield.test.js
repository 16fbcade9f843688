import test from "node:test";
import assert from "node:assert/strict";
import { Orbit } from "../../../src/isinglass/explore/browser/page/physics/meanfield.js";
import { Tangent } from "../../../src/isinglass/explore/browser/page/physics/tangent.js";
import { periodOf } from "../../../src/isinglass/explore/browser/page/physics/attractor.js";
import { transform } from "../../../src/isinglass/explore/browser/page/physics/spectrum.js";
import { close, golden } from "./golden.js";

const { network, orbits, windows, spectrum } = golden();

test("an orbit from the pattern is Python's", () => {
  for (const { parameters, attentions } of orbits) {
    const orbit = new Orbit(network, parameters).startFromPattern();
    const ours = attentions.map(() => [...orbit.step()]);
    close(ours, attentions, 1e-12, JSON.stringify(parameters));
  }
});

test("a step from any window is Python's", () => {
  for (const { parameters, window, position, next } of windows) {
    const orbit = new Orbit(network, parameters).startFromWindow(window, position);
    close([...orbit.step()], next, 1e-12);
  }
});

test("a tangent is what a small change becomes", () => {
  const [{ parameters, window, position }] = windows;
  const moved = (/** @type {number} */ size) => {
    const tangent = new Tangent(new Orbit(network, parameters).startFromWindow(window, position));
    const start = window.map((/** @type {number[]} */ row, /** @type {number} */ age) =>
      row.map((value, a) => value + size * tangent.moves[age][a]),
    );
    const orbit = new Orbit(network, parameters).startFromWindow(start, position);
    for (let t = 0; t < 5; t++) orbit.step();
    return [...orbit.attention];
  };
  const tangent = new Tangent(new Orbit(network, parameters).startFromWindow(window, position));
  for (let t = 0; t < 5; t++) tangent.step();
  const [forth, back] = [moved(1e-6), moved(-1e-6)];
  close([...tangent.moves[0]], forth.map((value, a) => (value - back[a]) / 2e-6), 1e-6);
});

test("a period is the least number of steps, or none", () => {
  const signal = (/** @type {(t: number) => number} */ of) => [Float64Array.from({ length: 4000 }, (_, t) => of(t))];
  assert.equal(periodOf(signal((t) => t % 28)), 28);
  assert.equal(periodOf(signal(() => 0.5)), 1);
  assert.equal(periodOf(signal((t) => Math.sin(t))), 0);
});

test("the transform is NumPy's", () => {
  const real = Float64Array.from(spectrum.signal);
  const imaginary = new Float64Array(real.length);
  transform(real, imaginary);
  close([...real], spectrum.real, 1e-12);
  close([...imaginary], spectrum.imaginary, 1e-12);
});
