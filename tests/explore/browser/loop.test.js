import test from "node:test";
import assert from "node:assert/strict";
import { answerOf, lastOccurrences, runLoop } from "../../../src/isinglass/explore/browser/page/physics/loop.js";
import { Reading } from "../../../src/isinglass/explore/browser/page/panels/loop_reading.js";
import { close, golden } from "./golden.js";

const { data, tokens, place, when, rows, logits, barred } = golden();

test("rows of attention and logits are Python's, in every iteration", () => {
  const course = runLoop(data.weights, tokens, data.iterations);
  close(course.rows, rows, 1e-12, "rows");
  close(course.logits, logits, 1e-12, "logits");
});

test("what is answered with a place barred is Python's", () => {
  const course = runLoop(data.weights, tokens, data.iterations, {
    place: (row) => place[row],
    when: (iteration) => when[iteration],
  });
  close(course.logits.at(-1), barred, 1e-12, "logits");
});

test("a question is what followed a symbol the last time", () => {
  assert.deepEqual(lastOccurrences([0, 1, 0, 0, 2, 1]), [-1, -1, 0, 2, -1, 1]);
  const reading = new Reading(data, { text: "abA bx", at: 0, bar: "none", when: 0 });
  assert.equal(reading.text, "abb");
  assert.deepEqual(reading.questions, [2]);
  assert.deepEqual(reading.targets, [-1, -1, 1]);
  assert.equal(reading.at, 2);
});

test("the shipped model answers, and does not where it may not see the match", () => {
  const values = { text: "abcadbbdcadbacbbadcabddcabba", at: 0, when: 0 };
  const free = new Reading(data, { ...values, bar: "none" });
  const closed = new Reading(data, { ...values, bar: "match" });
  assert.equal(free.right(free.course), free.questions.length);
  assert.ok(closed.right(closed.course) < closed.questions.length / 2 + 2);
  assert.equal(closed.right(closed.free), closed.questions.length);
});

test("an iteration that there is not bars in all of them", () => {
  const text = "abcdabcdabcda";
  const barred = (/** @type {number} */ when) => new Reading(data, { text, at: 0, bar: "match", when });
  for (const when of [99, -1, 0.5, data.iterations + 1]) {
    assert.equal(barred(when).when, 0);
    assert.deepEqual(barred(when).course, barred(0).course);
  }
  assert.equal(barred(data.iterations).when, data.iterations);
});

test("probabilities are a softmax's", () => {
  const { symbol, probability } = answerOf([0, Math.log(3), -Infinity]);
  assert.equal(symbol, 1);
  close(probability, 0.75, 1e-15);
});
