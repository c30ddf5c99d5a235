// Keeps the model like the robot: reads everything once, then follows the events.

import { advice, all, get } from "./api.js";
import { changed, keyOf, model, remember } from "./model.js";
import { now } from "./time.js";

const CALLS = 50; // the newest
const RECONCILE = 60000; // milliseconds: flaps run out without an event
const STATUS = 10000;

// A read that is asked for often and done seldom: at once, then at most every `pause` milliseconds.
function calmly(read, pause) {
  let running = false;
  let again = false;
  return async function run() {
    if (running) {
      again = true;
      return;
    }
    running = true;
    again = false;
    await read();
    setTimeout(() => {
      running = false;
      if (again) run();
    }, pause);
  };
}

function reading(part, read) {
  return async () => {
    try {
      await read();
      model.loaded.add(part);
      model.problems.delete(part);
    } catch (error) {
      model.problems.set(part, advice(error));
    }
    changed(part);
  };
}

// One request, at once: whether the robot lets this page in.
export const knock = reading("status", async () => (model.status = await get("v1/status")));

export const fresh = {
  status: calmly(knock, 1000),
  accounts: calmly(reading("accounts", async () => (model.accounts = await all("v1/accounts", 500))), 1000),
  rules: calmly(reading("rules", async () => (model.rules = await all("v1/rules", 1000))), 500),
  callbacks: calmly(reading("callbacks", async () => (model.callbacks = await all("v1/callbacks", 1000))), 1000),
  extensions: calmly(
    reading("extensions", async () => {
      const items = await all("v1/extensions", 20000);
      model.extensions = new Map(items.map((item) => [keyOf(item), item]));
    }),
    2000,
  ),
  calls: calmly(reading("calls", readCalls), 300),
};

// The bridges too: one that waits for its next attempt has no call just now.
async function readCalls() {
  const [calls, bridges] = await Promise.all([get(`v1/calls?limit=${CALLS}`), get(`v1/bridges?limit=${CALLS}`).catch(() => ({ items: [] }))]);
  model.calls = new Map(calls.items.map((call) => [call.id, call]));
  model.bridges = new Map(bridges.items.map((bridge) => [bridge.id, bridge]));
}

export function everything() {
  for (const read of Object.values(fresh)) read();
}

const AFTER = [
  [/^(call|bridge|hook|job)-/, ["calls", "status"]],
  [/^rule-/, ["rules"]],
  [/^callback-|^request-/, ["callbacks", "extensions"]],
  [/^account-/, ["accounts", "status"]],
  [/^watch-/, ["extensions", "accounts", "status"]],
  [/^state-changed$/, ["rules"]],
  [/^(reloaded|started|gap)$/, ["status", "accounts", "extensions", "rules", "callbacks", "calls"]],
];

export function follow(name, event) {
  if (name === "state-changed") stateChanged(event);
  // A gap of unknown size: the page has just come, or the robot was started anew. There is nothing to tell of the first.
  if (name !== "gap" || event.lost || model.events.length) remember({ at: new Date(now()).toISOString(), ...event, event: name });
  for (const [pattern, parts] of AFTER) if (pattern.test(name)) for (const part of parts) fresh[part]();
}

// The board does not wait for a read: the event says it all. An older one than what was read says nothing new.
function stateChanged(event) {
  const known = model.extensions.get(keyOf(event));
  if (!known || Date.parse(event.at) < Date.parse(known.since)) return;
  if (known.state === event.after && Date.parse(event.at) === Date.parse(known.since)) return;
  const open = event.closed ? false : event.opened || known.open;
  Object.assign(known, { state: event.after, since: event.at, note: event.note, episode: event.episode, open });
  if (now() - Date.parse(event.at) < 600000) known.flaps = (known.flaps ?? 0) + 1;
  changed("extension", known);
}

export function keepFresh() {
  setInterval(() => document.hidden || fresh.status(), STATUS);
  setInterval(() => document.hidden || fresh.extensions(), RECONCILE);
}
