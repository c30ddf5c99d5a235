// What can be done to a call that is up: hang up, hold, transfer, digits, play.

import { post, remove } from "./api.js";
import { button, el } from "./dom.js";
import { ask } from "./dialog.js";
import { peer } from "./model.js";
import { fault, note } from "./notes.js";
import { playDialog } from "./play.js";
import { fresh } from "./sync.js";

const TRANSFER = 45000; // milliseconds: it is answered when the far end has called

const path = (call, what = "") => `v1/calls/${encodeURIComponent(call.id)}${what}`;

async function doing(work, done) {
  try {
    await work();
    if (done) note(done, "", "good");
  } catch (error) {
    fault(error);
  }
  fresh.calls();
}

export const hangUp = (call) => doing(() => remove(path(call)), `Hung up ${peer(call)}`);
export const endBridge = (bridge) => doing(() => remove(`v1/bridges/${encodeURIComponent(bridge.id)}`), "Both legs are hung up");

async function transfer(call) {
  const to = await ask("Transfer", "To", { hint: "A number or a SIP address; [dial] allow must name it.", verb: "Transfer" });
  if (to) doing(() => post(path(call, "/transfer"), { to }, { patience: TRANSFER }), `${peer(call)} is transferred to ${to}`);
}

async function digits(call) {
  const given = await ask("Send digits", "Digits", { hint: "0–9, *, #, A–D, and a comma to wait half a second", pattern: "[0-9*#A-Da-d,]+", verb: "Send", inputmode: "tel" });
  if (given) doing(() => post(path(call, "/dtmf"), { digits: given.toUpperCase() }, { patience: TRANSFER }), `Sent ${given} to ${peer(call)}`);
}

const play = (call) => playDialog(`Play to ${peer(call)}`, [{ name: "", call }]);

const hold = (call) => doing(() => post(path(call, "/hold"), { hold: !call.held }));

// The buttons that make sense now. What stands on them names the call for those who cannot see where they are.
export function callActions(call) {
  const named = (what) => ({ "aria-label": `${what} ${peer(call)}` });
  const up = call.state === "answered";
  return el("div.row.actions", {},
    up ? button(call.held ? "Resume" : "Hold", () => hold(call), "quiet", { ...named(call.held ? "Resume" : "Hold"), "aria-pressed": String(Boolean(call.held)) }) : null,
    up ? button("Transfer", () => transfer(call), "quiet", named("Transfer")) : null,
    up ? button("Play…", () => play(call), "quiet", named("Play to")) : null,
    up ? button("Digits", () => digits(call), "quiet", named("Send digits to")) : null,
    button(up ? "Hang up" : "Cancel", () => hangUp(call), "stop", named(up ? "Hang up" : "Cancel the call to"))); // prettier-ignore
}
