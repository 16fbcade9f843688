/** Numbers that Python exports, and how near ours must come to them. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

/** What the test in Python wrote for this file. */
export function golden() {
  return JSON.parse(readFileSync(/** @type {string} */ (process.env.GOLDEN), "utf-8"));
}

/**
 * All numbers of two arrays of any depth, one by one, relative to their size or to 1.
 *
 * @param {any} actual
 * @param {any} expected
 * @param {number} tolerance
 * @param {string} [what]
 */
export function close(actual, expected, tolerance, what = "value") {
  if (typeof expected === "number") {
    const error = Math.abs(actual - expected) / Math.max(1, Math.abs(expected));
    assert.ok(error <= tolerance, `${what}: ${actual} is not ${expected} (off by ${error})`);
    return;
  }
  assert.equal(actual.length, expected.length, `length of ${what}`);
  for (let i = 0; i < expected.length; i++) close(actual[i], expected[i], tolerance, `${what}[${i}]`);
}
