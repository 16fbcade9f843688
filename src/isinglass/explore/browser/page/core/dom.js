/** Making of elements, and names for them. */

let count = 0;

/**
 * An element with attributes and children. An attribute that is `true` is set empty, one
 * that is `false` is not set, and `onclick` and kin are listeners.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number | boolean | ((event: any) => void)>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      made.addEventListener(name.slice(2), value);
    } else if (value !== false) {
      made.setAttribute(name, value === true ? "" : String(value));
    }
  }
  made.append(...children);
  return made;
}

/**
 * A name that no other element of the page has.
 *
 * @param {string} stem
 */
export function uniqueId(stem) {
  count += 1;
  return `${stem}-${count}`;
}
