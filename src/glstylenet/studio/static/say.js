// Words to the user: a notice that is seen, and a sentence that a screen reader reads.
import { icon } from "./icon.js";

const notices = document.getElementById("notices");
const status = document.getElementById("say");

export function say(text) {
  status.textContent = text;
}

export function notice(text, kind = "error") {
  const box = document.createElement("div");
  box.className = `notice ${kind}`;
  const words = document.createElement("p");
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "quiet";
  close.setAttribute("aria-label", "Close this notice");
  close.append(icon("x"));
  close.addEventListener("click", () => box.remove());
  box.append(words, close);
  for (const old of [...notices.children]) if (old.textContent === box.textContent || notices.children.length > 2) old.remove();
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
    notice(error.message || String(error));
    return undefined;
  }
}
