/** The page around the panels: which is shown, and its state in the fragment. */

import { element } from "./dom.js";
import { fromFragment, toFragment, toValues } from "./state.js";

/** @typedef {import("./types.js").Panel} Panel */
/** @typedef {import("./types.js").Values} Values */

const REST = 250; // milliseconds: browsers refuse addresses that change too often

/**
 * Show the panels' navigation, and the panel that the fragment names.
 *
 * @param {Panel[]} panels
 * @param {{docs: string, panels: Record<string, any>}} data From Python.
 */
export function startShell(panels, data) {
  const main = /** @type {HTMLElement} */ (document.querySelector("main"));
  const links = new Map(panels.map((panel) => [panel.id, navigationLink(panel)]));
  document
    .querySelector("nav ul")
    ?.replaceChildren(...[...links.values()].map((link) => element("li", {}, link)));
  /** @type {ReturnType<typeof show> | undefined} */
  let current;
  const go = () => {
    const { id, query } = fromFragment(location.hash);
    const panel = panels.find((other) => other.id === id) ?? panels[0];
    const values = toValues(query, panel.defaults);
    if (current?.panel === panel) {
      current.change(values);
      return;
    }
    const isFirst = current === undefined;
    if (current) links.get(current.panel.id)?.setAttribute("href", current.leave());
    current = show(panel, values, main, data);
    for (const link of links.values()) link.removeAttribute("aria-current");
    links.get(panel.id)?.setAttribute("aria-current", "page");
    links.get(panel.id)?.setAttribute("href", `#${panel.id}`); // sets it back
    document.title = `${panel.title} · Isinglass explorer`;
    if (!isFirst) main.querySelector("h2")?.focus();
  };
  addEventListener("hashchange", go);
  // A click may lead away: what was changed just now belongs to this address.
  addEventListener("click", () => current?.flush(), { capture: true });
  go();
}

/** @param {Panel} panel */
function navigationLink(panel) {
  return element("a", { href: `#${panel.id}` }, panel.title);
}

/**
 * @param {Panel} panel
 * @param {Values} values
 * @param {HTMLElement} main
 * @param {{docs: string, panels: Record<string, any>}} data
 */
function show(panel, values, main, data) {
  const root = element("div", { class: "panel", id: `panel-${panel.id}` });
  main.replaceChildren(...heading(panel, data.docs), root, ...explanation(panel));
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const fragment = () => toFragment(panel.id, context.values, panel.defaults);
  const write = () => {
    timer = undefined;
    if (location.hash !== fragment()) history.replaceState(null, "", fragment());
  };
  const flush = () => {
    if (timer === undefined) return;
    clearTimeout(timer);
    write();
  };
  const change = (/** @type {Values} */ next) => {
    const changed = new Set(
      Object.keys(panel.defaults).filter((name) => next[name] !== context.values[name]),
    );
    if (!changed.size) return;
    context.values = next;
    mounted.update(next, changed);
  };
  const context = {
    data: data.panels[panel.id],
    values,
    set: (/** @type {Values} */ changes) => {
      change({ ...context.values, ...changes });
      clearTimeout(timer);
      timer = setTimeout(write, REST);
    },
  };
  const mounted = panel.mount(root, context);
  /** Stop it; returns the fragment by which one comes back to what was shown. */
  const leave = () => {
    clearTimeout(timer);
    mounted.destroy();
    return fragment();
  };
  return { panel, change, flush, leave };
}

/**
 * @param {Panel} panel
 * @param {string} docs Address of the docs, or "".
 */
function heading(panel, docs) {
  const links = panel.links.flatMap((link, place) => [
    ...(place ? [" · "] : []),
    linked(link, docs),
  ]);
  return [
    element("h2", { tabindex: -1 }, panel.title),
    element("p", { class: "about" }, panel.about),
    element("p", { class: "links" }, ...links),
  ];
}

/**
 * @param {import("./types.js").Link} link
 * @param {string} docs
 */
function linked({ text, doc, href }, docs) {
  // Within a frame of the docs' first page, a page of the docs takes the frame's place.
  if (href) return element("a", { href, target: "_top" }, text);
  if (docs) return element("a", { href: docs + doc, target: "_top" }, text);
  const [file] = String(doc).split("/"); // a page that knows no site names the file
  return element("span", {}, `${text} (docs/${file}.md)`);
}

/** @param {Panel} panel */
function explanation(panel) {
  const formula = element("div", { class: "equation" });
  formula.innerHTML = panel.equation; // of the panel's own module
  return [element("h3", {}, "The equation"), formula];
}
