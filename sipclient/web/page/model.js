// What the page knows: one copy of it, and who wants to hear of which part.

const MOST_EVENTS = 2000;

export const model = {
  status: null,
  accounts: [],
  extensions: new Map(), // "account/extension" -> extension
  rules: [],
  calls: new Map(), // id -> call, the newest first
  bridges: new Map(),
  callbacks: [],
  events: [], // the oldest first
  connection: { name: "connecting" },
  loaded: new Set(), // what was fetched once
  problems: new Map(), // what could not be, and why
};

const listeners = new Map();

// Parts: status accounts extensions extension rules calls callbacks event connection
export function hear(part, listener) {
  for (const each of part.split(" ")) {
    if (!listeners.has(each)) listeners.set(each, []);
    listeners.get(each).push(listener);
  }
}

export function changed(part, what) {
  for (const listener of listeners.get(part) ?? []) listener(what);
}

export const keyOf = (extension) => `${extension.account}/${extension.extension}`;

export function remember(event) {
  model.events.push(event);
  if (model.events.length > MOST_EVENTS) model.events.splice(0, model.events.length - MOST_EVENTS);
  changed("event", event);
}

export const isLive = (call) => call.state !== "ended" && call.state !== "failed"; // or bridge

export const peer = (call) => (call.direction === "in" ? call.from : call.to); // who is at the other end
