// Dialogs: the browser's own, so that focus, Escape and what lies behind are its business.

import { button, el } from "./dom.js";

// open("Title", (close) => [children]); `onclose` hears how it ended.
export function open(title, content, { wide = false, onclose } = {}) {
  const heading = el("h2", { id: "dialog-title", tabindex: "-1" }, title);
  const box = el(`dialog${wide ? ".wide" : ""}`, { "aria-labelledby": heading.id });
  const close = () => box.close();
  const shut = button("Close", close, "quiet");
  box.append(el("header", {}, heading, shut), el("div.content", {}, content(close)));
  // Beside it, or away by a link in it.
  box.addEventListener("click", (event) => (event.target === box || event.target.closest("a")) && close());
  box.addEventListener("close", () => {
    box.remove();
    onclose?.();
  });
  document.querySelector("dialog[open]")?.close(); // one at a time
  document.body.append(box);
  box.showModal();
  const first = box.querySelector("[autofocus], input:not([type=hidden]), select, textarea");
  (first ?? heading).focus();
  return box;
}

// One question, one answer in text: transfer where, which digits.
export function ask(title, label, { hint = "", value = "", pattern, verb = "Do it", inputmode } = {}) {
  return new Promise((resolve) => {
    let answer = null;
    open(
      title,
      (close) => {
        const input = el("input", { id: "asked", value, required: true, autocomplete: "off", spellcheck: "false", pattern, inputmode });
        const submit = (event) => {
          event.preventDefault();
          answer = input.value.trim();
          if (answer) close();
        };
        return el("form.stack", { onsubmit: submit },
          el("div.field", {}, el("label", { for: "asked" }, label), input, hint ? el("span.hint", {}, hint) : null),
          el("div.row", {}, el("button.main", { type: "submit" }, verb))); // prettier-ignore
      },
      { onclose: () => resolve(answer) },
    );
  });
}
