// Server-sent events by fetch: EventSource cannot carry a token. Resumes by Last-Event-ID, comes back by itself.

import { Problem, send } from "./api.js";

const FIRST = 1000; // milliseconds before the first try again
const LONGEST = 30000;
const SILENCE = 45000; // the server says something each 15 s

// The text of a stream, cut anywhere, into events {id, event, data}.
export class Reader {
  #rest = "";
  #data = [];
  #event = "";
  id = "";

  *feed(text) {
    this.#rest += text;
    // A CR at the end may be half of a CR LF.
    const lines = this.#rest.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (this.#data.length) yield { id: this.id, event: this.#event || "message", data: this.#data.join("\n") };
        this.#data = [];
        this.#event = "";
        continue;
      }
      const colon = line.indexOf(":");
      if (colon === 0) continue; // a comment: the heartbeat
      const name = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (name === "data") this.#data.push(value);
      else if (name === "event") this.#event = value;
      else if (name === "id" && !value.includes("\0")) this.id = value;
    }
  }
}

// Runs until the page goes. `onEvent(event, data)`; `onState({name: "connecting"|"live"|"waiting", until, problem})`.
export class Stream {
  #reader = new Reader();
  #wake = () => {};
  #halt = null;
  #last = "";

  constructor(path, { onEvent, onState, onLive }) {
    Object.assign(this, { path, onEvent, onState, onLive });
    for (const name of ["online", "focus"]) addEventListener(name, () => this.retry());
  }

  async run() {
    for (let wait = FIRST; ; ) {
      this.onState({ name: "connecting" });
      let problem = null;
      const began = Date.now();
      try {
        await this.#once();
      } catch (error) {
        problem = error;
      }
      if (Date.now() - began > LONGEST) wait = FIRST;
      const pause = Math.max(wait * (0.75 + Math.random() / 2), (problem?.retryAfter ?? 0) * 1000);
      // Without a token that is good there is nothing to come back for.
      const shut = problem instanceof Problem && problem.status === 401;
      this.onState({ name: "waiting", until: shut ? Infinity : Date.now() + pause, problem });
      await this.#sleep(shut ? 0 : pause);
      wait = Math.min(wait * 2, LONGEST);
    }
  }

  // Now, rather than when the wait is over.
  retry() {
    this.#wake();
  }

  // Whoever entered another token wants the events it may read.
  restart() {
    this.#halt?.abort();
    this.#wake();
  }

  // 0: until it is woken.
  #sleep(pause) {
    return new Promise((resolve) => {
      const timer = pause ? setTimeout(resolve, pause) : 0;
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #once() {
    this.#halt = new AbortController();
    const path = this.#last ? this.path : `${this.path}?after=0`; // at first: whatever is still remembered
    const headers = this.#last ? { "Last-Event-ID": this.#last } : {};
    const answer = await send("GET", path, { accept: "text/event-stream", signal: this.#halt.signal, headers });
    this.#reader = new Reader();
    const body = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    this.onState({ name: "live" });
    this.onLive?.();
    let quiet = 0;
    const watchdog = () => {
      clearTimeout(quiet);
      quiet = setTimeout(() => body.cancel(), SILENCE);
    };
    try {
      for (watchdog(); ; watchdog()) {
        const { value, done } = await body.read();
        if (done) return;
        for (const { id, event, data } of this.#reader.feed(value)) {
          if (id) this.#last = id;
          this.#tell(event, data);
        }
      }
    } finally {
      clearTimeout(quiet);
    }
  }

  #tell(event, data) {
    let object = {};
    try {
      object = JSON.parse(data);
    } catch {
      return; // not ours
    }
    this.onEvent(object.event ?? event, object);
  }
}
