// The recordings: a list, and for each that is asked for a player with its waveform.

import { advice, get, send, token, url } from "./api.js";
import { button, el, fill } from "./dom.js";
import { fault, trouble } from "./notes.js";
import { view } from "./router.js";
import { clock, exact, watch } from "./time.js";
import { Waveform } from "./waveform.js";

const POINTS = 400;
let items = [];
let cursor = null;
let rows;

export function mount() {
  view("recordings", { show });
}

async function show() {
  rows = el("div");
  items = [];
  cursor = null;
  fill(document.getElementById("view-recordings"),
    el("section.panel", {}, el("header.head", {}, el("h1", { tabindex: "-1" }, "Recordings"), button("Read again", show, "quiet")), rows)); // prettier-ignore
  fill(rows, el("p.fine", {}, "Reading…"));
  await more();
}

async function more() {
  try {
    const page = await get(`v1/recordings?limit=50${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    items.push(...page.items);
    cursor = page.next;
    draw();
  } catch (error) {
    fill(rows, trouble(advice(error), show));
  }
}

function draw() {
  if (!items.length) return void fill(rows, el("p.empty", {}, "No recording yet. A call or a bridge with “record” makes one, in the folder that recordings names in robot.toml."));
  fill(rows, el("ul.plain.recordings", {}, items.map(entry)), cursor ? button("Older recordings", more) : null);
}

const size = (bytes) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

function entry(recording) {
  const { id, name, call, bridge, seconds, bytes, format, channels, created, complete } = recording;
  const place = el("div");
  const title = name || id;
  const listen = button("Listen", () => {
    fill(place, player(recording));
    listen.remove();
    place.querySelector("audio").focus();
  }, "", { "aria-label": `Listen to ${title}` }); // prettier-ignore
  const length = seconds === undefined || seconds === null ? "" : watch(seconds);
  const facts = [length, { 1: "mono", 2: "stereo" }[channels], format?.replace("audio/", ""), size(bytes ?? 0)].filter(Boolean).join(" · ");
  return el("li.recording", {},
    el("div.row", {}, el("div.grow", {}, el("h2", {}, title), el("p.fine", {}, el("time", { datetime: created, title: exact(created) }, clock(created)), ` · ${facts}`,
      call ? [" · ", el("a", { href: `#calls/${encodeURIComponent(call)}` }, "its call")] : bridge ? ` · bridge ${bridge}` : "")),
      complete === false ? el("span.tag.warn", {}, "still recording") : listen), place); // prettier-ignore
}

// A player for one recording. Without a token the browser reads what it needs of the file; with one, all of it at once.
export function player({ id, name }) {
  const path = `v1/recordings/${encodeURIComponent(id)}`;
  const audio = el("audio", { controls: true, preload: "metadata", "aria-label": `Recording ${name ?? id}` });
  const canvas = el("canvas.wave", { "aria-hidden": "true" });
  const wave = new Waveform(canvas, audio);
  const about = el("span.fine");
  const box = el("div.player", {}, canvas, audio, el("div.row", {}, button("Save the file", () => save(path, name ?? id), "quiet"), about));
  get(`${path}?waveform=${POINTS}`).then(
    ({ peaks, channels, seconds }) => {
      wave.show(peaks);
      const lanes = (channels ?? peaks[0]?.length) === 2 ? "left (A) above, right (B) below" : "mono";
      about.textContent = [seconds ? watch(seconds) : "", lanes].filter(Boolean).join(", ");
    },
    () => canvas.remove(), // sound without a picture is better than none
  );
  if (token.get()) whole(path, audio, box);
  else audio.src = url(path).href;
  audio.addEventListener("error", () => audio.src && box.append(trouble({ title: "This recording cannot be played", text: "The file may be gone, or of a form this browser does not know." })), { once: true });
  return box;
}

async function whole(path, audio, box) {
  try {
    audio.src = URL.createObjectURL(await (await send("GET", path, { accept: "audio/*" })).blob());
    new MutationObserver((_, observer) => {
      if (audio.isConnected) return;
      URL.revokeObjectURL(audio.src);
      observer.disconnect();
    }).observe(document.body, { childList: true, subtree: true });
  } catch (error) {
    box.append(trouble(advice(error)));
  }
}

async function save(path, name) {
  try {
    const blob = await (await send("GET", path, { accept: "audio/*" })).blob();
    const link = el("a", { href: URL.createObjectURL(blob), download: name.split("/").pop() });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  } catch (error) {
    fault(error);
  }
}
