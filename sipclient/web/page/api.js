// The HTTP API: one function for each verb, errors as values of one kind, the token of this tab.

import { noteServerTime } from "./time.js";

const KEY = "sipclient-token";
const PATIENCE = 20000; // milliseconds until a request counts as lost

// What went wrong, in words: of the server's problem+json, or of the way to it (status 0).
export class Problem extends Error {
  constructor(status, code, title, detail = "", retryAfter = 0) {
    super(detail || title);
    Object.assign(this, { status, code, title, detail, retryAfter });
  }
}

let refused = null; // the token that was answered 401: it is not sent again, for wrong ones slow the robot down

export const token = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set(value) {
    refused = null;
    if (value) sessionStorage.setItem(KEY, value);
    else sessionStorage.removeItem(KEY);
  },
};

// "needed": a request was answered 401.
export const door = new EventTarget();

export function url(path) {
  return new URL(path, document.baseURI.split("#")[0]);
}

export async function send(method, path, { body, key, signal, accept = "application/json", headers: more = {}, patience = PATIENCE } = {}) {
  if (refused === token.get()) throw new Problem(401, "token", "A token is needed");
  const headers = { Accept: accept, ...more };
  if (token.get()) headers.Authorization = `Bearer ${token.get()}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  const limit = new AbortController();
  const late = setTimeout(() => limit.abort(), patience); // until the answer begins; its body may take longer
  signal?.addEventListener("abort", () => limit.abort());
  let answer;
  try {
    const text = body === undefined ? undefined : JSON.stringify(body);
    answer = await fetch(url(path), { method, headers, body: text, signal: limit.signal, cache: "no-store" });
  } catch {
    throw new Problem(0, "offline", "The robot does not answer", "Is sipclient run still running, and is this computer online?");
  } finally {
    clearTimeout(late);
  }
  noteServerTime(answer.headers.get("Date"));
  if (!answer.ok) throw await problem(answer);
  return answer;
}

async function problem(answer) {
  let told = {};
  try {
    told = await answer.json();
  } catch {
    // a proxy's page, or nothing: the status says it
  }
  if (answer.status === 401) {
    refused = token.get();
    door.dispatchEvent(new CustomEvent("needed", { detail: Boolean(refused) }));
  }
  const wait = Number(answer.headers.get("Retry-After")) || 0;
  const title = told.title || answer.statusText || `status ${answer.status}`;
  return new Problem(answer.status, told.code ?? "", title, told.detail ?? "", wait);
}

async function json(method, path, options) {
  const answer = await send(method, path, options);
  return answer.status === 204 ? null : answer.json().catch(() => null);
}

export const get = (path, options) => json("GET", path, options);
export const post = (path, body = {}, options = {}) => json("POST", path, { ...options, body });
export const remove = (path, options) => json("DELETE", path, options);

// Every item of a list, page by page, up to `most`.
export async function all(path, most = 5000) {
  const items = [];
  let cursor = "";
  do {
    const page = await get(`${path}?limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    items.push(...page.items);
    cursor = page.next;
  } while (cursor && items.length < most);
  return items;
}

// A word nobody guesses, for Idempotency-Key; randomUUID would need https.
export function fresh() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// By the code of the problem: its title is only HTTP's word for the status.
const TITLES = {
  "not-allowed": "This may not be called",
  "invalid-value": "Something in it is not right",
  "bad-request": "Something in it is not right",
  unreadable: "This trace cannot be read",
  "too-large": "This is too large",
  "not-found": "It is not there",
  "not-answered": "That needs a call that is up",
  waiting: "No call is under way just now",
  refused: "It did not work",
  media: "The sound cannot be had",
  busy: "The robot is busy",
  store: "It cannot be written down",
  host: "The robot does not know this address",
  origin: "Another website asked",
  bug: "The robot has a fault",
};

// An error in the user's words, with what to do about it.
export function advice(error) {
  if (!(error instanceof Problem)) return { title: "This page has a fault", text: String(error?.message ?? error) };
  if (error.status === 401) return { title: "A token is needed", text: "Enter one above, or make one with: sipclient token NAME --scope read" };
  if (error.status === 403 && error.code === "scope")
    return { title: "This token may not do that", text: error.detail || "Placing and ending calls needs: sipclient token NAME --scope call" };
  if (error.status === 429) return { title: "Too many requests", text: `The robot asks to wait ${error.retryAfter || 1} s.` };
  return { title: TITLES[error.code] ?? error.title, text: error.detail && error.detail !== error.title ? error.detail : "" };
}
