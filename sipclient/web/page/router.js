// Which view is shown: the part of the address after #, so that a view can be bookmarked and Back works.

const views = new Map(); // name -> {node, show(argument), hide()}
let current = "";

export function view(name, { show, hide } = {}) {
  views.set(name, { node: document.getElementById(`view-${name}`), show, hide });
}

export function go(hash) {
  if (location.hash === hash) turn();
  else location.hash = hash;
}

function turn() {
  const [name, ...rest] = location.hash.slice(1).split("/");
  const chosen = views.has(name) ? name : "board";
  const argument = rest.length ? decodeURIComponent(rest.join("/")) : "";
  if (current && current !== chosen) views.get(current).hide?.();
  for (const [each, { node }] of views) node.hidden = each !== chosen;
  for (const link of document.querySelectorAll(".tabs a")) {
    if (link.hash === `#${chosen}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const { node, show } = views.get(chosen);
  show?.(argument);
  document.title = `${node.dataset.title} · sipclient`;
  if (current) {
    node.querySelector("h1")?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  current = chosen;
}

export function begin() {
  addEventListener("hashchange", turn);
  turn();
}
