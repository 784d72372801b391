// Which part of the page is in front: the pictures and maps, settings (small windows), the result; which of the
// pictures has all the room, and whether the settings are folded.
import { icon, iconButton } from "./icon.js";
import { recall, remember } from "./store.js";
import { t } from "./words.js";

const buttons = [...document.querySelectorAll("[data-goto]")];
const fold = document.getElementById("fold");
const enlargers = new Map(); // by what they enlarge

export function goto(view) {
  document.body.dataset.view = view;
  window.scrollTo(0, 0);
  for (const button of buttons) {
    if (button.dataset.goto === view) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
  mark();
}

// The button that gives one picture the room of all, and takes it back.
export function enlargeButton(what, name) {
  const button = iconButton("expand", t("pane.enlarge"), () => toggle(what));
  button.id = `enlarge-${what}`;
  enlargers.set(what, { button, name });
  mark();
  return button;
}

const isLarge = (what) => (what === "result" ? document.body.dataset.view === "result" : document.body.dataset.large === what);

function toggle(what) {
  const was = isLarge(what);
  delete document.body.dataset.large;
  if (what !== "result" && !was) document.body.dataset.large = what;
  goto(what === "result" && !was ? "result" : "paint");
  enlargers.get(what).button.focus();
}

// A picture that is gone needs no room.
export function shrink(what) {
  if (document.body.dataset.large === what) toggle(what);
}

function mark() {
  for (const [what, { button, name }] of enlargers) {
    const label = isLarge(what) ? t("pane.shrink") : t("pane.enlargeOne", { name });
    document.getElementById(`pane-${what}`)?.classList.toggle("large", isLarge(what));
    button.title = label;
    button.setAttribute("aria-label", label);
    button.replaceChildren(icon(isLarge(what) ? "shrink" : "expand"));
  }
}

function foldSettings(folded) {
  document.body.classList.toggle("folded", folded);
  const label = folded ? t("settings.unfold") : t("settings.fold");
  fold.title = label;
  fold.setAttribute("aria-label", label);
  fold.setAttribute("aria-expanded", String(!folded));
  fold.replaceChildren(icon(folded ? "panel-right-open" : "panel-right-close"));
}

export function setup() {
  for (const button of buttons) button.addEventListener("click", () => goto(button.dataset.goto));
  fold.addEventListener("click", () => {
    remember("folded", !document.body.classList.contains("folded"));
    foldSettings(recall("folded", false));
  });
  foldSettings(recall("folded", false));
  document.getElementById("result-tools").append(enlargeButton("result", t("pane.result")));
  // A window made wide again has the settings beside everything else.
  matchMedia("(min-width: 60rem)").addEventListener("change", ({ matches }) => {
    if (matches && document.body.dataset.view === "settings") goto("paint");
  });
}
