// The page's own verbs: find a node, make one, change its text only where it differs, and draw when the browser does.

export const find = (selector, root = document) => root.querySelector(selector);
export const findAll = (selector, root = document) => [...root.querySelectorAll(selector)];

/** A node with attributes and children. `class`, `data-…` and the others by their names in HTML. */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Writes a text where another stands. */
export function show(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets an attribute to another value; none at all for null. */
export function put(node, name, value) {
  if (value === null || value === undefined) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) {
    node.setAttribute(name, value);
  }
}

/** A text somebody else wrote, in the language servers write in. */
export function quote(node, text) {
  show(node, text);
  put(node, 'lang', text ? 'en' : null);
}

const waiting = new Set();
let frame = 0;

/** Has `draw` called before the next picture, once, however often it is asked for. In a page nobody sees: when it is seen. */
export function schedule(draw) {
  waiting.add(draw);
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    const draws = [...waiting];
    waiting.clear();
    for (const one of draws) one();
  });
}

/** What the reader chose, from one visit to the next. Not there where the browser keeps nothing. */
export const preferences = {
  get(name) {
    try {
      return localStorage.getItem(`veloflux.${name}`);
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      localStorage.setItem(`veloflux.${name}`, value);
    } catch { /* Then it lasts as long as the page. */ }
  },
};
