/** Colours of the theme, light or dark, from the CSS variables of the page. */

const dark = globalThis.matchMedia?.("(prefers-color-scheme: dark)");

/** @returns {import("./types.js").Colours} */
export function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
  return {
    paper: of("paper"),
    card: of("card"),
    ink: of("ink"),
    muted: of("muted"),
    line: of("line"),
    first: of("first"),
    second: of("second"),
    third: of("third"),
    fourth: of("fourth"),
    dark: Boolean(dark?.matches),
  };
}

/**
 * Red, green and blue of a colour that is written #rrggbb.
 *
 * @param {string} hex
 * @returns {[number, number, number]}
 */
export function channels(hex) {
  const number = Number.parseInt(hex.slice(1), 16);
  return [(number >> 16) & 255, (number >> 8) & 255, number & 255];
}

/**
 * Call whenever the theme changes, until the returned function is called.
 *
 * @param {() => void} changed
 */
export function onTheme(changed) {
  dark?.addEventListener("change", changed);
  return () => dark?.removeEventListener("change", changed);
}
