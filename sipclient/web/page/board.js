// The presence board. Each extension keeps its tile; a change touches that tile and the counts, nothing else.

import { button, el, fill, icon, say } from "./dom.js";
import { show as showExtension } from "./extension.js";
import { hear, keyOf, model } from "./model.js";
import { speak, trouble } from "./notes.js";
import { Roving } from "./roving.js";
import { fresh } from "./sync.js";
import { clock, exact, now, since, span, tick, watch } from "./time.js";
import { BUSY, STATES, stateName } from "./words.js";

const tiles = new Map(); // key -> {node, ...parts}
const MANY = 2000;
let most = 600; // tiles shown at once: ten thousand of them are slow to lay out, and nobody reads them
const filter = { text: "", states: new Set() };
const counts = new Map(); // state -> its button's number
let list;
let summary;
let stale; // what is said while the robot is away
let walk;
let several = false; // accounts: a tile then names its own

export function mount() {
  const search = el("input", {
    type: "search", id: "board-filter", placeholder: "Extension or note", "aria-label": "Filter extensions", autocomplete: "off", spellcheck: "false",
  }); // prettier-ignore
  search.addEventListener("input", () => {
    filter.text = search.value.trim().toLowerCase();
    sift(true);
  });
  list = el("ul.tiles", { "aria-label": "Extensions" });
  walk = new Roving(list, ".tile");
  summary = el("p.fine");
  stale = el("p.stale", { hidden: true });
  fill(document.getElementById("board"),
    el("header.head", {}, el("h2", { id: "board-title" }, "Extensions"), search),
    el("div.filters", { role: "group", "aria-label": "Show only" }, Object.keys(STATES).map(stateFilter)),
    stale, list, summary); // prettier-ignore
  hear("connection", age);
  hear("extensions", redraw);
  hear("extension", (extension) => {
    const tile = tiles.get(keyOf(extension));
    if (!tile) return;
    update(tile, extension, true);
    siftOne(tile);
    walk.settle();
    count();
  });
  redraw();
}

// What stands here while nothing comes is how it was, and says so.
function age() {
  const away = Boolean(model.connection.lost);
  if (away && stale.hidden) say(stale, `The robot does not answer: this is how it was at ${clock(new Date(now()).toISOString())}.`);
  stale.hidden = !away;
  list.classList.toggle("stale", away);
}

function stateFilter(state) {
  const number = el("span.count", {}, "0");
  counts.set(state, number);
  const it = el(`button.pill.${state}`, { type: "button", "aria-pressed": "false" }, icon(`state-${state}`), stateName(state), number);
  it.addEventListener("click", () => {
    if (!filter.states.delete(state)) filter.states.add(state);
    it.setAttribute("aria-pressed", String(filter.states.has(state)));
    sift(true);
  });
  return it;
}

function redraw() {
  several = new Set([...model.extensions.values()].map((each) => each.account)).size > 1;
  for (const [key, tile] of tiles) {
    if (model.extensions.has(key)) continue;
    tile.node.remove();
    tiles.delete(key);
  }
  const added = [];
  for (const [key, extension] of model.extensions) {
    let tile = tiles.get(key);
    if (!tile) {
      tiles.set(key, (tile = make(key)));
      added.push(tile.node);
    }
    update(tile, extension);
  }
  list.append(...added);
  sift();
  count();
}

function make(key) {
  const open = () => showExtension(model.extensions.get(key));
  const tile = { key, picture: el("span.shape"), name: el("span.number"), time: el("time.since"), state: el("span.word"), flaps: el("span.mark.flaps", { title: "changes in the last ten minutes" }), note: el("span.note"), waits: el("span.mark.waits") };
  tile.face = el("button.tile", { type: "button", tabIndex: -1, onclick: open }, tile.picture, tile.name, tile.time, el("span.line", {}, tile.state, tile.flaps), tile.waits, tile.note); // prettier-ignore
  tile.node = el("li", {}, tile.face);
  return tile;
}

function update(tile, extension, news = false) {
  const { state } = extension;
  tile.extension = extension;
  if (tile.shown !== state) {
    tile.face.className = `tile ${state}`;
    fill(tile.picture, icon(`state-${STATES[state] ? state : "unknown"}`));
    say(tile.state, stateName(state));
    if (news) flash(tile.face);
    tile.shown = state;
  }
  say(tile.name, several ? `${extension.extension} · ${extension.account}` : extension.extension);
  say(tile.note, telling(extension));
  if (tile.at !== extension.since) {
    tile.at = extension.since;
    tile.time.dateTime = extension.since ?? "";
    tile.time.title = exact(extension.since);
  }
  tick(tile.time, () => (extension.since ? (BUSY.has(extension.state) ? watch : span)(since(extension.since)) : ""));
  marks(tile, extension);
}

// The PBX's own note where it says more than the state, or what is wrong with the watch.
function telling({ state, note, subscriptions }) {
  const broken = subscriptions?.find((each) => each.state !== "active" && each.state !== "pending");
  if (state === "unknown" && broken) return [broken.package, broken.state, broken.reason].filter(Boolean).join(" ");
  return note && note.toLowerCase() !== stateName(state).toLowerCase() ? note : "";
}

const FLAPPING = 4; // changes in ten minutes

function marks(tile, { flaps = 0, callbacks = 0 }) {
  say(tile.waits, callbacks ? `${callbacks} waiting` : "");
  say(tile.flaps, flaps > 1 ? `${flaps}×` : "");
  tile.flaps.classList.toggle("often", flaps >= FLAPPING);
}

function flash(node) {
  node.classList.remove("news");
  requestAnimationFrame(() => node.classList.add("news"));
}

function fits({ extension: number, account, state, note }) {
  if (filter.states.size && !filter.states.has(state)) return false;
  return !filter.text || `${number} ${account} ${stateName(state)} ${note ?? ""}`.toLowerCase().includes(filter.text);
}

function siftOne(tile) {
  const hidden = tile.over || !fits(tile.extension);
  if (tile.node.hidden !== hidden) tile.node.hidden = hidden;
  return !hidden;
}

function sift(byHand = false) {
  let shown = 0;
  let fitting = 0;
  // Showing some among thousands that are hidden costs a browser seconds where they stand in the page, and little beside it.
  const aside = tiles.size > MANY && !list.contains(document.activeElement);
  if (aside) list.remove();
  for (const tile of tiles.values()) {
    fitting += tile.over = fits(tile.extension);
    tile.over = tile.over && shown >= most;
    shown += siftOne(tile);
  }
  if (aside) summary.before(list);
  walk.settle();
  const problem = model.problems.get("extensions");
  if (!tiles.size && problem) return void fill(summary, trouble(problem, fresh.extensions));
  const text = !tiles.size
    ? model.loaded.has("extensions") ? "Nothing is watched: name extensions under [[watch]] in robot.toml." : "Reading…"
    : shown === tiles.size ? `${shown} watched` : `${shown} of ${tiles.size} shown`; // prettier-ignore
  fill(summary, text, shown < fitting ? [": the filter finds the others. ", button("Show all", () => ((most = Infinity), sift(true)), "quiet")] : null);
  if (byHand) speak(text);
}

function count() {
  const found = Object.fromEntries(Object.keys(STATES).map((state) => [state, 0]));
  for (const { state } of model.extensions.values()) if (state in found) found[state] += 1;
  for (const [state, number] of counts) say(number, found[state]);
}
