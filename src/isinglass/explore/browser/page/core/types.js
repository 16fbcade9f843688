/**
 * What the parts of the page hand one another. Types only: nothing imports this file.
 *
 * @typedef {Record<string, number | string | boolean>} Values
 *   State of a panel, flat, so that a URL fragment can keep it.
 *
 * @typedef {object} Link
 * @property {string} text
 * @property {string} [doc] A page of docs and its anchor, such as "meanfield/#anchor".
 * @property {string} [href] A whole address, such as that of a paper.
 *
 * @typedef {object} Context
 * @property {any} data What Python exports for this panel.
 * @property {Values} values The panel's state now; read only.
 * @property {(changes: Values) => void} set Change some of the state: the fragment is
 *   written, and `update` is called.
 *
 * @typedef {object} Mounted A panel that is shown.
 * @property {(values: Values, changed: Set<string>) => void} update Show a new state.
 * @property {() => void} destroy Stop whatever goes on.
 *
 * @typedef {object} Panel
 * @property {string} id Its name in the fragment and in the data.
 * @property {string} title
 * @property {string} about What one sees, in two sentences.
 * @property {string} equation In MathML.
 * @property {Link[]} links
 * @property {Values} defaults Its whole state, as it is at first.
 * @property {(root: HTMLElement, context: Context) => Mounted} mount Fill the root.
 *
 * @typedef {object} Colours Those of the theme, as CSS writes them.
 * @property {string} paper
 * @property {string} card
 * @property {string} ink
 * @property {string} muted
 * @property {string} line
 * @property {string} first Of the first series, and of what is dragged.
 * @property {string} second
 * @property {string} third
 * @property {string} fourth
 * @property {boolean} dark
 *
 * @typedef {object} Surface What a drawing draws on.
 * @property {CanvasRenderingContext2D} pen Scaled to CSS pixels, and cleared.
 * @property {number} width In CSS pixels.
 * @property {number} height
 * @property {Colours} colours
 *
 * @typedef {object} Scale A number and its place along an axis.
 * @property {(value: number) => number} to In CSS pixels.
 * @property {(pixel: number) => number} from
 * @property {[number, number]} range
 *
 * @typedef {object} Plane A frame with two axes.
 * @property {Scale} x
 * @property {Scale} y
 * @property {{left: number, top: number, width: number, height: number}} box
 */
export {};
