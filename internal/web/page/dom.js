// Makes and changes elements. Nothing here or elsewhere makes markup of text:
// names on this page are chosen by whoever runs a process.

/** Spells out what would be shown as something else than it is: controls, and marks that turn the direction of text. */
export const clean = (text) => text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);

/** Makes an element with attributes and children; strings become text. */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, String(value));
  }
  node.append(...children.map((c) => (typeof c === "string" ? clean(c) : c)));
  return node;
}

/** Changes text only where it differs, so that nothing is redrawn or read out for nothing. */
export function say(node, text) {
  text = clean(text);
  if (node.textContent !== text) node.textContent = text;
}

/** Shows or hides. */
export function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

/** Replaces the children when what they were made of has changed. */
export function remake(node, value, children) {
  const mark = JSON.stringify(value);
  if (node.madeOf === mark) return;
  node.madeOf = mark;
  node.replaceChildren(...children());
}

/** Keeps one child for each item, by key, and in their order. What stays, stays open, focused and where it is. */
export function keep(parent, items, key, create, update) {
  const have = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let at = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    let child = have.get(name);
    have.delete(name);
    if (!child) {
      child = create(item);
      child.dataset.key = name;
    }
    update(child, item);
    if (child === at) at = at.nextElementSibling;
    else parent.insertBefore(child, at);
  }
  for (const gone of have.values()) gone.remove();
}

/** Makes a table that can be scrolled with the keys. */
export function table(name, columns, isNumber) {
  const head = columns.map((text, i) => make("th", { scope: "col", class: isNumber(i) ? "number" : null }, text));
  const node = make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": name },
    make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody")));
  node.isNumber = isNumber;
  return node;
}

/** Writes the rows of a table; the table itself stays, and with it focus and place. */
export function fill(node, rows) {
  remake(node.querySelector("tbody"), rows, () => rows.map((row) => make("tr", {},
    ...row.map((cell, i) => make("td", { class: node.isNumber(i) ? "number" : null }, cell)))));
}
