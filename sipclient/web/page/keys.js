// Shortcuts of one key, which can be switched off, and the page that names them.

import { button, el, icon } from "./dom.js";
import { open } from "./dialog.js";
import { go } from "./router.js";

const KEY = "sipclient-shortcuts";
const on = () => localStorage.getItem(KEY) !== "off";

const KEYS = [
  ["1", "Board", () => go("#board")],
  ["2", "Calls", () => go("#calls")],
  ["3", "Recordings", () => go("#recordings")],
  ["4", "Traces", () => go("#traces")],
  ["5", "Log", () => go("#log")],
  ["/", "Filter what is shown", () => focus("input[type=search]")],
  ["d", "Dial", () => (go("#board"), setTimeout(() => document.getElementById("dial-a")?.focus()))],
  ["?", "This help", help],
  ["← → ↑ ↓", "Walk over the board, once it is reached by Tab"],
];

function focus(selector) {
  const found = [...document.querySelectorAll(`.view:not([hidden]) ${selector}`)].find((each) => each.offsetParent);
  found?.focus();
  found?.select?.();
}

export function helpButton() {
  const it = button("", help, "tool", { "aria-label": "Help", title: "Help" });
  it.append(icon("i-help"));
  return it;
}

export function listen() {
  addEventListener("keydown", (event) => {
    if (!on() || event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select, dialog, audio")) return;
    const found = KEYS.find(([key, , act]) => act && key === event.key);
    if (!found) return;
    event.preventDefault();
    found[2]();
  });
}

function help() {
  open("Help", () => {
    const box = el("input", { type: "checkbox", id: "shortcuts", checked: on() });
    box.addEventListener("change", () => localStorage.setItem(KEY, box.checked ? "on" : "off"));
    return [
      el("h3", {}, "“Why did it not call?”"),
      el("p", {}, "Press the extension on the board: it shows what the robot saw, what each rule made of it, and what it would do now. ",
        "Each rule below the board says why it did not act last, and can be simulated for any change at any time."),
      el("h3", {}, "Keys"),
      el("dl.keys", {}, KEYS.map(([key, what]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, what)])),
      el("label.check", { for: "shortcuts" }, box, "Shortcuts are on"),
      el("h3", {}, "Elsewhere"),
      el("p", {}, el("a", { href: "openapi.json" }, "openapi.json"), " describes the HTTP API, ", el("a", { href: "metrics" }, "metrics"), " is for Prometheus."),
    ];
  }); // prettier-ignore
}
