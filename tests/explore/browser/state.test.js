import test from "node:test";
import assert from "node:assert/strict";
import { fromFragment, toFragment, toValues } from "../../../src/isinglass/explore/browser/page/core/state.js";
import { numeral, roundUp, scale, ticks } from "../../../src/isinglass/explore/browser/page/core/plot.js";
import { arrows, dragging } from "../../../src/isinglass/explore/browser/page/core/pointer.js";
import { uniform } from "../../../src/isinglass/explore/browser/page/core/random.js";
import { coarseFirst } from "../../../src/isinglass/explore/browser/page/physics/diagram.js";
import { fromDigits, toDigits } from "../../../src/isinglass/explore/browser/page/panels/energy_letters.js";
import { pointsOf, textOf } from "../../../src/isinglass/explore/browser/page/panels/energy_points.js";

const DEFAULTS = { beta: 1.27, view: "zoom", isOn: true };

test("a fragment keeps what differs, and gives it back", () => {
  const values = { beta: 0.1 + 0.2, view: "a&b=c?", isOn: false };
  const fragment = toFragment("panel", values, DEFAULTS);
  const { id, query } = fromFragment(fragment);
  assert.equal(id, "panel");
  assert.deepEqual(toValues(query, DEFAULTS), { ...values, beta: 0.3 });
  assert.equal(toFragment("panel", DEFAULTS, DEFAULTS), "#panel");
});

test("what makes no sense in a fragment is as usual", () => {
  for (const text of ["#p?beta=&isOn=", "#p?beta=NaN&isOn=yes", "#p?beta=1e999&other=3", "#p", ""]) {
    assert.deepEqual(toValues(fromFragment(text).query, DEFAULTS), DEFAULTS);
  }
});

test("ticks are round, in range, and about as many as there is room for", () => {
  assert.deepEqual(ticks([1.24, 1.28], 4), [1.24, 1.25, 1.26, 1.27, 1.28]);
  assert.deepEqual(ticks([-1, 1], 4), [-1, -0.5, 0, 0.5, 1]);
  assert.equal(roundUp(0.31), 0.4);
  assert.equal(roundUp(1), 1);
  assert.equal(numeral(-0.0001, 2), "0.00");
  assert.equal(numeral(-0.5), "−0.5");
});

test("a scale goes there and back", () => {
  const { to, from } = scale([-1, 3], 100, 20);
  assert.equal(to(-1), 100);
  assert.equal(to(3), 20);
  assert.equal(from(to(0.7)), 0.7);
});

test("random numbers are the seed's, and uniform", () => {
  const [first, same, other] = [uniform(3), uniform(3), uniform(4)];
  const draws = Array.from({ length: 4000 }, first);
  assert.deepEqual(draws.slice(0, 9), Array.from({ length: 9 }, same));
  assert.notEqual(draws[0], other());
  assert.ok(draws.every((value) => value >= 0 && value < 1));
  const mean = draws.reduce((sum, value) => sum + value, 0) / draws.length;
  assert.ok(Math.abs(mean - 0.5) < 0.02);
});

test("columns are all filled, once", () => {
  const places = coarseFirst(101);
  assert.deepEqual([...places].sort((a, b) => a - b), Array.from({ length: 101 }, (_, i) => i));
  assert.deepEqual(places.slice(0, 4), [0, 32, 64, 96]);
});

test("points and signs survive as text", () => {
  assert.deepEqual(pointsOf("0.5,1;-9,0;x,1;3;,1", [3, 2]), [[0.5, 1], [-3, 0]]);
  assert.equal(textOf([[0.12345, -1]], [3, 2]), "0.123,-1");
  const signs = Array.from({ length: 100 }, (_, i) => (i % 3 ? 1 : -1));
  assert.deepEqual(fromDigits(toDigits(signs)), signs);
  assert.equal(fromDigits("xyz"), undefined);
});

/** What a hand does to a canvas, without a browser: its events and its class names. */
function handled() {
  const names = new Set();
  const target = /** @type {HTMLElement} */ (/** @type {any} */ (
    Object.assign(new EventTarget(), {
      classList: { add: names.add.bind(names), remove: names.delete.bind(names) },
      getBoundingClientRect: () => ({ left: 0, top: 0 }),
      setPointerCapture: () => {},
    })
  ));
  const act = (/** @type {string} */ kind, /** @type {object} */ details) => {
    const event = Object.assign(new Event(kind, { cancelable: true }), details);
    target.dispatchEvent(event);
    return event.defaultPrevented;
  };
  return { target, act, isHeld: () => names.has("held") };
}

test("what is taken hold of is held while it starts, and else let go", () => {
  const { target, act, isHeld } = handled();
  /** @type {boolean[]} */
  const starts = [];
  let moves = 0;
  const start = (/** @type {number} */ x) => {
    starts.push(isHeld());
    return x > 0;
  };
  dragging(target, { start, move: () => moves++ });
  const at = (/** @type {number} */ x) => ({ pointerId: 4, button: 0, clientX: x, clientY: 0 });
  act("pointerdown", at(-1));
  act("pointermove", at(-1));
  assert.deepEqual([starts, isHeld(), moves], [[true], false, 0]);
  act("pointerdown", at(1));
  act("pointermove", at(2));
  assert.deepEqual([starts, isHeld(), moves], [[true, true], true, 1]);
  act("pointerup", at(2));
  assert.equal(isHeld(), false);
});

test("arrow keys that are not used scroll the page", () => {
  const { target, act } = handled();
  /** @type {number[][]} */
  const moves = [];
  arrows(target, (...move) => moves.push(move), "x");
  assert.equal(act("keydown", { key: "ArrowUp" }), false);
  assert.equal(act("keydown", { key: "ArrowLeft", shiftKey: true }), true);
  assert.deepEqual(moves, [[-10, 0]]);
});
