// What states, conditions and events mean, in the words of people.

import { span } from "./time.js";

export const STATES = {
  ready: "Ready",
  ringing: "Ringing",
  "on-the-phone": "On the phone",
  "on-hold": "On hold",
  offline: "Offline",
  unknown: "Unknown",
};

export const BUSY = new Set(["ringing", "on-the-phone", "on-hold"]);

export const stateName = (state) => STATES[state] ?? String(state);

// Why a rule did not act: its condition, said; and what to do if that was not wanted.
const CONDITIONS = {
  watched: ["Nobody watches it", "Only extensions named under [[watch]] are seen."],
  extensions: ["The rule is not about it", "See “extensions” in the rule’s “when”."],
  edge: ["The change was not its own", "This rule waits for another change of state: see its “when”."],
  missed: ["The change passed unseen", "The state was unknown in between. With missed = \"act\" in [[watch]] it would act even so."],
  once: ["It has acted on this already", "A rule acts once an episode: one busy time of an extension is one call."],
  settle: ["It has not settled", "The new state must last for the settle time; see “settle”."],
  armed: ["Nobody camps on it", "This rule acts on request only: somebody must ask for a callback first."],
  hours: ["Outside its hours", "See “hours” in the rule; mind the time zone."],
  limit: ["Its limit is used up", "It has acted as often as “limit” lets it; the next moment is shown."],
  template: ["Its template gives nothing to send", "A name in the call's template is empty or holds what may not be sent."],
  allow: ["The number is not allowed", "[dial] allow must name the target, or nothing is dialled."],
  "dry-run": ["Dry run", "It would have called: with dry_run = false it does."],
  retry: ["No further attempt", "The retries are used up, or what the call would say is no longer true."],
  request: ["The request cannot be met", "No rule armed on request covers this extension, or too many wait."],
};

export function condition(name) {
  const [title, hint] = CONDITIONS[name] ?? [name || "It did not act", ""];
  return { title, hint };
}

const HOLDS = {
  extensions: "the rule is about it",
  edge: "the change is its own",
  missed: "it was seen as it happened",
  once: "it has not acted on this yet",
  settle: "it has settled",
  armed: "it is armed",
  hours: "it is within its hours",
  limit: "it is below its limit",
  template: "there is something to send",
  allow: "the number is allowed",
  "dry-run": "this is no dry run",
};

export const holds = (name) => HOLDS[name] ?? "holds";

export const CALL_STATES = {
  waiting: "Waiting",
  calling: "Calling",
  ringing: "Ringing",
  early: "Early sound",
  answered: "Answered",
  ended: "Ended",
};

export const BRIDGE_STATES = {
  "dialling-a": "Calling A",
  "dialling-b": "A answered, calling B",
  announcing: "Not reached, and the other one hears so",
  bridged: "Talking",
  ended: "Ended",
  failed: "Failed",
};

export function ending(call) {
  if (call.state !== "ended") return "";
  const code = [call.status || "", call.cause || ""].join(" ").trim();
  return code || call.reason || "ended";
}

const counted = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;
const and = (text) => (text ? `: ${text}` : "");
const job = (event) => event.to ?? event.job ?? event.id ?? event.call ?? "";
const next = (event) => (event.retry_in > 0 ? `; next try in ${span(event.retry_in)}` : event.retry_in < 0 ? "; not tried again" : "");

const TOLD = {
  started: (e) => `Started: ${counted(e.accounts, "account")}, ${counted(e.extensions, "watched extension")}, ${counted(e.rules, "rule")}`,
  stopping: (e) => `Stopping${and(e.reason)}`,
  stopped: () => "Stopped",
  listening: (e) => `Listening for browsers at wss://${e.host}:${e.port}`,
  reloaded: (e) => `robot.toml was read again: ${counted(e.rules, "rule")}`,
  "not-reloaded": (e) => `robot.toml was not taken, the old one stays in force${and(e.reason)}`,
  notice: (e) => e.text,
  gap: (e) => (e.lost ? `${counted(e.lost, "event")} before this are no longer remembered` : "The robot was started anew: what it told before is gone"),
  "account-registered": (e) => `${e.account} registered${e.again ? " again" : ""} for ${e.expires} s`,
  "account-not-registered": (e) => `${e.account} is not registered${and([e.status || "", e.reason].join(" ").trim())}${next(e)}`,
  "state-changed": (e) => `${e.extension}: ${stateName(e.before)} → ${stateName(e.after)}${episode(e)}${e.gap ? ", partly unseen" : ""}`,
  "watch-refused": (e) => `${e.extension}: no ${e.package} subscription${and([e.status || "", e.reason].join(" ").trim())}${next(e)}`,
  "voice-mail": (e) => `${e.account}: ${e.new} new and ${e.old} old voice messages`,
  "rule-fired": (e) => `Rule ${e.rule} acts${and(e.because)}`,
  "rule-suppressed": (e) => `Rule ${e.rule || "—"} does not act on ${e.extension}: ${condition(e.condition).title.toLowerCase()}${e.detail ? ` (${e.detail})` : ""}`,
  "rule-waits": (e) => `Rule ${e.rule} waits ${span(e.seconds)} for ${e.extension} (${e.condition})`,
  "call-placed": (e) => `Calling ${e.to}${e.caller_id ? ` as ${e.caller_id}` : ""}${e.attempt > 1 ? `, attempt ${e.attempt}` : ""}`,
  "call-ringing": (e) => `${e.status} ${e.reason} · ${job(e)}`,
  "call-redirected": (e) => `${e.status} to ${(e.contacts ?? []).join(" ") || "nowhere"}: ${e.followed ? `following ${e.followed}` : "not allowed, not followed"}`,
  "call-answered": (e) => `Answered · ${job(e)}`,
  "call-over": (e) => `${e.answered ? "Call ended" : "Not answered"}: ${[e.status || "", e.cause].join(" ").trim()}${e.by ? `, by ${e.by}` : ""} · ${job(e)}`,
  "call-not-placed": (e) => `Not called${and(e.reason)} · ${job(e)}`,
  "job-abandoned": (e) => `A call of an earlier run is not carried on${and(e.reason)}`,
  "call-received": (e) => `Call from ${e.caller || "nobody known"} for ${e.to}: ${e.entry ? `entry ${e.entry} of [[incoming]]` : "no entry takes it"}`,
  "incoming-step": (e) => `${e.step.replaceAll("-", " ")}${and(e.what)} · ${e.job}`,
  "callback-waits": (e) => `${e.caller || "Somebody"} ${e.renewed ? "still " : ""}camps on ${e.extension} for ${span(e.expires)}`,
  "callback-served": (e) => `${e.caller || "Whoever camped"} on ${e.extension} is served`,
  "callback-over": (e) => `${e.caller || "Somebody"} camps on ${e.extension} no longer${and(e.reason)}`,
  "callback-refused": (e) => `${e.caller || "Somebody"} cannot camp on ${e.extension}${and(e.reason)}`,
  "recording-began": (e) => `Recording ${e.recording}`,
  "recording-complete": (e) => `Recorded ${e.recording}: ${span(e.seconds)}${e.lost ? `, ${e.lost} s lost to a slow disk` : ""}`,
  "recording-failed": (e) => `Recording ${e.recording} broke off${and(e.reason)}`,
  serving: (e) => `Serving this page at http://${e.host}:${e.port}/`,
  "hook-started": (e) => `Running ${e.hook}`,
  "hook-ended": (e) => (e.error ? `${e.hook} failed: ${e.error}` : `${e.hook} is done`),
};

function episode(event) {
  if (!event.episode) return "";
  return ` (${event.opened ? "opens" : event.closed ? "closes" : "within"} episode ${event.episode})`;
}

const PLAIN = new Set(["at", "event", "seq", "trace"]);

// Any event as one line; what this page does not know yet is shown as it came.
export function sentence(event) {
  const known = TOLD[event.event];
  if (known) return known(event);
  const rest = Object.entries(event).filter(([name, value]) => !PLAIN.has(name) && value !== "" && value !== null);
  const fields = rest.map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`);
  return `${event.event.replaceAll("-", " ")}: ${fields.join(", ")}`;
}

// The kinds a log is filtered by.
export function kindOf(event) {
  const name = event.event;
  if (name === "state-changed" || name.startsWith("watch-")) return "states";
  if (name.startsWith("rule-") || name.startsWith("callback-")) return "rules";
  if (/^(call|bridge|job|hook|recording|incoming)-/.test(name)) return "calls";
  return "robot";
}

export function isTrouble(event) {
  if (/refused|not-|abandoned|^gap$|failed/.test(event.event)) return true;
  if (event.event === "notice") return event.level === "warning" || event.level === "error";
  return event.event === "hook-ended" && Boolean(event.error);
}
