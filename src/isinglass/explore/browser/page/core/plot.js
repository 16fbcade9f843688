/** Frames, axes and ticks. */

/** @typedef {import("./types.js").Surface} Surface */
/** @typedef {import("./types.js").Scale} Scale */

const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif';
const MARGIN = { left: 44, right: 14, top: 10, bottom: 34 };

/**
 * Draw a frame with two axes.
 *
 * @param {Surface} surface
 * @param {object} options
 * @param {[number, number]} options.x Range of the values along it.
 * @param {[number, number]} options.y
 * @param {string} [options.xLabel]
 * @param {string} [options.yLabel]
 * @param {Partial<typeof MARGIN>} [options.margin] In CSS pixels.
 * @param {(value: number) => string} [options.xText] How to write a tick.
 * @param {(value: number) => string} [options.yText]
 * @returns {import("./types.js").Plane}
 */
export function plane(surface, options) {
  const { pen, width, height, colours } = surface;
  const margin = { ...MARGIN, ...(options.yLabel ? { top: 26 } : {}), ...options.margin };
  const box = {
    left: margin.left,
    top: margin.top,
    width: Math.max(10, width - margin.left - margin.right),
    height: Math.max(10, height - margin.top - margin.bottom),
  };
  const x = scale(options.x, box.left, box.left + box.width);
  const y = scale(options.y, box.top + box.height, box.top);
  pen.font = FONT;
  pen.lineWidth = 1;
  pen.fillStyle = colours.muted;
  pen.strokeStyle = colours.line;
  drawTicks(pen, { x, y, box }, options);
  pen.strokeRect(box.left + 0.5, box.top + 0.5, box.width, box.height);
  drawLabels(pen, height, box, options);
  return { x, y, box };
}

/**
 * @param {[number, number]} range
 * @param {number} start Place of its first value.
 * @param {number} end
 * @returns {Scale}
 */
export function scale(range, start, end) {
  const slope = (end - start) / (range[1] - range[0]);
  return {
    range,
    to: (value) => start + (value - range[0]) * slope,
    from: (pixel) => range[0] + (pixel - start) / slope,
  };
}

/**
 * Round numbers within a range, about as many as are asked for.
 *
 * @param {[number, number]} range
 * @param {number} count
 */
export function ticks([low, high], count) {
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => 1.4 * factor * power >= rough) ?? 10);
  const values = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) {
    values.push(Number((i * step).toPrecision(12)));
  }
  return values;
}

/**
 * The least of a few round numbers that is not below a value.
 *
 * @param {number} value At least 0.
 */
export function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-12)));
  const factors = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];
  return power * (factors.find((factor) => factor * power >= value) ?? 10);
}

/**
 * A number as text, with a true minus.
 *
 * @param {number} value
 * @param {number} [digits] Decimals; as many as it needs if left out.
 */
export function numeral(value, digits) {
  const text = digits === undefined ? String(value) : value.toFixed(digits);
  return (/^-0\.?0*$/.test(text) ? text.slice(1) : text).replace("-", "−");
}

/**
 * Draw within a frame and nowhere else.
 *
 * @param {CanvasRenderingContext2D} pen
 * @param {import("./types.js").Plane["box"]} box
 * @param {() => void} draw
 */
export function clipped(pen, box, draw) {
  pen.save();
  pen.beginPath();
  pen.rect(box.left, box.top, box.width, box.height);
  pen.clip();
  draw();
  pen.restore();
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {import("./types.js").Plane} frame
 * @param {{xText?: (value: number) => string, yText?: (value: number) => string}} texts
 */
function drawTicks(pen, { x, y, box }, { xText = numeral, yText = numeral }) {
  const bottom = box.top + box.height;
  pen.textAlign = "center";
  pen.textBaseline = "top";
  for (const value of ticks(x.range, box.width / 80)) {
    line(pen, x.to(value), bottom, x.to(value), bottom + 4);
    const text = xText(value);
    const half = pen.measureText(text).width / 2; // no text is cut off at the right
    const right = box.left + box.width + MARGIN.right;
    pen.fillText(text, Math.min(x.to(value), right - half - 1), bottom + 6);
  }
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const value of ticks(y.range, box.height / 50)) {
    line(pen, box.left - 4, y.to(value), box.left, y.to(value));
    pen.fillText(yText(value), box.left - 7, y.to(value));
  }
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {number} height
 * @param {import("./types.js").Plane["box"]} box
 * @param {{xLabel?: string, yLabel?: string}} labels
 */
function drawLabels(pen, height, box, { xLabel, yLabel }) {
  pen.textBaseline = "bottom";
  pen.textAlign = "right";
  if (xLabel) pen.fillText(xLabel, box.left + box.width, height);
  if (!yLabel) return;
  // Above the frame, or within it where there is no room.
  const isAbove = box.top >= 20;
  pen.textAlign = "left";
  pen.textBaseline = isAbove ? "bottom" : "top";
  pen.fillText(yLabel, isAbove ? 8 : box.left + 6, isAbove ? box.top - 6 : box.top + 5);
}

/**
 * A straight line.
 *
 * @param {CanvasRenderingContext2D} pen
 * @param {number} x0
 * @param {number} y0
 * @param {number} x1
 * @param {number} y1
 */
export function line(pen, x0, y0, x1, y1) {
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  pen.stroke();
}

/**
 * A line through points.
 *
 * @param {CanvasRenderingContext2D} pen
 * @param {ArrayLike<number>} xs In CSS pixels.
 * @param {ArrayLike<number>} ys Gaps where NaN.
 */
export function polyline(pen, xs, ys) {
  let isDown = false;
  pen.beginPath();
  for (let i = 0; i < xs.length; i++) {
    if (Number.isNaN(ys[i])) isDown = false;
    else if (isDown) pen.lineTo(xs[i], ys[i]);
    else {
      pen.moveTo(xs[i], ys[i]);
      isDown = true;
    }
  }
  pen.stroke();
}
