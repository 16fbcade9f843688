import assert from "node:assert/strict";
import test from "node:test";
import { Drive, SIZE } from "../../../src/isinglass/explore/browser/page/panels/relays_network.js";
import {
  MeanFieldRelays,
  NeighbourRelays,
  borel,
  branchingRatio,
  drive,
  sizeDensity,
} from "../../../src/isinglass/explore/browser/page/physics/avalanches.js";
import {
  fold,
  landing,
  loopArea,
  nextBranch,
  settle,
  solutions,
  switching,
} from "../../../src/isinglass/explore/browser/page/physics/response.js";
import { close, golden } from "./golden.js";

const { responses, all, neighbours, laws } = golden();

/** @param {number} value */
const orNull = (value) => (Number.isNaN(value) ? null : value);

/**
 * @param {(number | null)[]} actual
 * @param {(number | null)[]} expected
 * @param {string} what
 */
function alike(actual, expected, what) {
  const isThere = (/** @type {(number | null)[]} */ row) => row.map((value) => value !== null);
  assert.deepEqual(isThere(actual), isThere(expected), what);
  close(actual.filter((v) => v !== null), expected.filter((v) => v !== null), 1e-11, what);
}

for (const response of responses) {
  const { coupling: x } = response;
  test(`the response to a field at x = ${x} is Python's`, () => {
    response.fields.forEach((/** @type {number} */ h, /** @type {number} */ i) => {
      const { lower, middle, upper } = solutions(x, h);
      alike([lower, middle, upper].map(orNull), response.solutions[i], `x = ${x}, h = ${h}`);
    });
    if (x > 1) {
      const { meanField, field } = fold(x);
      alike([meanField, field, landing(x)], response.spinodal, "spinodal");
    }
    close(loopArea(x), response.area, 1e-12, "area");
    const { heat, entropyChange } = switching(x);
    close([heat, entropyChange], response.switching, 1e-12, "switching");
  });

  test(`a tensor at x = ${x} follows a path as Python's`, () => {
    let branch = -1;
    const ours = response.path.map((/** @type {number} */ h) => {
      branch = nextBranch(x, h, branch);
      return settle(x, h, branch);
    });
    close(ours, response.followed, 1e-12);
  });
}

test("avalanches where all act on all are Python's", () => {
  const relays = new MeanFieldRelays(Float64Array.from(all.local), 1, 0.2);
  const ours = drive(relays, -99, 99);
  assert.deepEqual(ours.map(({ tensors }) => tensors.length), all.size);
  assert.deepEqual(ours.map(({ ends }) => ends.length - 1), all.duration);
  const [count, sum] = [all.size.length, all.local.length];
  const squares = all.size.reduce((/** @type {number} */ s, /** @type {number} */ v) => s + v * v, 0);
  const { value, error } = branchingRatio(count, sum, squares);
  close([value, error], all.ratio, 1e-12);
});

for (const [name, make] of /** @type {const} */ ([
  [
    "all on all",
    () => [all, new MeanFieldRelays(Float64Array.from(all.local.slice(0, 60)), 1, all.network.limit)],
  ],
  [
    "neighbours",
    () => [
      neighbours,
      new NeighbourRelays(
        Float64Array.from(neighbours.local),
        1,
        neighbours.network.limit,
        neighbours.width,
      ),
    ],
  ],
])) {
  test(`a path of a network, ${name}, is Python's RelayNetwork`, () => {
    const [{ network }, relays] = make();
    let at = -99;
    const ours = network.path.flatMap((/** @type {number} */ stop) => {
      const gone = drive(relays, at, stop);
      at = stop;
      return gone;
    });
    assert.deepEqual(ours.map((/** @type {any} */ a) => a.tensors.length), network.size);
    close(ours.map((/** @type {any} */ a) => a.field), network.field, 1e-12, "field");
    assert.deepEqual(ours.map((/** @type {any} */ a) => a.ends.length - 1), network.duration);
  });
}

test("laws of sizes are Python's", () => {
  for (const [n, law] of laws.borel) {
    close(laws.sizes.map((/** @type {number} */ s) => borel(s, n)), law, 1e-12);
  }
  for (const [width, law] of laws.density) {
    close(laws.sizes.map((/** @type {number} */ s) => sizeDensity(s, width)), law, 1e-12);
  }
});

const SETTING = { kind: "even", ratio: 0.8, width: 1, limit: 0.2, seed: 1 };

test("sizes of whole passes obey Borel's law", () => {
  const network = new Drive(SETTING);
  for (let i = 0; i < 30; i++) network.pass();
  assert.equal(network.sweeps, 30);
  const { value, error } = /** @type {{value: number, error: number}} */ (network.ratio);
  assert.ok(Math.abs(value - 0.8) < 4 * error && error < 0.005);
  for (const size of [1, 2, 3]) {
    const share = (network.counts.get(size) ?? 0) / network.totals.count;
    const slack = 4 * Math.sqrt(borel(size, 0.8) / network.totals.count);
    assert.ok(Math.abs(share - borel(size, 0.8)) < slack, `size ${size}`);
  }
});

test("a pass that turns back is not counted, a straight one is", () => {
  for (const kind of ["even", "gauss", "neighbours"]) {
    const network = new Drive({ ...SETTING, kind });
    for (const share of [0.4, -0.6, 1]) network.to(share);
    assert.equal(network.sweeps, 0, kind);
    for (const share of [0.5, 0, -1]) network.to(share);
    assert.equal(network.sweeps, 1, kind);
    assert.equal(network.totals.sum, SIZE);
    assert.equal(network.network.magnetisation, -1);
  }
});
