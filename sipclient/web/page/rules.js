// The rules: when each acted last, and why it did not since.

import { el, fill, icon } from "./dom.js";
import { hear, model } from "./model.js";
import { trouble } from "./notes.js";
import { simulateButton } from "./simulate.js";
import { fresh } from "./sync.js";
import { clock, exact, now, since, span, tick } from "./time.js";
import { condition, STATES, stateName } from "./words.js";

let body;

export function mount() {
  body = el("div.rules");
  fill(document.getElementById("rules"), el("header.head", {}, el("h2", { id: "rules-title" }, "Rules")), body);
  hear("rules", draw);
  draw();
}

let drawn = "";

function draw() {
  const problem = model.problems.get("rules");
  if (!model.rules.length) {
    drawn = "";
    const words = model.loaded.has("rules") ? "No rule: nothing calls by itself. [[rules]] in robot.toml makes one." : "Reading…";
    return void fill(body, problem ? trouble(problem, fresh.rules) : el("p.empty", {}, words));
  }
  const wanted = JSON.stringify(model.rules);
  if (wanted === drawn) return; // whoever reads or stands in it is not disturbed
  const focused = document.activeElement?.getAttribute("aria-label");
  drawn = wanted;
  fill(body, model.rules.map(rule));
  if (focused && !body.contains(document.activeElement)) body.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
}

// ["ready"] or "ready"; all of them are any.
function states(value) {
  const names = [value].flat().filter(Boolean);
  return names.length >= Object.keys(STATES).length ? "any" : names.map(stateName).join(" or ");
}


function rule(r) {
  const extensions = [r.extensions].flat().filter((each) => each && each !== "*").join(", ");
  return el(`article.rule${r.enabled === false ? ".off" : ""}`, {},
    el("div.what", {}, el("h3", {}, r.name), el("p.fine", {}, `${extensions || "any extension"}: ${states(r.from)} → ${states(r.to)}`),
      el("p.fine", {}, [action(r.action), r.settle ? `after ${span(r.settle)}` : "", r.hours ? `hours ${r.hours}` : "", r.limit ? `at most ${r.limit}` : "", r.armed && r.armed !== "always" ? "on request only" : ""].filter(Boolean).join(", "))),
    el("div.last", {}, el("h4", {}, "Acted last"), fired(r)),
    el("div.why", {}, el("h4", {}, "Why, or why not"), whyNot(r)),
    el("div.do", {}, el("p.fine", {}, `${r.fired_total ?? 0} acted, ${r.suppressed_total ?? 0} not`), simulateButton(r))); // prettier-ignore
}

function action(what) {
  if (!what) return "";
  if (typeof what === "string") return what;
  return what.to ? `call ${what.to}` : (what.run ?? what.kind ?? "");
}

function ago(iso) {
  const node = el("time", { datetime: iso, title: exact(iso) });
  return tick(node, () => `${span(since(iso))} ago`);
}

function fired({ last_fired: last }) {
  if (!last) return el("p.fine", {}, "not since the start");
  return el("p", {}, el("span.tag.good", {}, icon("i-good"), last.extension), " ", ago(last.at), el("span.because", {}, last.because));
}

// What a rule made of a change: it acted, waits, or did not, with the condition in words.
export function decided({ at, extension, fired, condition: name, detail }) {
  if (fired || !name) return el("p", {}, el("span.tag.good", {}, icon("i-good"), "It acted"), " on ", extension, ", ", ago(at));
  const { title, hint } = condition(name);
  const waits = name === "settle" && detail.startsWith("it must");
  const tone = waits ? ".warn" : name === "edge" ? "" : ".bad"; // an edge is the ordinary case: the change was not for this rule
  const sign = waits ? "state-on-hold" : name === "edge" ? "i-skip" : "i-bad";
  return el("p", { title: hint },
    el(`span.tag${tone}`, {}, icon(sign), waits ? "It waits" : title), " ", extension, ", ", ago(at), el("span.because", {}, detail)); // prettier-ignore
}

// The latest change that was the rule's own is the news; any other where there was none.
function whyNot({ last_fired: acted, last_decision: judged, last_suppressed: kept, next_allowed: next }) {
  const own = [judged?.condition === "edge" ? null : judged, kept, acted && { ...acted, fired: true }].filter(Boolean);
  const last = own.sort((a, b) => Date.parse(b.at) - Date.parse(a.at))[0] ?? judged;
  if (!last) return el("p.fine", {}, "No change came yet that it looks at.");
  const later = next && Date.parse(next) > now() ? el("p.because", {}, `Its limit lets it act again at ${clock(next)}.`) : null;
  return [decided(last), later];
}
