// What stands beside each class of the palette: a button to give it a name, and a menu of the styles that it may be
// painted from, where there are several. Only the chosen class has them in the order of the Tab key.
import { iconButton } from "./icon.js";
import { hex, rename } from "./palette.js";
import { bind, regions, styleRoles, words } from "./roles.js";
import { say } from "./say.js";
import { on, state, watch } from "./store.js";
import { t } from "./words.js";

const LONGEST = 40; // letters of a name

export function setup() {
  on("class", (made) => {
    const number = Number(made.input.value);
    const parts = [offerName(made), offerStyle(made)];
    watch(() => state.classIndex === number, (isChosen) => {
      for (const part of parts) part.tabIndex = isChosen ? 0 : -1;
    });
  });
}

function offerName(made) {
  const { line, row, input } = made;
  const button = iconButton("pencil", "", () => edit(made));
  button.classList.add("rename");
  line.append(button);
  watch(() => state.classNames, () => {
    button.title = t("palette.rename", { name: made.name });
    button.setAttribute("aria-label", button.title);
  });
  row.addEventListener("dblclick", (event) => {
    event.preventDefault();
    edit(made);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "F2") return;
    event.preventDefault();
    edit(made);
  });
  return button;
}

// A field in the place of the name. Enter, or going elsewhere, takes what it says; Escape leaves the name as it was.
function edit(made) {
  const { line, row, input } = made;
  if (line.querySelector(".class-name")) return;
  const field = document.createElement("input");
  field.type = "text";
  field.className = "class-name";
  field.maxLength = LONGEST;
  field.value = made.name;
  field.placeholder = made.given;
  field.setAttribute("aria-label", t("palette.rename", { name: made.name }));
  let isOpen = true;
  const end = (name) => {
    if (!isOpen) return; // to remove it blurs it
    isOpen = false;
    field.remove();
    if (name === null || name === made.name) return;
    rename(made, name);
    say(t("palette.renamed", { name: made.name }));
  };
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    end(event.key === "Enter" ? field.value.trim() : null);
    input.focus();
  });
  field.addEventListener("blur", () => end(field.value.trim()));
  row.after(field);
  field.select();
}

function offerStyle(made) {
  const { colour, line } = made;
  const menu = document.createElement("select");
  menu.className = "from";
  menu.addEventListener("change", () => bind(hex(colour), Number(menu.value)));
  line.append(menu);
  watch(() => [state.styles, regions()[hex(colour)] ?? 0, state.classNames], ([count, number]) => {
    const { name } = made;
    menu.hidden = count === 1;
    const numbers = [t("palette.allStyles"), ...styleRoles().map((role) => words(role, "short"))];
    menu.replaceChildren(...numbers.map((text, value) => new Option(text, value)));
    menu.value = number;
    menu.classList.toggle("own", number > 0);
    menu.title = number ? t("palette.fromOne", { name, number }) : t("palette.fromAll", { name });
    menu.setAttribute("aria-label", t("palette.from", { name }));
  });
  return menu;
}
