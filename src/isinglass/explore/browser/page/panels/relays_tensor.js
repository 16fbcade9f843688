/** One tensor, whose field one moves: it stays on its branch, and jumps. */

import { makeCanvas } from "../core/canvas.js";
import { announcer, facts, slider } from "../core/controls.js";
import { element } from "../core/dom.js";
import { picture } from "../core/picture.js";
import { numeral } from "../core/plot.js";
import { arrows, dragging } from "../core/pointer.js";
import { stage } from "../core/stage.js";
import { clamp } from "../core/state.js";
import { animate, isStill } from "../core/work.js";
import { fold, loopArea, nextBranch, settle, switching } from "../physics/response.js";
import { drawHollows, drawTensor, WIDEST } from "./relays_charts.js";

const FALL = 9; // how fast a jump is shown, per second
const CAPTION = "Drag, or use the arrow keys, to change the field. Dotted: what does not last.";
const WELL = "The same in its free energy: it jumps when its hollow is gone.";

/** @typedef {import("../core/types.js").Values} Values */
/** @typedef {import("../core/types.js").Context} Context */

/** @param {Context} context */
export function tensorPart(context) {
  const now = announcer();
  let shown = NaN;
  let settled = 0;
  let fall = { cancel: () => {} };
  /** @type {import("../core/types.js").Plane | undefined} */
  let frame;
  const of = () => tensorOf(context.values);
  const canvas = makeCanvas({
    label: "",
    ratio: 1.25,
    least: 240,
    interactive: true,
    draw: (surface) => {
      frame = drawTensor(surface, { ...of(), meanField: shown });
    },
  });
  const hollows = makeCanvas({
    label: "Free energy by mean field: a hollow for each branch.",
    ratio: 1.25,
    least: 240,
    draw: (surface) => drawHollows(surface, { ...of(), meanField: shown }),
  });
  const redraw = () => {
    canvas.redraw();
    hollows.redraw();
  };
  const move = (/** @type {number} */ field) => {
    const h = clamp(field, -WIDEST, WIDEST);
    const { coupling, up } = of();
    context.set({ field: h, up: nextBranch(coupling, h, up ? 1 : -1) > 0 });
  };
  dragging(canvas.canvas, {
    along: "x",
    start: (x) => {
      if (frame) move(frame.x.from(x));
      return true;
    },
    move: (x) => frame && move(frame.x.from(x)),
  });
  arrows(canvas.canvas, (right) => move(Number((of().field + 0.01 * right).toFixed(3))), "x");
  const controls = tensorControls(context, move);
  const update = (/** @type {Values} */ values) => {
    const { coupling, field, up } = tensorOf(values);
    settled = settle(coupling, field, up ? 1 : -1);
    const isJump = Math.abs(settled - shown) > 0.3;
    fall.cancel();
    if (isJump && !isStill()) {
      fall = animate((seconds) => {
        shown += (settled - shown) * Math.min(1, FALL * seconds);
        redraw();
        return Math.abs(settled - shown) > 1e-3;
      });
    } else shown = settled;
    if (isJump) now.say(`The tensor jumped to ${numeral(settled, 2)}.`);
    controls.show(coupling, field, settled);
    canvas.describe(
      `Mean field by field. At field ${numeral(field, 2)} the tensor is at ${numeral(settled, 2)}. ` +
        "Left and right arrow keys change the field.",
    );
    redraw();
  };
  const pictures = element("div", { class: "pair" }, picture(canvas, "tensor", CAPTION), picture(hollows, "hollows", WELL));
  return {
    elements: [
      element("h3", {}, "One tensor remembers"),
      stage([pictures], [...controls.elements, now.element]),
    ],
    update,
    destroy: () => {
      fall.cancel();
      canvas.destroy();
      hollows.destroy();
    },
  };
}

/** @param {Values} values */
function tensorOf(values) {
  const coupling = clamp(Number(values.coupling), 0, 2.5);
  const field = clamp(Number(values.field), -WIDEST, WIDEST);
  return { coupling, field, up: nextBranch(coupling, field, values.up ? 1 : -1) > 0 };
}

/**
 * @param {Context} context
 * @param {(field: number) => void} move
 */
function tensorControls(context, move) {
  const coupling = slider({
    label: "Coupling x",
    low: 0,
    high: 2.5,
    step: 0.01,
    value: 1.5,
    onInput: (x) => {
      const { field, up } = tensorOf({ ...context.values, coupling: x });
      context.set({ coupling: x, field, up });
    },
  });
  const field = slider({
    label: "Field h",
    low: -WIDEST,
    high: WIDEST,
    step: 0.005,
    value: 0,
    onInput: move,
  });
  const names = ["Mean field μ", "Branches end at ±h", "A cycle costs", "A jump gives off", "Its entropy"];
  const [mean, ends, cost, heat, entropy] = names;
  const list = facts(names);
  return {
    elements: [coupling.element, field.element, list.element],
    show: (/** @type {number} */ x, /** @type {number} */ h, /** @type {number} */ settled) => {
      coupling.set(x);
      field.set(h);
      const jump = switching(x);
      list.set(mean, numeral(settled, 3));
      list.set(ends, x > 1 ? numeral(fold(x).field, 4) : "one branch alone");
      list.set(cost, `βA = ${numeral(loopArea(x), 4)}`);
      list.set(heat, `βq = ${numeral(jump.heat, 4)}`);
      list.set(entropy, `Δs = ${numeral(jump.entropyChange, 4)}`);
    },
  };
}
