// One bridge: its two legs, what happened, its recording.

import { advice, get } from "./api.js";
import { el, fill } from "./dom.js";
import { open } from "./dialog.js";
import { trouble } from "./notes.js";
import { player } from "./recordings.js";
import { clock } from "./time.js";
import { BRIDGE_STATES } from "./words.js";

export function showBridge(id) {
  const place = el("div.stack", {}, el("p.fine", {}, "Reading…"));
  open("Bridge", () => place, { wide: true });
  get(`v1/bridges/${encodeURIComponent(id)}`).then((bridge) => fill(place, details(bridge)), (error) => fill(place, trouble(advice(error)))); // prettier-ignore
}

function details(b) {
  const variables = Object.entries(b.variables ?? {}).map(([name, value]) => `${name} = ${value}`);
  const rows = [
    ["State", BRIDGE_STATES[b.state] ?? b.state], ["Cause", [b.cause, b.reason].filter(Boolean).join(", ")], ["Ended by leg", b.leg],
    ["A", leg(b.a)], ["B", leg(b.b)], ["Created", clock(b.created)], ["Joined", clock(b.bridged)], ["Ended", clock(b.ended)],
    ["Variables", variables.join("\n")], ["Id", el("code", {}, b.id)],
  ]; // prettier-ignore
  return [
    el("dl.facts", {}, rows.filter(([, value]) => value).map(([name, value]) => [el("dt", {}, name), el("dd.pre", {}, value)])),
    b.timeline?.length ? el("section", {}, el("h3", {}, "Timeline"), timeline(b.timeline)) : null,
    b.recording ? el("section", {}, el("h3", {}, "Recording"), player({ id: b.recording, name: `bridge of ${b.a?.to} and ${b.b?.to}` })) : null,
  ]; // prettier-ignore
}

function leg(side) {
  if (!side) return "";
  const call = side.call ?? side.calls?.at(-1);
  const text = [side.to, side.state, side.attempt > 1 ? `attempt ${side.attempt}` : "", side.status || "", side.cause].filter(Boolean).join(", ");
  return typeof call === "string" ? el("a", { href: `#calls/${encodeURIComponent(call)}` }, text) : text;
}

// What happened, one line a moment: of a call or of a bridge.
export function timeline(steps) {
  if (!steps.length) return el("p.empty", {}, "Nothing happened yet.");
  const detail = (value) => (typeof value === "object" && value ? Object.entries(value).map(([k, v]) => `${k} ${v}`).join(", ") : value);
  return el("ol.plain.story", {}, steps.map(({ at, event, detail: more }) =>
    el("li", {}, el("time", { datetime: at }, clock(at)), el("span", {}, String(event).replaceAll("-", " "), more ? el("span.fine", {}, ` ${detail(more)}`) : null)))); // prettier-ignore
}
