// What a class is on every picture, told while the pointer or the keyboard is on it in the palette. Meanwhile the maps
// show where it lies.
import { hex, percent } from "./palette.js";
import { regions, titleOf } from "./roles.js";
import { on, set, watch, state } from "./store.js";
import { t } from "./words.js";

const PAUSE = 250; // ms before it is told
const GAP = 8; // pixels beside the class

const note = document.createElement("div");
let shown = null; // the class
let timer = 0;

export function setup() {
  note.id = "class-note";
  note.setAttribute("role", "tooltip");
  note.hidden = true;
  document.body.append(note);
  on("class", listen);
  on("shares", () => shown && tell(shown));
  document.addEventListener("scroll", hide, { capture: true, passive: true });
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  watch(() => state.classNames, () => shown && tell(shown));
}

function listen(made) {
  const { line, input } = made;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => tell(made), PAUSE);
  };
  // A finger covers what it is on.
  line.addEventListener("pointerenter", ({ pointerType }) => pointerType !== "touch" && soon());
  line.addEventListener("pointerleave", hide);
  input.addEventListener("focus", () => input.matches(":focus-visible") && soon());
  input.addEventListener("blur", hide);
}

function hide() {
  clearTimeout(timer);
  shown?.input.removeAttribute("aria-describedby");
  shown = null;
  note.hidden = true;
  set({ pointed: null });
}

function tell(made) {
  if (shown !== made) hide();
  const { line, input, name, colour, found } = made;
  const isUsed = found?.some(({ share }) => share > 0);
  const head = document.createElement("p");
  const title = document.createElement("b");
  title.textContent = name;
  const code = document.createElement("small");
  code.textContent = hex(colour);
  head.append(title, " ", code);
  const rows = isUsed ? found.map((each) => row(each, colour)) : [];
  const number = regions()[hex(colour)];
  const from = !isUsed ? t("note.unused") : number ? t("note.from", { number }) : "";
  note.replaceChildren(head, ...rows, ...(from ? [sentence(from)] : []));
  note.hidden = false;
  shown = made;
  input.setAttribute("aria-describedby", note.id);
  place(line.getBoundingClientRect());
  set({ pointed: isUsed ? Number(input.value) : null });
}

function row({ role, share }, colour) {
  const line = document.createElement("p");
  line.className = "of";
  const title = document.createElement("span");
  title.textContent = titleOf(role);
  const bar = document.createElement("span");
  bar.className = "bar";
  const part = document.createElement("span");
  part.style.width = `${100 * (share ?? 0)}%`;
  part.style.background = hex(colour);
  bar.append(part);
  const told = document.createElement("span");
  told.textContent = share === null ? t("note.noMap") : percent(share);
  line.append(title, bar, told);
  return line;
}

function sentence(text) {
  const line = document.createElement("p");
  line.textContent = text;
  return line;
}

// Beside the class, or below it where there is no room.
function place({ left, right, top, bottom }) {
  const { offsetWidth: width, offsetHeight: height } = note;
  const isBeside = right + GAP + width <= window.innerWidth;
  note.style.left = `${isBeside ? right + GAP : Math.max(GAP, Math.min(left, window.innerWidth - width - GAP))}px`;
  note.style.top = `${isBeside ? Math.max(GAP, Math.min(top, window.innerHeight - height - GAP)) : bottom + GAP}px`;
}
