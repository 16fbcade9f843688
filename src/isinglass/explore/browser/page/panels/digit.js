/** Draw a digit: signals on their way, energies, two learners, and what they forget. */

import { makeCanvas } from "../core/canvas.js";
import { element } from "../core/dom.js";
import { picture } from "../core/picture.js";
import { arrows, dragging } from "../core/pointer.js";
import { stage } from "../core/stage.js";
import { makeControls } from "./digit_controls.js";
import { drawBars, drawCurves } from "./digit_charts.js";
import { makePad } from "./digit_pad.js";
import { Library } from "./digit_readers.js";
import { School } from "./digit_school.js";
import { drawSpacetime } from "./digit_spacetime.js";
import { END, sentence, View } from "./digit_view.js";
import { toText } from "../physics/strokes.js";

/** @typedef {import("../core/types.js").Values} Values */

const EQUATION = `<math display="block"><mrow>
<msub><mi>J</mi><mi>y</mi></msub><mo>(</mo><mi>t</mi><mo>)</mo><mo>=</mo><mi>N</mi><mo>[</mo>
<munder><mo>∑</mo><mrow><mi>s</mi><mo>∈</mo><mi>F</mi></mrow></munder>
<msub><mi>p</mi><mi>t</mi></msub><mo>(</mo><mi>s</mi><mo>,</mo><mi>y</mi><mo>)</mo><mo>+</mo>
<munder><mo>∑</mo><mrow><mi>s</mi><mo>∉</mo><mi>F</mi></mrow></munder>
<msub><mi>p</mi><mi>t</mi></msub><mo>(</mo><mi>s</mi><mo>,</mo><mi>y</mi><mo>)</mo><mspace width="0.3em"></mspace>
<msub><mi>x</mi><mi>s</mi></msub><mo>·</mo><msub><mi>h</mi><mi>y</mi></msub><mo>(</mo><mi>t</mi><mo>)</mo>
<mo>]</mo></mrow></math>
<math display="block"><mrow><mi>log</mi><mspace width="0.2em"></mspace><msub><mi>p</mi><mi>δ</mi></msub><mo>(</mo><mi>s</mi><mo>,</mo><mi>y</mi><mo>)</mo>
<mo>=</mo><mo>[</mo><mi>δ</mi><mo>≥</mo><mi>d</mi><mo>]</mo><mspace width="0.2em"></mspace>
<mi>G</mi><mo>(</mo><mi>s</mi><mo>,</mo><mi>y</mi><mo>)</mo><mo>+</mo><mtext>const</mtext>
</mrow></math>
<p>J is the energy at target y and time t, and the largest of all is the answer. F are the sources whose patch x looks like the field, ink; h is
their mean; p is the probability of a route that takes the time δ, and d the shortest. Learning changes G alone, a sum over pictures. The
learner of couplings adds up what pairs of 144 features do together, and answers by a density in closed form.</p>`;

/** @type {import("../core/types.js").Panel} */
export const digit = {
  id: "digit",
  title: "Draw a digit",
  about:
    "Each patch of ink sends signals to ten targets; a line is a route through space and time, the " +
    "stronger the likelier, and the target that receives the highest peak of energy is the answer. " +
    "What is learned is a sum over pictures, so that it can be taught, made to forget and merged, " +
    "bit for bit.",
  equation: EQUATION,
  links: [
    { text: "Docs: routes and energy", doc: "interference/#4-energy-and-prediction" },
    { text: "Docs: couplings", doc: "interference_two/#a-learner-of-couplings" },
    { text: "Tang 2020, Eqs. 2 to 4", href: "https://arxiv.org/abs/2008.11111" },
  ],
  defaults: {
    strokes: "",
    sample: 5,
    taught: "",
    other: "",
    first: true,
    second: true,
    you: true,
    friend: true,
    time: END,
    turn: -28,
  },
  mount,
};

/**
 * @param {HTMLElement} root
 * @param {import("../core/types.js").Context} context
 * @returns {import("../core/types.js").Mounted}
 */
function mount(root, context) {
  const library = new Library(context.data);
  const school = new School(library);
  const view = new View(library, school);
  const pictures = makePictures(view, context);
  const controls = makeControls(view, context);
  // The answer stands below the pad, so that who draws on a phone sees it change.
  const drawing = element("div", {}, pictures.pad, controls.answers);
  root.append(
    stage([pair(drawing, pictures.spacetime)], controls.reading),
    stage([pair(pictures.curves, pictures.bars)], controls.learning),
  );
  const show = (/** @type {Values} */ values, /** @type {Set<string>} */ changed) => {
    view.change(values, changed);
    controls.show(values, changed);
    for (const canvas of pictures.canvases) canvas.redraw();
    pictures.describe();
  };
  show(context.values, new Set(Object.keys(digit.defaults)));
  return {
    update: show,
    destroy: () => {
      controls.destroy();
      view.moving.cancel();
      for (const canvas of pictures.canvases) canvas.destroy();
    },
  };
}

/**
 * @param {View} view
 * @param {import("../core/types.js").Context} context
 */
function makePictures(view, context) {
  const pad = makePad({
    strokes: () => view.strokes,
    sample: () => view.sample,
    onDraw: (strokes) => context.set({ strokes: toText(strokes), sample: -1 }),
  });
  const spacetime = makeCanvas({
    label: "",
    ratio: 1,
    interactive: true,
    draw: (surface) =>
      drawSpacetime(surface, {
        shown: view.shown,
        shares: view.shares,
        curves: view.answer.curves,
        isLearned: view.reader.isLearned,
        ranks: view.ranks,
        time: view.time,
        turn: view.turn,
      }),
  });
  view.onMove = spacetime.redraw;
  listenToTurns(spacetime.canvas, view, context);
  const curves = makeCanvas({
    label: "",
    ratio: 1.5,
    least: 220,
    draw: (surface) =>
      drawCurves(surface, {
        curves: view.answer.curves,
        isLearned: view.reader.isLearned,
        ranks: view.ranks,
        time: view.time,
      }),
  });
  const bars = makeCanvas({
    label: "",
    ratio: 1.5,
    least: 250,
    draw: (surface) => drawBars(surface, { ...view.answer, isLearned: view.reader.isLearned }),
  });
  const describe = () => {
    const said = sentence(view);
    spacetime.describe(`Routes in space and time. ${said} Left and right arrow keys turn it.`);
    curves.describe(`Energy over time at each target. ${said}`);
    bars.describe(`Probability of each digit by both learners. ${said}`);
  };
  return {
    canvases: [pad, spacetime, curves, bars],
    describe,
    pad: picture(pad, "pad", "Draw with the mouse, a finger, or the arrow keys and Space."),
    spacetime: picture(spacetime, "spacetime", "Time runs upwards from the floor. Drag to turn it."),
    curves: picture(curves, "curves", "Energy at each target: signals that meet like the field add up."),
    bars: picture(bars, "bars", "What the two learners make of it."),
  };
}

/** @param {...HTMLElement} parts */
function pair(...parts) {
  return element("div", { class: "pair" }, ...parts);
}

/**
 * @param {HTMLElement} canvas
 * @param {View} view
 * @param {import("../core/types.js").Context} context
 */
function listenToTurns(canvas, view, context) {
  let [from, at] = [0, 0];
  const turned = (/** @type {number} */ degrees) => ((((degrees + 180) % 360) + 360) % 360) - 180;
  dragging(canvas, {
    along: "x",
    start: (x) => {
      [from, at] = [view.turn, x];
      return true;
    },
    move: (x) => context.set({ turn: Math.round(turned(from - (x - at) * 0.6)) }),
  });
  arrows(canvas, (right) => context.set({ turn: turned(view.turn - 5 * right) }), "x");
}
