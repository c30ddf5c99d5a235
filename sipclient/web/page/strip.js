// The health strip: whether anything is wrong, at a glance, and where.

import { door } from "./api.js";
import { el, fill, icon } from "./dom.js";
import { open } from "./dialog.js";
import { changed, hear, model } from "./model.js";
import { speak } from "./notes.js";
import { clock, exact, since, span, tick } from "./time.js";

let stream;

export function mount(events) {
  stream = events;
  hear("status accounts connection", draw);
  draw();
}

// What the stream says of itself; only a change that lasts is spoken.
export function connection(state) {
  const was = model.connection.name;
  model.connection = { ...state, failed: state.name === "live" ? 0 : (model.connection.failed ?? 0) + (state.name === "waiting" ? 1 : 0) };
  if (state.name === "live" && model.connection.lost) speak("Connected to the robot again");
  if (state.name === "waiting" && was === "live") speak("The connection to the robot is lost");
  model.connection.lost = state.name !== "live" && (was === "live" || model.connection.lost);
  changed("connection");
}

function draw() {
  const s = model.status;
  fill(document.getElementById("strip"), linkChip(), s ? [accountsChip(s), watchChip(s), trunkChip(s), dryChip(s), loopChip(s), findingsChip(s), upChip(s)] : null);
}

// A chip says its name and its value in words; its tone only repeats them.
function chip(name, value, tone = "", onclick = null, sign = null) {
  const parts = [sign, el("span.name", {}, name), value instanceof Node ? value : el("span.value", {}, value)];
  const what = `chip${tone ? `.${tone}` : ""}`;
  return onclick ? el(`button.${what}`, { type: "button", onclick }, parts) : el(`div.${what}`, {}, parts);
}

function linkChip() {
  const { name, until } = model.connection;
  if (name === "live") return chip("Events", "live", "good", null, icon("i-live"));
  if (name === "connecting") return chip("Events", "connecting…", "", null, icon("i-away"));
  if (until === Infinity) return chip("Events", "a token is needed", "warn", () => door.dispatchEvent(new CustomEvent("needed")), icon("i-away"));
  const left = el("span.value", {});
  tick(left, () => `offline, again in ${Math.max(0, Math.ceil((until - Date.now()) / 1000))} s`);
  return chip("Events", left, "bad", () => stream.retry(), icon("i-away"));
}

function accountsChip({ accounts }) {
  const wanted = model.loaded.has("accounts") ? model.accounts.filter((account) => account.register !== false).length : accounts.total;
  const good = accounts.registered >= wanted;
  if (!wanted) return chip("Accounts", `${accounts.total}, none registers`, "", showAccounts);
  return chip("Accounts", `${accounts.registered} of ${wanted} registered`, good ? "good" : "bad", showAccounts, icon(good ? "i-good" : "i-bad"));
}

function watchChip({ subscriptions }) {
  const { total, lost } = subscriptions;
  return chip("Subscriptions", lost ? `${lost} of ${total} lost` : `${total}, none lost`, lost ? "bad" : "good", showAccounts, icon(lost ? "i-bad" : "i-good"));
}

function trunkChip({ dial }) {
  const { in_use: used, calls_at_once: most, waiting, calls_per_second: rate } = dial;
  const meter = el("meter", { min: 0, max: most, high: most * 0.8, "aria-hidden": "true" });
  meter.value = used;
  const text = `${used} of ${most} calls${waiting ? `, ${waiting} wait` : ""}`;
  const value = el("span.value", { title: `at most ${rate} a second` }, text, meter);
  return chip("Trunk", value, used >= most ? "warn" : "");
}

function dryChip(s) {
  return s.dry_run ? chip("Dry run", "nothing is dialled", "warn", null, icon("state-ringing")) : null;
}

function loopChip(s) {
  const lag = s.loop_lag ?? 0; // seconds
  return lag > 0.1 ? chip("Event loop", `${Math.round(lag * 1000)} ms late`, "warn") : null;
}

function findingsChip(s) {
  const count = s.findings?.length ?? 0;
  return count ? chip("Findings", String(count), "warn", () => showFindings(s.findings)) : null;
}

function upChip(s) {
  const up = el("span.value", { title: `since ${exact(s.started)}, sipclient ${s.version}` });
  tick(up, () => span(s.started ? since(s.started) : s.uptime));
  return chip("Up", up);
}

function showFindings(findings) {
  open("What check says of robot.toml", () =>
    el("ul.plain", {}, findings.map((each) => el("li", {}, typeof each === "string" ? each : [each.line ? `line ${each.line}: ` : "", each.message ?? JSON.stringify(each)]))));
}

function showAccounts() {
  open("Accounts", () => (model.accounts.length ? model.accounts.map(account) : el("p.empty", {}, "No account is known yet.")), { wide: true });
}

function account(a) {
  const error = a.last_error;
  const state = a.registered ? "registered" : a.register === false ? "does not register" : "not registered";
  const subs = a.subscriptions ?? {};
  const rows = [
    ["State", el(`span.tag${a.registered ? ".good" : a.register === false ? "" : ".bad"}`, {}, state)],
    ["Address", el("code", {}, a.address)],
    ["Server", el("code", {}, [a.server, a.transport].filter(Boolean).join(" · "))],
    ["Since", a.since ? clock(a.since) : "—"],
    ["Expires", a.expires ? span(a.expires) : "—"],
    ["Calls", String(a.calls ?? 0)],
    ["Subscriptions", `${subs.active ?? 0} active, ${subs.pending ?? 0} pending, ${subs.lost ?? 0} lost`],
    ["Last error", error ? `${clock(error.at)}: ${[error.status || "", error.reason].join(" ").trim()}` : "none"],
  ];
  return el("section.account", {}, el("h3", {}, a.name), el("dl.facts", {}, rows.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])));
}
