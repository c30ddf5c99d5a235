// Traces: drop, choose or paste one; what it shows, what is wrong in it, and how sure that is.

import { advice, post } from "./api.js";
import { button, el, fill, icon } from "./dom.js";
import { draw as drawLadder } from "./ladder.js";
import { speak, trouble } from "./notes.js";
import { view } from "./router.js";

const LARGEST = 16 * 1024 * 1024; // bytes that this page sends: a third more of them is what the server takes
const LONGEST = 60000; // milliseconds: it may wait for its turn, and then take half a minute
let answer;

export function mount() {
  view("traces", { show });
  // A file that misses the zone must not replace the page.
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => event.preventDefault());
}

function show() {
  if (answer) return; // what was read stays until something else is
  const file = el("input.unseen", { type: "file", id: "trace-file", tabIndex: -1 });
  file.addEventListener("change", () => file.files[0] && readFile(file.files[0]));
  const choose = button("Choose a file…", () => file.click(), "main");
  const zone = el("div.drop", {}, icon("i-upload"), el("p", {}, el("strong", {}, "Drop a trace here"), el("br"), "pcap, a PBX's log, sngrep, Homer, HEP, a paste from a forum: damaged ones too"),
    el("label.unseen", { for: "trace-file" }, "Trace file"), file, choose); // prettier-ignore
  for (const name of ["dragenter", "dragover"]) zone.addEventListener(name, (event) => (event.preventDefault(), zone.classList.add("over")));
  for (const name of ["dragleave", "drop"]) zone.addEventListener(name, () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    const dropped = event.dataTransfer.files[0];
    if (dropped) readFile(dropped);
    else if (event.dataTransfer.getData("text")) explain({ name: "dropped text", text: event.dataTransfer.getData("text") });
  });
  const text = el("textarea", { id: "trace-text", rows: 6, spellcheck: "false", placeholder: "INVITE sip:7000@pbx.example.com SIP/2.0 …" });
  const submit = (event) => {
    event.preventDefault();
    if (text.value.trim()) explain({ name: "paste", text: text.value });
    else text.focus();
  };
  answer = el("div.trace", {});
  fill(document.getElementById("view-traces"),
    el("section.panel", {}, el("header.head", {}, el("h1", { tabindex: "-1" }, "Traces")),
      el("p.fine", {}, "It is read on the robot's machine and kept nowhere."),
      el("div.columns", {}, zone, el("form.stack", { onsubmit: submit }, el("div.field", {}, el("label", { for: "trace-text" }, "Or paste it"), text), el("div.row", {}, el("button.main", { type: "submit" }, "Explain it"))))),
    answer); // prettier-ignore
}

async function readFile(file) {
  if (file.size > LARGEST) return void fill(answer, trouble({ title: "This trace is too large for the page", text: `${file.name} has ${Math.round(file.size / 1e6)} MB; sipclient explain reads it on the command line.` }));
  const bytes = new Uint8Array(await file.arrayBuffer());
  const text = asText(bytes);
  explain(text === null ? { name: file.name, base64: base64(bytes) } : { name: file.name, text });
}

function asText(bytes) {
  if (bytes.subarray(0, 4096).includes(0)) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

function base64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

async function explain(trace) {
  fill(answer, el("section.panel", {}, el("p.fine", {}, `Reading ${trace.name}…`)));
  try {
    const told = await post("v1/traces", trace, { patience: LONGEST });
    const count = told.findings?.length ?? 0;
    fill(answer, report(trace.name, told));
    answer.querySelector("h2").focus();
    speak(`${told.messages} messages, ${count} findings`);
  } catch (error) {
    fill(answer, el("section.panel", {}, trouble(advice(error))));
  }
}

function report(name, told) {
  const found = told.findings ?? [];
  const repairs = told.repairs ?? [];
  const repaired = told.repaired ? `, ${told.repaired} mended` : "";
  return [
    el("section.panel", {}, el("h2", { tabindex: "-1" }, name), el("p.fine", {}, `${told.format}, ${told.messages} messages${repaired}`),
      (told.notes ?? []).map((each) => el("p.fine", {}, each)),
      repairs.length ? el("details", {}, el("summary", {}, `What was mended (${repairs.length})`), el("ul.plain", {}, repairs.map((each) => el("li", {}, `message ${each.message}: ${each.text ?? [each.repairs].flat().join("; ")}`)))) : null,
      el("h3", {}, found.length ? "What is wrong" : "Nothing is wrong in what this trace shows"), el("ol.plain.findings", {}, found.map(finding)),
      told.unseen?.length ? [el("h3", {}, "What it cannot show"), el("ul", {}, told.unseen.map((each) => el("li", {}, each)))] : null),
    el("section.panel", {}, el("h2", {}, "Ladder"), drawLadder(told.ladder, `Messages of ${name}`)),
  ]; // prettier-ignore
}

const SURE = { high: "sure", medium: "likely", low: "possible" };

function finding(f) {
  const where = f.message ? `message ${f.message}${f.line ? `, line ${f.line}` : ""}` : "";
  const rows = [["Why", f.evidence], ["Fix", f.fix], ["Not so if", f.disproved_by]];
  return el(`li.finding.${f.confidence}`, {},
    el("h4", {}, f.title, " ", el(`span.tag${{ high: ".bad", medium: ".warn" }[f.confidence] ?? ""}`, {}, SURE[f.confidence] ?? f.confidence)),
    el("p.fine", {}, el("code", {}, f.id), where ? ` · ${where}` : "", ` · ${f.confidence} confidence`),
    f.quote ? el("pre.quote", { tabindex: "0" }, f.quote) : null,
    el("dl.facts", {}, rows.filter(([, value]) => value).map(([term, value]) => [el("dt", {}, term), el("dd", {}, value)]))); // prettier-ignore
}
