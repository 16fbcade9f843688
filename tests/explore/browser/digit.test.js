import assert from "node:assert/strict";
import test from "node:test";
import {
  Library,
  lessonsOf,
  markOf,
  textOf,
} from "../../../src/isinglass/explore/browser/page/panels/digit_readers.js";
import { School } from "../../../src/isinglass/explore/browser/page/panels/digit_school.js";
import { density, logEvidence } from "../../../src/isinglass/explore/browser/page/physics/couplings.js";
import {
  energies,
  inTime,
  temperature,
} from "../../../src/isinglass/explore/browser/page/physics/routes.js";
import {
  fromText,
  picture,
  toText,
} from "../../../src/isinglass/explore/browser/page/physics/strokes.js";
import { close, golden } from "./golden.js";

const { data, pixels, routes, couplings } = golden();
const library = new Library(data);
const all = () => true;
const ALL = { first: true, second: true, you: true, friend: true };

/** @type {import("../../../src/isinglass/explore/browser/page/physics/strokes.js").Stroke[]} */
const ONE = [[[120, 30], [125, 120], [128, 220]]];

/** @param {number} place Of a picture among the samples. */
const isChosen = (place) => place % 7 === 0;

test("pictures are unpacked as Python packed them", () => {
  const ours = [...library.lessons.map(({ picture: shown }) => shown), ...library.samples];
  ours.forEach((shown, i) => assert.deepEqual([...shown.pixels], pixels[i]));
});

test("dipoles and their kinds are Python's", () => {
  library.samples.forEach(({ dipoles }, i) => assert.deepEqual([...dipoles.kind], routes.kinds[i]));
  const directions = library.samples.filter((_, i) => isChosen(i)).map((s) => s.dipoles.direction);
  close(directions, routes.directions, 1e-12, "directions");
});

for (const [name, chosen] of /** @type {const} */ ([
  ["whole", all],
  ["half", (/** @type {number} */ digit) => digit < 5],
])) {
  test(`routes of the ${name} model are Python's`, () => {
    const knowledge = library.shipped(chosen);
    assert.deepEqual([...knowledge.routes.tally], routes[name].tally);
    const shares = inTime(knowledge.routes, library.gains);
    close(shares, routes[name].shares, 1e-12, "shares");
    const scale = temperature(knowledge.routes, shares);
    close(scale, routes[name].temperature, 1e-12, "temperature");
    const curves = library.samples
      .filter((_, i) => isChosen(i))
      .map(({ dipoles }) => energies(shares, dipoles));
    close(curves.map((c) => [...c]), routes[name].curves.map((/** @type {any} */ c) => c.flat()), 1e-12);
  });
}

test("probabilities are Python's", () => {
  const reader = library.reader(library.shipped(all));
  const ours = library.samples.map((shown) => reader.answer(shown).routes);
  close(ours, routes.whole.probabilities, 1e-11);
});

test("features are Python's to the last digit", () => {
  const ours = [...library.lessons.map(({ picture: shown }) => shown), ...library.samples];
  ours.forEach(({ features }, i) => assert.deepEqual([...features], couplings.features[i]));
});

test("sums of pairs and their evidence are Python's", () => {
  const { pairs } = library.shipped(all);
  pairs.forEach(({ total }, digit) => assert.deepEqual([...total], couplings.total[digit]));
  [0, 7].forEach((digit, i) => assert.deepEqual([...pairs[digit].pairs], couplings.pairs[i]));
  const laws = pairs.map((sums) => density(sums, library.prior));
  const ours = library.samples.map(({ features }) => laws.map((law) => logEvidence(law, features)));
  close(ours, couplings.evidence, 1e-11);
});

test("what was forgotten leaves Python's evidence", () => {
  const knowledge = library.shipped(all);
  for (const { digit, picture: shown } of library.lessons.slice(1, 10)) {
    library.learn(knowledge, shown, digit, -1);
  }
  const law = density(knowledge.pairs[0], library.prior);
  close(library.samples.map(({ features }) => logEvidence(law, features)), couplings.after, 1e-11);
});

test("what is forgotten is gone bit for bit, and merging is learning both", () => {
  const school = new School(library);
  const before = markOf(school.sum(ALL));
  assert.equal(before, markOf(library.shipped(all)));
  const lesson = `1${toText(ONE)}`;
  school.attend("you", `${lesson}*7.3*${lesson}`);
  const taught = markOf(school.sum(ALL));
  assert.notEqual(taught, before);
  assert.equal(school.freshMark(ALL), taught);
  school.attend("you", `7.3*${lesson}`);
  school.attend("friend", lesson);
  assert.equal(markOf(school.sum(ALL)), taught);
  school.attend("you", "");
  school.attend("friend", "");
  assert.equal(markOf(school.sum(ALL)), before);
  const half = { ...ALL, second: false };
  assert.equal(markOf(school.sum(half)), markOf(library.shipped((digit) => digit < 5)));
});

test("a digit that nobody has taught is not read", () => {
  const reader = library.reader(library.shipped((digit) => digit < 5));
  const { routes: by, couplings: and } = reader.answer(library.samples[14]);
  assert.ok([...by.slice(5), ...and.slice(5)].every((share) => share === 0));
  const nobody = library.reader(library.nothing()).answer(library.samples[0]);
  assert.ok([...nobody.routes, ...nobody.couplings].every((share) => share === 0));
});

test("a drawing is small text, and a stroke down is read as a 1", () => {
  const text = toText(ONE);
  assert.deepEqual(fromText(text), ONE);
  assert.deepEqual(lessonsOf(textOf([{ digit: 1, text }])), [{ digit: 1, text }]);
  for (const broken of ["A", "AAAA.", "!AAA", "D_AA".replace("D", "E")]) {
    assert.equal(fromText(broken), null);
  }
  const { couplings: by, routes: and } = library
    .reader(library.shipped(all))
    .answer(library.see(picture(ONE)));
  assert.deepEqual([by, and].map((shares) => shares.indexOf(Math.max(...shares))), [1, 1]);
});

test("a drawing is centred, and as large as those that were learned", () => {
  const small = picture(ONE.map((stroke) => stroke.map(([x, y]) => [x / 2, y / 2])));
  const large = picture(ONE);
  let [difference, sum] = [0, 0];
  large.forEach((value, i) => {
    difference = Math.max(difference, Math.abs(value - small[i]));
    sum += value;
  });
  assert.ok(difference <= 2 && sum > 5000);
  assert.ok(picture([]).every((value) => value === 0));
  assert.ok(Math.max(...picture([[[9, 9]]])) === 255);
});
