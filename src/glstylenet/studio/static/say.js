// Words to the user: a notice that is seen, and a sentence that a screen reader reads.
import { icon } from "./icon.js";
import { isAbort } from "./supersede.js";
import { inPageWords } from "./setting_words.js";
import { t } from "./words.js";

const notices = document.getElementById("notices");
const status = document.getElementById("say");
const runbar = document.querySelector(".runbar"); // the viewers have none

export function say(text) {
  status.textContent = text;
}

// `action`: {label, act} of a button beside the words.
export function notice(text, kind = "error", action = null) {
  const box = document.createElement("div");
  box.className = `notice ${kind}`;
  const words = document.createElement("p");
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "quiet";
  close.setAttribute("aria-label", t("notice.close"));
  close.append(icon("x"));
  close.addEventListener("click", () => box.remove());
  box.append(words);
  if (action) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = action.label;
    button.addEventListener("click", () => {
      box.remove();
      action.act();
    });
    box.append(button);
  }
  box.append(close);
  for (const old of [...notices.children]) if (old.textContent === box.textContent || notices.children.length > 2) old.remove();
  notices.style.setProperty("--runbar-height", `${runbar?.offsetHeight ?? 0}px`);
  notices.append(box);
  if (kind === "done") setTimeout(() => box.remove(), 6000);
  return box;
}

export const clearNotices = () => notices.replaceChildren();

// Run something that may fail, and say why it did.
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    // What a later choice has overtaken is no fault.
    if (!isAbort(error)) notice(inPageWords(error.message || String(error)));
    return undefined;
  }
}
