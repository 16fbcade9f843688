/** Panel *loop*: a transformer of eight dimensions that reads what one types. */

import { makeCanvas } from "../core/canvas.js";
import { announcer, button, choice, facts, list } from "../core/controls.js";
import { element, uniqueId } from "../core/dom.js";
import { picture } from "../core/picture.js";
import { arrows, dragging } from "../core/pointer.js";
import { uniform } from "../core/random.js";
import { stage } from "../core/stage.js";
import { CourseChart, drawMatrices } from "./loop_pictures.js";
import { BARS, LETTERS, MOST, Reading } from "./loop_reading.js";

/** @typedef {import("../core/types.js").Values} Values */

const EQUATION = `
<math display="block"><mrow><msub><mi>Z</mi><mrow><mi>t</mi><mo>+</mo><mn>1</mn></mrow></msub><mo>=</mo><msub><mi>Z</mi><mi>t</mi></msub><mo>+</mo>
<mi>F</mi><mo>(</mo><msub><mi>Z</mi><mi>t</mi></msub><mo>+</mo><mi>X</mi><mo>)</mo><mo>,</mo><mspace width="0.8em"/><msub><mi>Z</mi><mn>0</mn></msub><mo>=</mo><mn>0</mn></mrow></math>
<math display="block"><mrow><mi>F</mi><mo>(</mo><mi>H</mi><mo>)</mo><mo>=</mo><mi>LN</mi><mo>(</mo><mi>A</mi><mo>+</mo><mi>MLP</mi><mo>(</mo><mi>A</mi><mo>)</mo><mo>)</mo></mrow></math>
<math display="block"><mrow><mi>A</mi><mo>=</mo><mi>softmax</mi><mo>(</mo><mi>H</mi><msub><mi>W</mi><mi>Q</mi></msub><msup><mrow><mo>(</mo><mi>H</mi><msub><mi>W</mi><mi>K</mi></msub><mo>)</mo></mrow><mo>⊤</mo></msup><mo>/</mo><msqrt><mi>d</mi></msqrt>
<mo>+</mo><mi>B</mi><mo>)</mo><mspace width="0.2em"/><mi>H</mi><msub><mi>W</mi><mi>V</mi></msub></mrow></math>
<p>X are the embedded symbols, Z is what the loop makes of them, and one block F, the same in every iteration, turns one into the other; a linear
read-out of Z gives the answer. B is a learned bias by distance, ours in place of the paper’s sinusoids. Barring a place shares out what a row had
there among the rest of it.</p>`;

/** @type {import("../core/types.js").Panel} */
export const loop = {
  id: "loop",
  title: "Loop",
  about:
    "One block of attention with eight dimensions, applied again and again, has learned to answer: what followed this " +
    "symbol the last time? Type a sequence, see where each iteration looks, and bar a place to see whether the answer needs it.",
  equation: EQUATION,
  links: [
    { text: "Docs: looped", doc: "looped/#1-the-model" },
    { text: "Lam 2026", href: "https://arxiv.org/abs/2601.09588" },
  ],
  defaults: {
    text: "abcadbbdcadbac",
    at: 0,
    bar: "none",
    when: 0,
  },
  mount(root, context) {
    let reading = new Reading(context.data, context.values);
    const course = new CourseChart();
    const rows = makeCanvas({
      label: "Where the chosen symbol looks, iteration by iteration. Arrow keys choose another.",
      ratio: 1.9,
      least: 260,
      most: 420,
      interactive: true,
      draw: (surface) => course.draw(surface, reading),
    });
    const matrices = makeCanvas({
      label: "Attention of all symbols in each iteration",
      ratio: 1.5,
      draw: (surface) => drawMatrices(surface, reading),
    });
    const choose = (/** @type {number} */ place) =>
      context.set({ at: Math.min(reading.tokens.length, Math.max(1, place + 1)) });
    const at = (/** @type {number} */ x) => choose(course.placeAt(x));
    dragging(rows.canvas, {
      start: (x) => {
        at(x);
        return true;
      },
      move: at,
      along: "x",
    });
    arrows(rows.canvas, (right, up) => choose(reading.at + right + up));
    const controls = makeControls(context, () => reading);
    const now = announcer();
    const numbers = facts(["Questions", "Answered right", "The same, nothing barred"]);
    const show = () => {
      report(reading, numbers, now);
      rows.redraw();
      matrices.redraw();
    };
    root.append(
      stage(
        [
          picture(rows, "course", "Where the chosen symbol looks in each iteration, and at the right what the loop would answer then. The square marks where the answer stands; the last row is what is answered at each symbol. Choose one by a click or the arrow keys."),
          picture(matrices, "matrices", "All rows at once: who looks (down) at whom (across)."),
        ],
        [...controls.elements, now.element, numbers.element, provenance(context.data)],
      ),
    );
    show();
    return {
      update(values) {
        reading = new Reading(context.data, values);
        controls.set();
        show();
      },
      destroy() {
        rows.destroy();
        matrices.destroy();
      },
    };
  },
};

/**
 * @param {import("../core/types.js").Context} context
 * @param {() => Reading} reading
 */
function makeControls({ data, set }, reading) {
  const id = uniqueId("text");
  const field = element("input", { id, type: "text", maxlength: MOST, spellcheck: "false", autocomplete: "off" });
  field.value = reading().text;
  field.addEventListener("input", () => set({ text: field.value.toLowerCase(), at: 0 }));
  let seed = 0;
  const another = button("Another sequence", () => {
    const draw = uniform(Date.now() + seed++); // the text itself is kept in the address
    const letters = Array.from({ length: 16 }, () => LETTERS[Math.floor(draw() * data.symbols)]);
    set({ text: letters.join(""), at: 0 });
  });
  const bars = choice({
    label: "Nobody may look at",
    options: BARS,
    value: reading().bar,
    onInput: (bar) => set({ bar }),
  });
  const iterations = Array.from({ length: data.iterations }, (_, t) => [t + 1, `iteration ${t + 1}`]);
  const when = list({
    label: "in",
    options: { 0: "all iterations", ...Object.fromEntries(iterations) },
    value: String(reading().when),
    onInput: (chosen) => set({ when: Number(chosen) }),
  });
  const label = element("label", { for: id }, `Sequence of a to ${LETTERS[data.symbols - 1]}`);
  return {
    elements: [element("div", { class: "list" }, label, field), another, bars.element, when.element],
    set: () => {
      if (document.activeElement !== field) field.value = reading().text;
      bars.set(reading().bar);
      when.set(String(reading().when));
    },
  };
}

/**
 * @param {Reading} reading
 * @param {ReturnType<typeof facts>} numbers
 * @param {ReturnType<typeof announcer>} now
 */
function report(reading, numbers, now) {
  numbers.set("Questions", String(reading.questions.length));
  numbers.set("Answered right", String(reading.right(reading.course)));
  numbers.set("The same, nothing barred", String(reading.right(reading.free)));
  const symbol = LETTERS[reading.tokens[reading.at]];
  const target = reading.targets[reading.at];
  if (target < 0) {
    now.say(`“${symbol}” at place ${reading.at + 1} is new: nothing has followed it yet.`);
    return;
  }
  const { symbol: answer, probability } = reading.answer(reading.at, reading.iterations);
  const verdict = answer === target ? "which is right" : `where “${LETTERS[target]}” would be right`;
  now.say(
    `What followed “${symbol}” the last time? The loop answers “${LETTERS[answer]}” with ${Math.round(100 * probability)} %, ${verdict}.`,
  );
}

/** @param {any} data */
function provenance({ trained, accuracy, command }) {
  const shares = Object.entries(accuracy).map(
    ([length, share]) => `${(100 * Number(share)).toFixed(1)} % at ${length} symbols`,
  );
  return element(
    "p",
    { class: "links" },
    `Trained by ${trained}; right in ${shares.join(", ")}. `,
    element("code", {}, command),
    " trains it anew.",
  );
}
