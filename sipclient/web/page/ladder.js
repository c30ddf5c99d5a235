// A ladder: hosts as columns, messages as arrows between them, time down the side.

import { button, el, svg } from "./dom.js";
import { note } from "./notes.js";

const STEP = 34; // height of a message
const DETAIL = 14; // and of what it carries, below its arrow
const TOP = 46;
const TIME = 62; // width of the times
const [NARROWEST, WIDEST] = [136, 330]; // between two hosts

export function draw(ladder, title) {
  const hosts = (ladder?.hosts ?? []).map(hostOf);
  const messages = (ladder?.messages ?? []).map((message) => placed(message, hosts)).filter(Boolean);
  if (!messages.length) return el("p.empty", {}, "No message is known of it.");
  const text = asText(hosts, messages);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      note("Copied", "The ladder is in the clipboard, as text.", "good");
    } catch {
      note("Not copied", "The browser allows it over https and on localhost only.", "bad");
    }
  };
  const plain = el("pre.ladder-text", { hidden: true, tabindex: "0" }, text);
  const picture = el("div.scroll", { tabindex: "0", role: "region", "aria-label": title }, drawing(hosts, messages, title));
  const toggle = button("As text", () => {
    plain.hidden = !plain.hidden;
    picture.hidden = !plain.hidden;
    toggle.textContent = plain.hidden ? "As text" : "As a picture";
  }, "quiet"); // prettier-ignore
  const lost = ladder.lost ? el("span.fine", {}, `${ladder.lost} earlier messages are no longer kept`) : null;
  return el("figure.ladder", {}, picture, plain, el("figcaption.row", {}, toggle, button("Copy as text", copy, "quiet"), lost));
}

const hostOf = (host) => (typeof host === "string" ? { name: host, subtitle: "" } : { name: host.name ?? host.host ?? "", subtitle: host.subtitle ?? "" });

function placed(message, hosts) {
  const at = (end) => (typeof end === "number" ? end : hosts.findIndex((host) => host.name === end));
  const [from, to] = [at(message.from), at(message.to)];
  return from < 0 || to < 0 ? null : { ...message, from, to, summary: message.summary ?? "" };
}

function toneOf({ summary, tone }) {
  if (tone) return tone;
  const status = /^(\d)\d\d /.exec(summary)?.[1];
  if (!status) return summary.startsWith("RTP") ? "sound" : "request";
  return { 1: "provisional", 2: "success", 3: "redirect" }[status] ?? "failure";
}

// Seconds from the first message; nothing where the trace has no times.
function timeOf(message, first) {
  if (typeof message.seconds === "number") return `+${message.seconds.toFixed(3)}`;
  if (message.at === null || message.at === undefined) return "";
  if (typeof message.at === "number") return `+${(message.at - (first?.at ?? 0)).toFixed(3)}`;
  return `+${((Date.parse(message.at) - Date.parse(first.at)) / 1000).toFixed(3)}`;
}

function drawing(hosts, messages, title) {
  const space = (document.querySelector("main").clientWidth - TIME - 40) / hosts.length;
  const room = Math.min(WIDEST, Math.max(NARROWEST, Math.floor(space)));
  const x = (place) => TIME + room / 2 + place * room;
  const width = TIME + hosts.length * room;
  const height = TOP + messages.reduce((sum, each) => sum + STEP + (each.detail ? DETAIL : 0), 16);
  const lines = hosts.map((host, place) => svg("g", {},
    svg("line.life", { x1: x(place), x2: x(place), y1: TOP - 8, y2: height - 6 }),
    svg("text.host", { x: x(place), y: 16, "text-anchor": "middle" }, short(host.name, Math.floor(room / 7.6))),
    host.subtitle ? svg("text.make", { x: x(place), y: 31, "text-anchor": "middle" }, short(host.subtitle, Math.floor(room / 6.2))) : null)); // prettier-ignore
  let y = TOP + 22;
  const arrows = messages.map((message) => {
    const drawn = arrow(message, y, x, timeOf(message, messages[0]));
    y += STEP + (message.detail ? DETAIL : 0);
    return drawn;
  });
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `${title}. ${messages.length} messages; “As text” lists them.` }, lines, arrows);
}

function arrow(message, y, x, time) {
  const [a, b] = [x(message.from), x(message.to)];
  const self = a === b;
  const way = b > a ? 1 : -1;
  const tip = self ? a + 4 : b - way * 2;
  const line = self ? `M${a} ${y - 8}h40v12H${tip + 4}` : `M${a} ${y}H${tip - way * 6}`;
  const head = self ? `M${tip} ${y + 4}l8-4v8z` : `M${tip} ${y}l${-way * 9}-4.5v9z`;
  const middle = self ? a + 48 : (a + b) / 2;
  const most = Math.max(18, Math.floor(Math.abs(b - a || 220) / 7));
  return svg(`g.arrow.${toneOf(message)}`, {}, svg("title", {}, message.detail ? `${message.summary}\n${message.detail}` : message.summary),
    svg("text.at", { x: TIME - 10, y: y + 4, "text-anchor": "end" }, time),
    svg("path.shaft", { d: line }), svg("path.head", { d: head }),
    svg("text.label", { x: middle, y: y - 6, "text-anchor": self ? "start" : "middle" }, short(message.summary, most)),
    message.detail ? svg("text.carries", { x: middle, y: y + 14, "text-anchor": self ? "start" : "middle" }, short(message.detail, most)) : null); // prettier-ignore
}

const short = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

function asText(hosts, messages) {
  const names = hosts.map(({ name, subtitle }, place) => `${place + 1} ${name}${subtitle ? ` (${subtitle})` : ""}`);
  const lines = messages.map((message) => `${timeOf(message, messages[0]).padStart(9)}  ${message.from + 1} → ${message.to + 1}  ${message.summary}${message.detail ? `  (${message.detail})` : ""}`);
  return [...names, "", ...lines].join("\n");
}
