// Light, dark, or as the system.
import { recall, remember } from "./store.js";
import { t } from "./words.js";

const button = document.getElementById("theme");

export function setup(changed) {
  let theme = recall("theme", "");
  const apply = () => {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    const label = t(`theme.${theme || "system"}`);
    button.setAttribute("aria-label", label);
    button.title = label;
    changed();
  };
  button.addEventListener("click", () => {
    // From the system's own to its opposite first, so that every click but the last of three is seen.
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const choices = ["", ...(dark ? ["light", "dark"] : ["dark", "light"])];
    theme = choices[(choices.indexOf(theme) + 1) % choices.length];
    remember("theme", theme);
    apply();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  apply();
}
