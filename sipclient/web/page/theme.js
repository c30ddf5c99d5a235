// Light, dark, or as the system says; kept in this browser.

import { button, fill, icon } from "./dom.js";

const KEY = "sipclient-theme";
const NEXT = { auto: "light", light: "dark", dark: "auto" };
const ICONS = { auto: "i-auto", light: "i-sun", dark: "i-moon" };

const system = matchMedia("(prefers-color-scheme: dark)");

const kept = () => (localStorage.getItem(KEY) in NEXT ? localStorage.getItem(KEY) : "auto");

export function themeButton() {
  const it = button("", turn, "tool");
  function turn() {
    localStorage.setItem(KEY, NEXT[kept()]);
    show();
  }
  function show() {
    const theme = kept();
    const dark = theme === "dark" || (theme === "auto" && system.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    const name = `Theme: ${theme === "auto" ? "as the system" : theme}`;
    it.setAttribute("aria-label", name);
    it.title = name;
    fill(it, icon(ICONS[theme]));
  }
  system.addEventListener("change", show);
  show();
  return it;
}
