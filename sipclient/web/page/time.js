// Times as people read them, and the ones that tick.

let skew = 0; // milliseconds this browser's clock is behind the server's
const ticking = new Map(); // element -> () => text

export function now() {
  return Date.now() + skew;
}

// The server's Date header has whole seconds; less than two of difference is nothing.
export function noteServerTime(header) {
  const at = Date.parse(header ?? "");
  if (Number.isNaN(at)) return;
  const off = at + 500 - Date.now();
  skew = Math.abs(off) < 2000 ? 0 : off;
}

export function clock(iso) {
  const at = new Date(iso);
  if (!iso || Number.isNaN(at.getTime())) return "";
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const today = new Date(now());
  if (at.toDateString() === today.toDateString()) return time;
  return `${at.toLocaleDateString([], { day: "2-digit", month: "short" })} ${time}`;
}

export function exact(iso) {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? "" : at.toLocaleString();
}

// 45 s · 4 min · 1 h 05 · 3 d
export function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")}`;
  return `${Math.floor(s / 86400)} d`;
}

// 0:45 · 4:05 · 1:04:05
export function watch(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const tail = String(s % 60).padStart(2, "0");
  if (s < 3600) return `${Math.floor(s / 60)}:${tail}`;
  return `${Math.floor(s / 3600)}:${String(Math.floor((s % 3600) / 60)).padStart(2, "0")}:${tail}`;
}

export function since(iso) {
  const at = Date.parse(iso ?? "");
  return Number.isNaN(at) ? 0 : (now() - at) / 1000;
}

// Keep an element's text up to date, once a second, for as long as it is on the page.
export function tick(node, text) {
  ticking.set(node, text);
  write(node, text);
  return node;
}

function write(node, text) {
  const wanted = text();
  if (node.textContent !== wanted) node.textContent = wanted;
}

function all() {
  if (document.hidden) return;
  for (const [node, text] of ticking) {
    if (node.isConnected) write(node, text);
    else ticking.delete(node);
  }
}

setInterval(all, 1000);
document.addEventListener("visibilitychange", all);
