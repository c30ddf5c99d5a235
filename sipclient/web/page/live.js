// The calls that are up now: alone, or as the two legs of a bridge.

import { callActions, endBridge } from "./actions.js";
import { showBridge } from "./bridge.js";
import { button, el, fill, icon, identity } from "./dom.js";
import { hear, isLive, model, peer } from "./model.js";
import { speak, trouble } from "./notes.js";
import { playDialog } from "./play.js";
import { fresh } from "./sync.js";
import { since, tick, watch } from "./time.js";
import { BRIDGE_STATES, CALL_STATES, ending } from "./words.js";

let body;
let drawn = "";
let known = new Map(); // id -> state, to speak of what changed

export function mount() {
  body = el("div.live");
  fill(document.getElementById("live"), el("header.head", {}, el("h2", { id: "live-title" }, "Calls now")), body);
  hear("calls", draw);
  draw();
}

function draw() {
  const calls = [...model.calls.values()];
  announce(calls);
  const live = calls.filter(isLive);
  const joined = [...model.bridges.values()].filter(isLive);
  const problem = model.problems.get("calls");
  if (!live.length && !joined.length) {
    drawn = "";
    const words = model.loaded.has("calls") ? "No call is up." : "Reading…";
    return void fill(body, problem ? trouble(problem, fresh.calls) : el("p.empty", {}, words));
  }
  const wanted = JSON.stringify([live, joined]);
  if (wanted === drawn) return;
  const focused = document.activeElement?.getAttribute("aria-label");
  drawn = wanted;
  const legs = (b) => live.filter((call) => call.bridge === b.id);
  const alone = live.filter((call) => !joined.some((b) => b.id === call.bridge));
  fill(body, joined.map((b) => bridge(b, legs(b))), alone.map(card));
  if (focused && !body.contains(document.activeElement)) body.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
}

export function stateTag(call) {
  const tone = call.state === "answered" ? "good" : call.state === "ended" ? (call.answered ? "" : "bad") : "warn";
  const text = call.state === "ended" ? ending(call) : call.held ? "On hold" : (CALL_STATES[call.state] ?? call.state);
  return el(`span.tag${tone ? `.${tone}` : ""}`, {}, text);
}

export function timer(call) {
  const from = call.answered || call.created;
  const node = el("time.timer", { datetime: from });
  return tick(node, () => watch(call.ended ? (Date.parse(call.ended) - Date.parse(from)) / 1000 : since(from)));
}

function head(call, name = "") {
  const inward = call.direction === "in";
  return el("div.call-head", {}, name ? el("span.leg", {}, name) : icon(inward ? "i-in" : "i-out", inward ? "call to us" : "call from us"),
    el("a.who", { href: `#calls/${encodeURIComponent(call.id)}` }, peer(call)), stateTag(call), timer(call)); // prettier-ignore
}

function why(call) {
  const parts = [call.rule ? `rule ${call.rule}` : "", call.extension ? `for ${call.extension}` : "", call.caller_id ? ["as ", identity(call.caller_id)] : "", call.attempt > 1 ? `attempt ${call.attempt}` : ""].filter(Boolean);
  return parts.length ? el("p.fine", {}, parts.map((part, place) => [place ? ", " : "", part])) : null;
}

const card = (call) => el("article.call", {}, head(call), why(call), callActions(call));

function bridge(b, legs) {
  const side = (call) => (b.a?.calls?.includes(call.id) ? "A" : b.b?.calls?.includes(call.id) ? "B" : "");
  const ordered = legs.toSorted((x, y) => side(x).localeCompare(side(y)));
  const answered = ordered.filter((call) => call.state === "answered").map((call) => ({ name: side(call), call }));
  return el("article.call.bridge", {},
    el("div.call-head", {}, el("strong.who", {}, `${b.a?.to ?? "A"} ↔ ${b.b?.to ?? "B"}`), el(`span.tag.${b.state === "bridged" ? "good" : "warn"}`, {}, BRIDGE_STATES[b.state] ?? b.state)),
    ordered.map((call) => el("div.leg-row", {}, head(call, side(call)), callActions(call))),
    el("div.row.actions", {}, button("Details", () => showBridge(b.id), "quiet", { "aria-label": `Details of the bridge to ${b.a?.to}` }),
      answered.length > 1 ? button("Play…", () => playDialog(`Play to ${b.a.to} and ${b.b.to}`, answered), "quiet", { "aria-label": `Play to the bridge of ${b.a.to} and ${b.b.to}` }) : null,
      button("Hang up both", () => endBridge(b), "stop"))); // prettier-ignore
}

function announce(calls) {
  const said = [];
  const states = new Map(calls.map((call) => [call.id, call.state]));
  for (const call of calls) {
    const before = known.get(call.id);
    if (before && before !== call.state) said.push(`Call ${call.direction === "in" ? "from" : "to"} ${peer(call)}: ${call.state === "ended" ? ending(call) : CALL_STATES[call.state]}`);
  }
  known = states;
  if (said.length && said.length < 4) speak(said.join(". "));
}
