// The calls of late as a table, and one of them with its timeline and ladder.

import { callActions } from "./actions.js";
import { advice, get } from "./api.js";
import { showBridge, timeline } from "./bridge.js";
import { button, el, fill, identity } from "./dom.js";
import { draw as drawLadder } from "./ladder.js";
import { stateTag, timer } from "./live.js";
import { hear, isLive, model, peer } from "./model.js";
import { trouble } from "./notes.js";
import { player } from "./recordings.js";
import { view } from "./router.js";
import { fresh } from "./sync.js";
import { clock, exact } from "./time.js";

const place = () => document.getElementById("view-calls");
let shown = null; // the id of the call on view, "" for the list, null for neither
let older = []; // pages after the newest
let cursor = null;
let filter = "";
let rows;
let drawn = "";

export function mount() {
  view("calls", { show, hide: () => (shown = null) });
  hear("calls", () => {
    if (shown === "") drawRows();
    else if (shown) refresh();
  });
}

function show(id) {
  shown = id;
  if (id) return one(id);
  older = [];
  cursor = null;
  const search = el("input", { type: "search", placeholder: "Number, name, cause, rule", "aria-label": "Filter calls", value: filter, autocomplete: "off" });
  search.addEventListener("input", () => ((filter = search.value.trim().toLowerCase()), drawRows()));
  rows = el("div.scroll", { tabindex: "0", role: "region", "aria-label": "Calls of late" });
  fill(place(), el("section.panel", {}, el("header.head", {}, el("h1", { tabindex: "-1" }, "Calls"), search), rows));
  drawRows();
}

const fits = (call) => !filter || [call.to, call.from, call.caller_id, call.cause, call.status, call.rule, call.extension, call.state, call.account].join(" ").toLowerCase().includes(filter);

function drawRows() {
  const newest = [...model.calls.values()];
  const ids = new Set(newest.map((call) => call.id));
  const calls = [...newest, ...older.filter((call) => !ids.has(call.id))].filter(fits);
  const problem = model.problems.get("calls");
  if (!calls.length) {
    const words = filter ? "No call fits the filter." : model.loaded.has("calls") ? "No call yet. The dial box on the board places one." : "Reading…";
    return void fill(rows, problem ? trouble(problem, fresh.calls) : el("p.empty", {}, words));
  }
  const head = ["When", "To", "From", "State", "Time", "Because"].map((name) => el("th", { scope: "col", role: "columnheader" }, name));
  fill(rows, el("table", { role: "table" }, el("caption.unseen", {}, "Calls, the newest first"), el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, head)), el("tbody", { role: "rowgroup" }, calls.map(row))),
    newest.length >= 50 && cursor !== "" ? button("Older calls", more) : null); // prettier-ignore
}

const cell = { role: "cell" }; // said, because on a telephone the table is drawn as cards

function row(call) {
  const inward = call.direction === "in";
  const because = call.rule ? `rule ${call.rule}${call.extension ? `, ${call.extension}` : ""}` : inward ? "called us" : call.bridge ? "bridge" : "asked for";
  return el("tr", { role: "row" }, el("td", cell, el("time", { datetime: call.created, title: exact(call.created) }, clock(call.created))),
    el("th", { scope: "row", role: "rowheader" }, el("a", { href: `#calls/${encodeURIComponent(call.id)}` }, peer(call) || "—")),
    el("td", cell, identity(call.caller_id || call.from || "—")), el("td", cell, stateTag(call)), el("td.num", cell, call.answered ? timer(call) : "—"), el("td", cell, because)); // prettier-ignore
}

async function more() {
  try {
    const page = await get(`v1/calls?limit=50${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    if (cursor === null && page.next) {
      cursor = page.next; // the first page is there already
      return more();
    }
    older.push(...page.items);
    cursor = page.next ?? "";
    drawRows();
  } catch (error) {
    rows.append(trouble(advice(error)));
  }
}

async function one(id) {
  drawn = "";
  fill(place(), el("section.panel", {}, crumbs(), el("h1", { tabindex: "-1" }, "Call"), el("div", { id: "one" }, el("p.fine", {}, "Reading…"))));
  await refresh();
}

const crumbs = () => el("p.crumbs", {}, el("a", { href: "#calls" }, "← Calls"));

async function refresh() {
  const id = shown;
  try {
    const call = await get(`v1/calls/${encodeURIComponent(id)}`);
    const wanted = JSON.stringify(call);
    if (shown !== id || wanted === drawn) return;
    drawn = wanted;
    place().querySelector("h1").textContent = `Call ${call.direction === "in" ? "from" : "to"} ${peer(call)}`;
    fill(document.getElementById("one"), details(call));
  } catch (error) {
    if (shown === id) fill(document.getElementById("one"), trouble(advice(error)));
  }
}

function details(call) {
  const headers = Object.entries(call.headers ?? {}).map(([name, value]) => `${name}: ${value}`);
  const variables = Object.entries(call.variables ?? {}).map(([name, value]) => `${name} = ${value}`);
  const facts = [
    ["State", [stateTag(call), " ", timer(call)]],
    ["Account", call.account], ["From", call.from], ["To", call.to], ["Caller ID", call.caller_id ? identity(call.caller_id) : ""],
    ["Rule", call.rule ? `${call.rule}${call.extension ? ` for ${call.extension}` : ""}` : ""],
    ["Ended by", call.by], ["Reason", call.reason], ["Attempt", call.attempt], ["Tried again", call.retry_at ? clock(call.retry_at) : ""],
    ["Bridge", call.bridge ? button("Show it", () => showBridge(call.bridge), "quiet") : ""], ["Headers", headers.join("\n")], ["Variables", variables.join("\n")], ["Call-ID", call.call_id ? el("code", {}, call.call_id) : ""],
  ]; // prettier-ignore
  const given = facts.filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return [
    isLive(call) ? callActions(call) : null,
    el("div.columns", {},
      el("section", {}, el("h2", {}, "What it is"), el("dl.facts", {}, given.map(([name, value]) => [el("dt", {}, name), el("dd.pre", {}, value)]))),
      el("section", {}, el("h2", {}, "Timeline"), timeline(call.timeline ?? []))),
    (call.recordings ?? []).map((id) => el("section", {}, el("h2", {}, "Recording"), player({ id, name: `call to ${call.to}` }))),
    el("section", {}, el("h2", {}, "Messages"), drawLadder(call.ladder, `Messages of the call to ${call.to}`)),
  ]; // prettier-ignore
}
