// The way in: a token, kept for this tab alone.

import { door, token } from "./api.js";
import { button, el, icon } from "./dom.js";
import { open } from "./dialog.js";

let asking = false;

export function tokenButton(enter) {
  const it = button("", () => askToken(enter), "tool", { "aria-label": "Token", title: "Token" });
  it.append(icon("i-key"));
  door.addEventListener("needed", ({ detail: refused }) => askToken(enter, refused));
  return it;
}

function askToken(enter, refused = false) {
  if (asking) return;
  asking = true;
  open(refused ? "This token is not good" : "Token", (close) => form(enter, refused, close), { onclose: () => (asking = false) });
}

function form(enter, refused, close) {
  const input = el("input", { id: "token", type: "password", autocomplete: "off", spellcheck: "false", value: refused ? "" : token.get() });
  const take = (value) => {
    token.set(value.trim());
    close();
    enter();
  };
  const submit = (event) => {
    event.preventDefault();
    take(input.value);
  };
  return el("form.stack", { onsubmit: submit },
    el("p", {}, refused ? "The robot does not know it, or it has expired." : "The robot asks who is there, unless it listens on loopback without tokens."),
    el("div.field", {}, el("label", { for: "token" }, "Token"), input,
      el("span.hint", {}, "Made on the robot's machine by ", el("code", {}, "sipclient token NAME --scope read"),
        "; scope call also places calls. It stays in this tab and is forgotten with it.")),
    el("div.row", {}, el("button.main", { type: "submit" }, "Use it"), token.get() ? button("Forget it", () => take("")) : null)); // prettier-ignore
}
