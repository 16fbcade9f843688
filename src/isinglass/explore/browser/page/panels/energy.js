/** Panel *energy landscape*: memories as minima, and a state that goes down to one. */

import { choice } from "../core/controls.js";
import { element } from "../core/dom.js";
import { planeView } from "./energy_plane.js";
import { signView } from "./energy_signs.js";

/** @typedef {import("../core/types.js").Values} Values */

/** @type {Record<string, string>} */
const KINDS = { distance: "Distance", modern: "Modern Hopfield", hopfield: "Hopfield 1982" };

const EQUATION = `
<p>The distance energy (Niu et al. 2024) is a smooth search for the nearest pattern ρ:</p>
<math display="block"><mrow><mi>E</mi><mo>(</mo><mi>x</mi><mo>)</mo><mo>=</mo><mo>−</mo><mfrac><mn>1</mn><mi>β</mi></mfrac><mi>log</mi>
<munder><mo>∑</mo><mi>j</mi></munder><mi>exp</mi><mo>(</mo><mo>−</mo><mi>β</mi><msup><mrow><mo>|</mo><mi>x</mi><mo>−</mo><msub><mi>ρ</mi><mi>j</mi></msub><mo>|</mo></mrow><mn>2</mn></msup><mo>)</mo></mrow></math>
<p>The modern Hopfield energy (Ramsauer et al. 2021) compares by products; going down it is attention:</p>
<math display="block"><mrow><mi>E</mi><mo>(</mo><mi>x</mi><mo>)</mo><mo>=</mo><mo>−</mo><mfrac><mn>1</mn><mi>β</mi></mfrac><mi>log</mi>
<munder><mo>∑</mo><mi>j</mi></munder><mi>exp</mi><mo>(</mo><mi>β</mi><mspace width="0.15em"/><msub><mi>ρ</mi><mi>j</mi></msub><mo>·</mo><mi>x</mi><mo>)</mo><mo>+</mo>
<mfrac><mn>1</mn><mn>2</mn></mfrac><msup><mrow><mo>|</mo><mi>x</mi><mo>|</mo></mrow><mn>2</mn></msup><mo>+</mo><mi>const</mi></mrow></math>
<p>Hopfield’s energy of 1982 is of n signs ±1, and counts the squares of their products with the patterns:</p>
<math display="block"><mrow><mi>E</mi><mo>(</mo><mi>x</mi><mo>)</mo><mo>=</mo><mo>−</mo><mfrac><mn>1</mn><mrow><mn>2</mn><mi>n</mi></mrow></mfrac>
<munder><mo>∑</mo><mi>j</mi></munder><msup><mrow><mo>(</mo><msub><mi>ρ</mi><mi>j</mi></msub><mo>·</mo><mi>x</mi><mo>)</mo></mrow><mn>2</mn></msup></mrow></math>`;

/** @type {import("../core/types.js").Panel} */
export const energy = {
  id: "energy",
  title: "Energy landscape",
  about:
    "Patterns are held in memory as valleys of an energy, and a state that is let go runs down into one: that is " +
    "recalling. Drag the state and the patterns, sharpen the valleys by β, and see which memory is found and when " +
    "several melt into one.",
  equation: EQUATION,
  links: [
    { text: "Docs: energy", doc: "energy/#1-the-energies" },
    { text: "Niu et al. 2024", href: "https://arxiv.org/abs/2405.08707" },
    { text: "Ramsauer et al. 2021", href: "https://arxiv.org/abs/2008.02217" },
  ],
  defaults: {
    kind: "distance",
    beta: 2,
    method: "flow",
    patterns: "-2,-0.5;0.2,-0.9;1.5,1.2;-0.9,1.4",
    x: "0.4,0.5",
    letters: "ALZ",
    spins: "",
  },
  mount(root, context) {
    const stage = element("div", { class: "stage" });
    root.append(stage);
    const kinds = choice({
      label: "Energy",
      options: KINDS,
      value: kindOf(context.values),
      onInput: (kind) => context.set({ kind }),
    });
    const begin = (/** @type {Values} */ values) => {
      const view = kindOf(values) === "hopfield" ? signView(context) : planeView(context);
      stage.replaceChildren(
        element("div", { class: "pictures" }, ...view.pictures),
        element("div", { class: "controls" }, kinds.element, ...view.controls),
      );
      return view;
    };
    let view = begin(context.values);
    return {
      update(values, changed) {
        const isOther = view.isOfSigns !== (kindOf(values) === "hopfield");
        kinds.set(kindOf(values));
        if (!isOther) {
          view.update(values, changed);
          return;
        }
        const hadFocus = stage.contains(document.activeElement);
        view.destroy();
        view = begin(values);
        if (hadFocus) kinds.focus();
      },
      destroy: () => view.destroy(),
    };
  },
};

/** @param {Values} values */
function kindOf(values) {
  return Object.hasOwn(KINDS, String(values.kind)) ? String(values.kind) : "distance";
}
