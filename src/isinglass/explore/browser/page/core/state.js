/** The state of a panel in a URL fragment: #beta?beta=1.27&gamma=127. */

/** @typedef {import("./types.js").Values} Values */

/**
 * A number without the digits that arithmetic adds.
 *
 * @param {number} value
 */
function shortNumber(value) {
  return String(Number(value.toPrecision(12)));
}

/**
 * The fragment of a panel, with what differs from its defaults.
 *
 * @param {string} id
 * @param {Values} values
 * @param {Values} defaults
 */
export function toFragment(id, values, defaults) {
  const query = new URLSearchParams();
  for (const [name, usual] of Object.entries(defaults)) {
    const value = values[name];
    if (value === usual) continue;
    if (typeof value === "number") query.set(name, shortNumber(value));
    else query.set(name, typeof value === "boolean" ? (value ? "1" : "0") : value);
  }
  const text = query.toString();
  return text ? `#${id}?${text}` : `#${id}`;
}

/**
 * Which panel a fragment names, and the texts of its state.
 *
 * @param {string} fragment
 * @returns {{id: string, query: URLSearchParams}}
 */
export function fromFragment(fragment) {
  const [id, ...rest] = fragment.replace(/^#/, "").split("?");
  return { id, query: new URLSearchParams(rest.join("?")) };
}

/**
 * The state that texts mean; what is missing or makes no sense is as usual. Whether a
 * number is in range, its panel must see to.
 *
 * @param {URLSearchParams} query
 * @param {Values} defaults
 * @returns {Values}
 */
export function toValues(query, defaults) {
  /** @type {Values} */
  const values = {};
  for (const [name, usual] of Object.entries(defaults)) {
    const text = query.get(name);
    values[name] = text === null ? usual : ofKind(text, usual);
  }
  return values;
}

/**
 * @param {string} text
 * @param {number | string | boolean} usual
 */
function ofKind(text, usual) {
  if (typeof usual === "boolean") return text === "1" || (text !== "0" && usual);
  if (typeof usual === "string") return text;
  const value = Number(text);
  return text.trim() !== "" && Number.isFinite(value) ? value : usual;
}

/**
 * The number of a range that is nearest to a value.
 *
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
export function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}
