// The log: every event this page remembers, as sentences, the newest first.

import { button, el, fill } from "./dom.js";
import { hear, model } from "./model.js";
import { view } from "./router.js";
import { clock, exact } from "./time.js";
import { isTrouble, kindOf, sentence } from "./words.js";

const PAGE = 200;
const KINDS = { states: "States", rules: "Rules", calls: "Calls", robot: "Robot" };
const filter = { text: "", kinds: new Set(), trouble: false };
let list;
let foot;
let most = PAGE;
let shown = false;
let held = false; // a log that is being read does not run away
let missed = 0;

export function mount() {
  const search = el("input", { type: "search", placeholder: "Extension, rule, cause, any word", "aria-label": "Filter the log", autocomplete: "off", spellcheck: "false" });
  search.addEventListener("input", () => ((filter.text = search.value.trim().toLowerCase()), draw()));
  list = el("ol.plain.story.log", { tabindex: "0", "aria-label": "Events, the newest first" });
  foot = el("div.row");
  const pause = button("Pause", () => {
    held = !held;
    pause.setAttribute("aria-pressed", String(held));
    pause.textContent = held ? "Go on" : "Pause";
    draw();
  }, "quiet", { "aria-pressed": "false" }); // prettier-ignore
  fill(document.getElementById("view-log"), el("section.panel", {}, el("header.head", {}, el("h1", { tabindex: "-1" }, "Log"), search, pause),
    el("div.filters", { role: "group", "aria-label": "Show only" }, Object.entries(KINDS).map(([kind, name]) => toggle(name, () => flip(filter.kinds, kind))), toggle("Only trouble", () => (filter.trouble = !filter.trouble))),
    list, foot)); // prettier-ignore
  view("log", { show: () => ((shown = true), draw()), hide: () => (shown = false) });
  hear("event", arrived);
}

function flip(set, value) {
  if (!set.delete(value)) set.add(value);
}

function toggle(name, change) {
  const it = button(name, () => {
    change();
    it.setAttribute("aria-pressed", String(it.getAttribute("aria-pressed") !== "true"));
    draw();
  }, "pill", { "aria-pressed": "false" }); // prettier-ignore
  return it;
}

function fits(event) {
  if (filter.trouble && !isTrouble(event)) return false;
  if (filter.kinds.size && !filter.kinds.has(kindOf(event))) return false;
  return !filter.text || `${sentence(event)} ${event.event} ${event.job ?? ""} ${event.extension ?? ""}`.toLowerCase().includes(filter.text);
}

// One line each; the whole is drawn again only where the filter changes.
function arrived(event) {
  if (!shown || !fits(event)) return;
  if (held) {
    missed += 1;
    return void drawFoot();
  }
  list.querySelector(".empty")?.remove();
  list.prepend(line(event));
  while (list.childElementCount > most) list.lastElementChild.remove();
}

function draw() {
  if (!shown) return;
  missed = 0;
  const found = model.events.filter(fits);
  fill(list, found.length ? found.slice(-most).reverse().map(line) : el("li.empty", {}, model.events.length ? "No event fits the filter." : "Nothing happened yet."));
  drawFoot(found.length);
}

function drawFoot(found = 0) {
  const more = () => ((most += PAGE), draw());
  fill(foot, missed ? el("span.fine", {}, `${missed} more since the pause`) : null, found > most ? button("Earlier events", more) : null);
}

function line(event) {
  return el(`li.${kindOf(event)}${isTrouble(event) ? ".bad" : ""}`, {},
    el("time", { datetime: event.at, title: exact(event.at) }, clock(event.at)), el("span.kind", {}, event.event), el("span", {}, sentence(event))); // prettier-ignore
}
