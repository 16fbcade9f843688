/** How much of a signal is at which frequency. */

/**
 * Power of a signal at the frequencies k / n, k = 0 … n/2, in decibels below the
 * strongest: the mean over stretches of n values that overlap by half, the signal's mean
 * taken off and their ends faded out by a Hann window (Welch 1967).
 *
 * @param {Float64Array} signal
 * @param {number} n A power of two; the signal has at least as many values.
 * @returns {Float64Array}
 */
export function powerSpectrum(signal, n) {
  const mean = signal.reduce((sum, value) => sum + value, 0) / signal.length;
  const power = new Float64Array(n / 2 + 1);
  for (let start = 0; start + n <= signal.length; start += n / 2) {
    const real = Float64Array.from({ length: n }, (_, i) => {
      const fade = 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / n);
      return fade * (signal[start + i] - mean);
    });
    const imaginary = new Float64Array(n);
    transform(real, imaginary);
    for (let k = 0; k <= n / 2; k++) power[k] += real[k] ** 2 + imaginary[k] ** 2;
  }
  const highest = power.reduce((a, b) => Math.max(a, b), 1e-300);
  return power.map((value) => 10 * Math.log10(value / highest + 1e-300));
}

/**
 * The discrete Fourier transform in place (Cooley & Tukey 1965).
 *
 * @param {Float64Array} real
 * @param {Float64Array} imaginary
 */
export function transform(real, imaginary) {
  const n = real.length;
  reorder(real);
  reorder(imaginary);
  for (let size = 2; size <= n; size *= 2) {
    const half = size / 2;
    for (let k = 0; k < half; k++) {
      const cos = Math.cos((-2 * Math.PI * k) / size);
      const sin = Math.sin((-2 * Math.PI * k) / size);
      for (let i = k; i < n; i += size) {
        const j = i + half;
        const x = real[j] * cos - imaginary[j] * sin;
        const y = real[j] * sin + imaginary[j] * cos;
        real[j] = real[i] - x;
        imaginary[j] = imaginary[i] - y;
        real[i] += x;
        imaginary[i] += y;
      }
    }
  }
}

/**
 * Each value to the place whose binary digits are reversed.
 *
 * @param {Float64Array} values
 */
function reorder(values) {
  const n = values.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) [values[i], values[j]] = [values[j], values[i]];
  }
}
