// Elements, made without markup: text is only ever text, because display names come from strangers.

const SVG = "http://www.w3.org/2000/svg";
const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "open", "required", "tabIndex"]);

// el("p.note", {id: "x", onclick: f}, "text", child, [more], null)
export function el(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const node = document.createElement(tag || "div");
  if (classes.length) node.className = classes.join(" ");
  return put(node, attributes, children);
}

export function svg(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const node = document.createElementNS(SVG, tag);
  if (classes.length) node.setAttribute("class", classes.join(" "));
  return put(node, attributes, children);
}

function put(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined) continue;
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (PROPERTIES.has(name)) node[name] = value;
    else if (typeof value === "boolean") node.toggleAttribute(name, value);
    else node.setAttribute(name, String(value));
  }
  append(node, children);
  return node;
}

function append(node, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false || child === "") continue;
    if (Array.isArray(child)) append(node, child);
    else node.append(child instanceof Node ? child : plain(String(child)));
  }
}

// Control and direction characters would let a display name rewrite the line it stands in.
export function plain(text) {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}

export function fill(node, ...children) {
  node.replaceChildren();
  append(node, children);
  return node;
}

// Change the text only where it differs: a live region or a screen reader's cursor is not disturbed for nothing.
export function say(node, text) {
  const wanted = plain(String(text));
  if (node.textContent !== wanted) node.textContent = wanted;
}

export function icon(name, title = "") {
  const symbol = document.getElementById(name);
  const node = svg("svg.icon", title ? { role: "img", "aria-label": title } : { "aria-hidden": "true" });
  node.setAttribute("viewBox", symbol.getAttribute("viewBox"));
  node.dataset.icon = name;
  node.append(...symbol.cloneNode(true).children); // <use> would build a tree of its own for each of 2,000 tiles
  return node;
}

// "Name" <number>, each kept to itself: a name from right to left would turn round what stands beside it.
export function identity(text) {
  const parts = /^"(.*)"\s*<(.*)>$/s.exec(text ?? "");
  return parts ? el("span", { dir: "ltr" }, '"', el("bdi", {}, parts[1]), '" <', el("bdi", {}, parts[2]), ">") : el("bdi", {}, text ?? "");
}

export function button(text, onclick, kind = "", more = {}) {
  return el(`button${kind ? `.${kind}` : ""}`, { type: "button", onclick, ...more }, text);
}

// A label over a control; `hint` is read with it.
export function field(label, control, hint = "") {
  const id = (control.id ||= `f${++made}`);
  const note = hint ? el("span.hint", { id: `${id}-hint` }, hint) : null;
  if (note) control.setAttribute("aria-describedby", note.id);
  return el("div.field", {}, el("label", { for: id }, label), control, note);
}

let made = 0;
