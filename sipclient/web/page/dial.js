// The dial box: one call, or A and B joined; and first, on request, what would be sent.

import { advice, fresh as newKey, post } from "./api.js";
import { button, el, field, fill } from "./dom.js";
import { hear, model } from "./model.js";
import { note, speak, trouble } from "./notes.js";
import { fresh } from "./sync.js";
import { span } from "./time.js";

let form;
let answer;
let key = newKey(); // the same until what is asked for changes: pressed twice is called once
const fields = {};

export function mount() {
  answer = el("div.answer");
  const mode = (value, label) => {
    const it = el("input", { type: "radio", name: "dial-mode", id: `dial-${value}`, value, checked: value === "call" });
    it.addEventListener("change", drawMode);
    return el("label.choice", { for: it.id }, it, label);
  };
  Object.assign(fields, {
    a: el("input", { id: "dial-a", autocomplete: "off", spellcheck: "false", required: true, placeholder: "7000 or sip:…" }),
    b: el("input", { id: "dial-b", autocomplete: "off", spellcheck: "false", placeholder: "second number" }),
    caller: el("input", { id: "dial-caller", autocomplete: "off", placeholder: '"Name" <number>' }),
    account: el("select", { id: "dial-account" }),
    timeout: el("input", { id: "dial-timeout", inputmode: "numeric", pattern: "[0-9]+(ms|s|m|h)?", placeholder: "45s" }),
    headers: el("textarea", { id: "dial-headers", rows: 2, spellcheck: "false", placeholder: "X-Extension: 1001" }),
    record: el("input", { id: "dial-record", type: "checkbox" }),
  }); // prettier-ignore
  fields.bField = field("B", fields.b);
  fields.accountField = field("Account", fields.account);
  fields.aField = field("Number", fields.a);
  form = el("form.stack", { onsubmit: (event) => (event.preventDefault(), place()), oninput: renew },
    el("fieldset.modes", {}, el("legend.unseen", {}, "What to place"), mode("call", "Call"), mode("bridge", "Bridge A and B")),
    fields.aField, fields.bField, field("Caller ID", fields.caller),
    el("details", {}, el("summary", {}, "More"), el("div.stack", {}, fields.accountField, field("Time limit", fields.timeout, "a number of seconds, or 45s, 2m"),
      field("Headers", fields.headers, "one a line"), el("label.check", { for: "dial-record" }, fields.record, "Record it"))),
    el("div.row", {}, el("button.main", { type: "submit" }, "Call"), button("Show the plan", plan)), answer); // prettier-ignore
  fill(document.getElementById("dial"), el("header.head", {}, el("h2", { id: "dial-title" }, "Dial")), form);
  hear("accounts", drawAccounts);
  drawAccounts();
  drawMode();
}

const bridging = () => form.elements["dial-mode"].value === "bridge";

function drawMode() {
  fields.bField.hidden = !bridging();
  fields.b.required = bridging();
  fields.aField.querySelector("label").textContent = bridging() ? "A" : "Number";
  form.querySelector("button.main").textContent = bridging() ? "Bridge" : "Call";
  renew();
}

function drawAccounts() {
  const chosen = fields.account.value;
  const names = model.accounts.map((account) => account.name);
  fill(fields.account, el("option", { value: "" }, names.length > 1 ? "as robot.toml says" : (names[0] ?? "the only one")), names.length > 1 ? names.map((name) => el("option", { value: name }, name)) : null);
  if (names.includes(chosen)) fields.account.value = chosen;
  fields.accountField.hidden = names.length < 2;
}

function renew() {
  key = newKey();
}

function asked(to) {
  const body = {};
  const headers = fields.headers.value.split("\n").map((line) => /^\s*([^:\s]+)\s*:\s*(.*?)\s*$/.exec(line)).filter(Boolean);
  if (fields.account.value) body.account = fields.account.value;
  if (fields.caller.value.trim()) body.caller_id = fields.caller.value.trim();
  if (headers.length) body.headers = Object.fromEntries(headers.map(([, name, value]) => [name, value]));
  const limit = fields.timeout.value.trim();
  if (limit) body.timeout = /^\d+$/.test(limit) ? Number(limit) : limit;
  if (fields.record.checked) body.record = true;
  return to ? { to, ...body } : body;
}

async function place() {
  const a = fields.a.value.trim();
  const b = fields.b.value.trim();
  const send = form.querySelector("button.main");
  send.disabled = true;
  fill(answer);
  try {
    const made = bridging() ? await post("v1/bridges", { a, b, ...asked() }, { key }) : await post("v1/calls", asked(a), { key });
    if (model.status?.dry_run) note("Dry run", "Nothing is dialled: see the log for what would have been.");
    else note(bridging() ? `Bridging ${a} and ${b}` : `Calling ${a}`, "", "good");
    renew();
    fresh.calls();
  } catch (error) {
    refuse(error);
  }
  send.disabled = false;
}

function refuse(error) {
  const told = advice(error);
  fill(answer, trouble(told));
  speak(`${told.title}. ${told.text}`);
}

// A plan sends nothing: it shows what would be.
async function plan() {
  if (!form.reportValidity()) return;
  const targets = bridging() ? [["A", fields.a.value.trim()], ["B", fields.b.value.trim()]] : [["", fields.a.value.trim()]];
  try {
    const plans = await Promise.all(targets.map(([, to]) => post("v1/calls?plan=true", asked(to))));
    fill(answer, plans.map((each, place) => planned(each, targets[place][0])));
    speak(plans.map((each) => (each.allowed ? "It would be called" : `It would not be called: ${each.why_not}`)).join(". "));
  } catch (error) {
    refuse(error);
  }
}

function planned({ would = {}, targets = [would], allowed, why_not: why }, side) {
  return el("section.plan", {},
    el(`p.verdict.${allowed ? "good" : "bad"}`, {}, el("strong", {}, `${side ? `${side}: ` : ""}${allowed ? "Would be called" : "Would not be called"}`), why ? `: ${why}` : ""),
    targets.map(facts)); // prettier-ignore
}

const pairs = (object, between) => Object.entries(object ?? {}).map(([name, value]) => `${name}${between}${[value].flat().join(" ")}`);

function facts(would) {
  const rows = [["Request", would.request_uri ? `INVITE ${would.request_uri}` : ""], ["Account", would.account], ["From", would.from], ["Headers", pairs(would.headers, ": ").join("\n")],
    ["Time limit", would.timeout ? span(would.timeout) : ""], ["Retries", pairs(would.retry, " ").join(", ")]]; // prettier-ignore
  return el("dl.facts", {}, rows.filter(([, value]) => value).map(([name, value]) => [el("dt", {}, name), el("dd.pre", {}, String(value))]));
}
