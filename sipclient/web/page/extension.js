// One extension, asked "why did it not call?": what was seen, what each rule made of it, what it would do now.

import { advice, fresh as newKey, get, post, remove } from "./api.js";
import { button, el, fill, icon } from "./dom.js";
import { open } from "./dialog.js";
import { keyOf, model } from "./model.js";
import { fault, note } from "./notes.js";
import { decided } from "./rules.js";
import { check, simulateDialog, sentenceOf } from "./simulate.js";
import { fresh } from "./sync.js";
import { clock, since, span } from "./time.js";
import { isTrouble, sentence, stateName } from "./words.js";

const MOST = 40; // events shown

export function show(extension) {
  if (!extension) return;
  open(`Extension ${extension.extension}`, (close) => [facts(extension), verdicts(extension, close), model.loaded.has("callbacks") ? waiting(extension, close) : null, history(extension)], { wide: true });
}

function facts(e) {
  const subs = (e.subscriptions ?? []).map((each) => [each.package, each.state, each.reason].filter(Boolean).join(" "));
  const changes = e.flaps ? `${e.flaps} in the last ten minutes` : "none in the last ten minutes";
  const rows = [
    ["State", el(`span.state.${e.state}`, {}, icon(`state-${e.state}`), stateName(e.state))],
    ["Since", e.since ? `${clock(e.since)}, ${span(since(e.since))} ago` : "—"],
    ["The PBX's note", e.note || "—"],
    ["Account", e.account],
    ["Episode", e.episode ? `${e.episode}, ${e.open ? "open" : "closed"}` : "none yet"],
    ["Changes", changes],
    ["Subscriptions", subs.join(", ") || "—"],
  ];
  return el("dl.facts", {}, rows.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

function verdicts(e, close) {
  const place = el("ul.plain.verdicts", {}, el("li.fine", {}, "Asking the rules…"));
  ask(e, place, close);
  return el("section", {}, el("h3", {}, "What the rules make of it"), place);
}

// Every rule is asked; those whose extensions leave this one out say so themselves.
async function ask(e, place, close) {
  const rules = model.rules.filter((rule) => !rule.account || rule.account === e.account);
  if (!rules.length) return void fill(place, el("li.fine", {}, "There are no rules: nothing calls by itself."));
  const rows = await Promise.all(rules.map((rule) => one(rule, e, close)));
  fill(place, rows);
}

async function one(rule, e, close) {
  const more = button("Simulate…", () => (close(), simulateDialog(rule, e.extension)), "quiet", { "aria-label": `Simulate ${rule.name}` });
  const about = `extension=${encodeURIComponent(e.extension)}&account=${encodeURIComponent(e.account)}`;
  const asked = await Promise.allSettled([
    get(`v1/rules/${encodeURIComponent(rule.name)}?${about}`),
    check(rule, { extension: e.extension, account: e.account, from: "on-the-phone", to: "ready" }),
  ]);
  const [judged, would] = asked.map((each) => each.value ?? null);
  const sign = would ? (would.fires ? icon("i-good", "would act") : icon("i-bad", "would not act")) : icon("i-skip", "not simulated");
  return el(`li.${would?.fires ? "fires" : "silent"}`, {}, sign,
    el("div", {}, el("strong", {}, rule.name),
      judged?.last_decision ? decided(judged.last_decision) : el("p.fine", {}, "It has not judged a change of this extension yet."),
      el("p.fine", {}, would ? `If it became free now: ${sentenceOf(would)}` : advice(asked[1].reason).text || advice(asked[1].reason).title)), more); // prettier-ignore
}

function waiting(e, close) {
  const here = model.callbacks.filter((each) => each.extension === e.extension && ["waiting", "calling"].includes(each.state));
  const camp = async () => {
    try {
      await post("v1/callbacks", { extension: e.extension, account: e.account }, { key: newKey() });
      note("A callback waits", `The rules armed on request act when ${e.extension} is free.`, "good");
      fresh.callbacks();
      fresh.extensions();
      close();
    } catch (error) {
      fault(error);
    }
  };
  const cancel = (each) => async () => {
    try {
      await remove(`v1/callbacks/${encodeURIComponent(each.id)}`);
      fresh.callbacks();
      fresh.extensions();
      close();
    } catch (error) {
      fault(error);
    }
  };
  const rows = here.map((each) =>
    el("li", {}, el("span.grow", {}, `${each.position ? `${each.position}. ` : ""}${each.caller || each.id}, since ${clock(each.created)}, until ${clock(each.expires)}`),
      button("Cancel", cancel(each), "quiet", { "aria-label": `Cancel the callback of ${each.caller || each.id}` }))); // prettier-ignore
  return el("section", {}, el("h3", {}, "Callbacks"),
    rows.length ? el("ul.plain.rows", {}, rows) : el("p.fine", {}, "Nobody waits for it."),
    button("Wait for it", camp)); // prettier-ignore
}

function history(e) {
  const about = model.events.filter((event) => event.extension === e.extension && (!event.account || keyOf(event) === keyOf(e)));
  const rows = about.slice(-MOST).reverse();
  const lines = rows.map((event) => el(`li${isTrouble(event) ? ".bad" : ""}`, {}, el("time", { datetime: event.at }, clock(event.at)), el("span", {}, sentence(event))));
  return el("section", {}, el("h3", {}, "What happened"),
    lines.length ? el("ol.plain.story", {}, lines) : el("p.fine", {}, "Nothing that this page remembers.")); // prettier-ignore
}
