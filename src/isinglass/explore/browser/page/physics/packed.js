/** Numbers in text: base64, pictures without their blanks, and fingerprints. */

/**
 * Bytes of base64.
 * @param {string} text
 * @returns {Uint8Array}
 */
export function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/**
 * Pictures of bytes in which a 0 is followed by how many zeros it stands for.
 * @param {Uint8Array} packed
 * @param {number} size Pixels of a picture.
 * @returns {Uint8Array[]}
 */
export function unpackPictures(packed, size) {
  /** @type {number[]} */
  const pixels = [];
  for (let i = 0; i < packed.length; i++) {
    if (packed[i]) pixels.push(packed[i]);
    else for (let zeros = packed[++i]; zeros; zeros--) pixels.push(0);
  }
  return Array.from({ length: pixels.length / size }, (_, k) =>
    Uint8Array.from(pixels.slice(k * size, (k + 1) * size)),
  );
}

/**
 * A fingerprint of arrays, 64 bits as 16 digits: a change of one bit gives another.
 * @param {Float64Array[]} arrays
 * @returns {string}
 */
export function fingerprint(arrays) {
  let [high, low] = [0x811c9dc5, 0xc9dc5118];
  for (const array of arrays) {
    const words = new Uint32Array(array.buffer, array.byteOffset, 2 * array.length);
    for (const word of words) {
      high = Math.imul(high ^ word, 0x01000193) >>> 0;
      low = Math.imul(low ^ (word + (high >>> 7)), 0x85ebca6b) >>> 0;
      low ^= low >>> 15;
    }
  }
  return [high, low].map((part) => (part >>> 0).toString(16).padStart(8, "0")).join("");
}
