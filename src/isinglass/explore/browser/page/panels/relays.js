/** Hysteresis of a tensor, and avalanches of a network of them. */

import { networkPart } from "./relays_drive.js";
import { tensorPart } from "./relays_tensor.js";

/** @typedef {import("../core/types.js").Values} Values */
/** @typedef {import("../core/types.js").Context} Context */

const EQUATION = `<math display="block"><mrow>
<mi>μ</mi><mo>=</mo><mi>tanh</mi><mo>(</mo><mi>x</mi><mi>μ</mi><mo>+</mo><mi>h</mi><mo>)</mo><mo>,</mo><mspace width="1em"></mspace>
<msub><mi>h</mi><mi>s</mi></msub><mo>=</mo><mi>x</mi><msub><mi>μ</mi><mi>s</mi></msub><mo>−</mo><mi>artanh</mi><mspace width="0.2em"></mspace><msub><mi>μ</mi><mi>s</mi></msub></mrow></math>
<math display="block"><mrow><mi>P</mi><mo>(</mo><mi>s</mi><mo>)</mo><mo>=</mo><mfrac><mrow><msup><mrow><mo>(</mo><mi>s</mi><mi>n</mi><mo>)</mo></mrow><mrow><mi>s</mi><mo>−</mo><mn>1</mn></mrow></msup><mspace width="0.2em"></mspace><msup><mi>e</mi><mrow><mo>−</mo><mi>s</mi><mi>n</mi></mrow></msup></mrow><mrow><mi>s</mi><mo>!</mo></mrow></mfrac>
</mrow></math>
<p>μ is the mean field of a tensor, x its coupling and h the field in units of 1/β; a branch ends at μ<sub>s</sub> = √(1 − 1/x). P is the
probability that s tensors switch together where a switch sets off n others on average (Borel).</p>`;

/** @type {import("../core/types.js").Panel} */
export const relays = {
  id: "relays",
  title: "Hysteresis and avalanches",
  about:
    "A tensor whose elements attend to each other stays on its branch until that ends, then jumps: it " +
    "remembers one bit, and a slow cycle costs the shaded area. " +
    "In a network each that jumps may set off others, and the sizes of such avalanches obey a law " +
    "with nothing fitted.",
  equation: EQUATION,
  links: [
    { text: "Docs: the response", doc: "interference_two/#the-response-of-a-mean-field" },
    { text: "Docs: avalanches", doc: "interference_two/#relays-and-avalanches" },
    { text: "Tang 2020, Eq. 6 and §5.2", href: "https://arxiv.org/abs/2008.11111" },
  ],
  defaults: {
    coupling: 1.5,
    field: 0,
    up: false,
    kind: "even",
    ratio: 0.9,
    width: 1,
    seed: 1,
    drive: 60,
  },
  mount,
};

/**
 * @param {HTMLElement} root
 * @param {Context} context
 * @returns {import("../core/types.js").Mounted}
 */
function mount(root, context) {
  const tensor = tensorPart(context);
  const network = networkPart(context);
  root.append(...tensor.elements, ...network.elements);
  const update = (/** @type {Values} */ values, /** @type {Set<string>} */ changed) => {
    tensor.update(values);
    network.update(values, changed);
  };
  update(context.values, new Set(Object.keys(relays.defaults)));
  return {
    update,
    destroy: () => {
      tensor.destroy();
      network.destroy();
    },
  };
}
