// A rule asked what it would do: dialog, question, and the answer in words.

import { advice, post } from "./api.js";
import { button, el, fill, icon } from "./dom.js";
import { open } from "./dialog.js";
import { model } from "./model.js";
import { speak, trouble } from "./notes.js";
import { span } from "./time.js";
import { condition, holds, STATES } from "./words.js";

export const check = (rule, question) => post(`v1/rules/${encodeURIComponent(rule.name)}/simulate`, question);

export const failing = (result) => result.conditions?.find((each) => !each.passed);

// "It would call 7000 as ...", or the first condition that fails, in words.
export function sentenceOf(result) {
  if (result.fires) return `It would ${result.actions.map(actionText).join(", then ")}`;
  const first = failing(result);
  if (!first) return result.because || "It would not act.";
  const { title } = condition(first.name);
  return first.detail ? `${title}: ${first.detail}` : title;
}

function actionText(action) {
  if (action.kind === "call") return `call ${action.to}${action.caller_id ? ` as ${action.caller_id}` : ""}`;
  if (action.kind === "run") return `run ${action.run}`;
  return `wait ${span(action.seconds)}`;
}

const PLAIN_STATES = Object.keys(STATES);

export function simulateDialog(rule, extension = "") {
  open(`Simulate ${rule.name}`, () => {
    const answer = el("div.answer", { role: "status" });
    const numbers = [...model.extensions.values()].slice(0, 2000).map((each) => each.extension);
    const input = el("input", { id: "sim-extension", list: "sim-extensions", value: extension || fitting(rule) || "", autocomplete: "off", required: true });
    const from = choice("sim-from", first(rule.from, "on-the-phone"));
    const to = choice("sim-to", first(rule.to, "ready"));
    const at = el("input", { id: "sim-at", type: "datetime-local", step: "60" });
    const submit = async (event) => {
      event.preventDefault();
      const when = at.value ? { at: new Date(at.value).toISOString() } : {};
      try {
        const result = await check(rule, { extension: input.value.trim(), from: from.value, to: to.value, ...when });
        fill(answer, verdict(result));
        speak(sentenceOf(result));
      } catch (error) {
        fill(answer, trouble(advice(error)));
      }
    };
    const cell = (label, control, hint = "") => el("div.field", {}, el("label", { for: control.id }, label), control, hint ? el("span.hint", {}, hint) : null);
    return [
      el("p.fine", {}, "Nothing is called: every condition is held against a change that might be."),
      el("form.stack", { onsubmit: submit },
        el("div.pair", {}, cell("Extension", input), cell("At", at, "empty: now")),
        el("div.pair", {}, cell("From", from), cell("To", to)),
        el("datalist", { id: "sim-extensions" }, numbers.map((each) => el("option", { value: each }))),
        el("div.row", {}, el("button.main", { type: "submit" }, "Simulate"))),
      answer,
    ];
  }, { wide: true }); // prettier-ignore
}

const first = (states, otherwise) => [states].flat().map(String).join(" ").split(/[\s,|]+/).find((each) => each in STATES) ?? otherwise;

function fitting(rule) {
  const last = rule.last_decision?.extension ?? rule.last_fired?.extension;
  return last ?? model.extensions.values().next().value?.extension;
}

function choice(id, chosen) {
  const it = el("select", { id }, PLAIN_STATES.map((state) => el("option", { value: state }, STATES[state])));
  it.value = chosen;
  return it;
}

export function verdict(result) {
  return [
    el(`p.verdict.${result.fires ? "good" : "bad"}`, {}, icon(result.fires ? "i-good" : "i-bad"), el("strong", {}, result.fires ? "It would act" : "It would not act"), " ", el("span", {}, sentenceOf(result))),
    el("ol.plain.conditions", {}, (result.conditions ?? []).map(conditionRow)),
    (result.actions ?? []).filter((each) => each.kind === "call").map(callFacts),
  ]; // prettier-ignore
}

function conditionRow({ name, passed, detail }) {
  const { title, hint } = condition(name);
  return el(`li.${passed ? "good" : "bad"}`, {}, icon(passed ? "i-good" : "i-bad", passed ? "holds" : "fails"),
    el("div", {}, el("code", {}, name), passed ? el("span.fine", {}, ` ${detail || holds(name)}`) : [el("strong", {}, ` ${title}`), detail ? el("p", {}, detail) : null, hint ? el("p.fine", {}, hint) : null])); // prettier-ignore
}

function callFacts(action) {
  const headers = Object.entries(action.headers ?? {}).map(([name, value]) => `${name}: ${value}`);
  const rows = [["To", action.to], ["Account", action.account], ["Caller ID", action.caller_id], ["Headers", headers.join("\n")], ["Timeout", action.timeout ? `${action.timeout} s` : ""]];
  return [el("h3", {}, "What would be sent"), el("dl.facts", {}, rows.filter(([, value]) => value).map(([name, value]) => [el("dt", {}, name), el("dd.pre", {}, String(value))]))]; // prettier-ignore
}

export const simulateButton = (rule) => button("Simulate…", () => simulateDialog(rule), "quiet", { "aria-label": `Simulate ${rule.name}` });
