// What the page says of itself: short notes in the corner, and one voice for screen readers.

import { advice } from "./api.js";
import { button, el, plain } from "./dom.js";

const SHOWN = 5000; // milliseconds; a fault stays until it is put away

export function speak(text) {
  const said = document.getElementById("said");
  said.textContent = "";
  // Two equal sentences are two: the region must change to be read.
  setTimeout(() => (said.textContent = plain(text)), 50);
}

export function note(title, text = "", tone = "") {
  const box = el(`div.toast${tone ? `.${tone}` : ""}`, {}, el("div", {}, el("strong", {}, title), text ? el("p", {}, text) : null));
  box.append(button("Dismiss", () => box.remove(), "quiet"));
  document.getElementById("toasts").append(box);
  speak(`${title}. ${text}`);
  if (tone !== "bad") setTimeout(() => box.remove(), SHOWN);
}

export function fault(error) {
  const { title, text } = advice(error);
  note(title, text, "bad");
}

// An error that stands where its content would have been.
export function trouble({ title, text }, retry) {
  return el("div.empty.bad", {}, el("strong", {}, title), text ? el("p", {}, text) : null,
    retry ? button("Try again", retry) : null); // prettier-ignore
}
