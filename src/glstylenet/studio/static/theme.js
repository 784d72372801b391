// Light, dark, or as the system.
import { recall, remember } from "./store.js";

const CHOICES = ["", "light", "dark"];
const NAMES = { "": "as the system", light: "light", dark: "dark" };
const button = document.getElementById("theme");

export function setup(changed) {
  let theme = recall("theme", "");
  const apply = () => {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    const label = `Light or dark: ${NAMES[theme]}`;
    button.setAttribute("aria-label", label);
    button.title = label;
    changed();
  };
  button.addEventListener("click", () => {
    theme = CHOICES[(CHOICES.indexOf(theme) + 1) % CHOICES.length];
    remember("theme", theme);
    apply();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  apply();
}
