// The classes: one palette for both pictures, shown as a group of radio buttons with the shares of each class.
import { emit, set, state } from "./store.js";
import { hasWords, t } from "./words.js";

const MOST = 64; // what the engine takes
const ROUNDING = 3; // another program's 192 may be 191

// Of colours that loaded maps often have.
const NAMES = {
  "#ff0000": "red",
  "#00ff00": "green",
  "#0000ff": "blue",
  "#ffff00": "yellow",
  "#ff00ff": "magenta",
  "#00ffff": "cyan",
  "#ffffff": "white",
  "#000000": "black",
  "#808080": "grey",
  "#bfbfbf": "lightGrey",
};

const group = document.getElementById("palette");
// {name, given: the palette's name, colour: [r, g, b], found: its {role, share} of every picture, and parts of its row}
export const classes = [];
export let ground = 0; // the class of all that stays unpainted
let list;

export const parse = (text) => [1, 3, 5].map((k) => parseInt(text.slice(k, k + 2), 16));
export const hex = (colour) => `#${colour.map((c) => c.toString(16).padStart(2, "0")).join("")}`;

export function setup(palette) {
  list = document.createElement("div");
  list.className = "swatches";
  group.append(list);
  ground = Math.max(0, palette.findIndex(({ name }) => name === "background"));
  for (const { name, colour } of palette) add(hasWords(`class.${name}`) ? t(`class.${name}`) : name, parse(colour));
  const first = Math.min(classes.length - 1, ground === 0 ? 1 : 0);
  classes[first].input.checked = true;
  set({ classIndex: first }); // the tool stays: whoever chooses a class wants to paint, but nobody has yet
}

function add(name, colour) {
  const index = classes.length;
  const line = document.createElement("div");
  line.className = "class";
  const row = document.createElement("label");
  row.className = "swatch";
  const input = document.createElement("input");
  input.type = "radio";
  input.name = "class";
  input.value = String(index);
  input.addEventListener("change", () => choose(index));
  input.addEventListener("click", () => choose(index)); // the chosen one, too: it says that painting begins
  const chip = document.createElement("span");
  chip.className = "chip";
  chip.style.background = hex(colour);
  const words = document.createElement("span");
  words.className = "words";
  const title = document.createElement("span");
  title.className = "name";
  const shares = document.createElement("span");
  shares.className = "shares";
  words.append(title, shares);
  row.append(input, chip, words);
  if (index < 10) {
    const key = document.createElement("kbd");
    key.textContent = String((index + 1) % 10);
    key.setAttribute("aria-hidden", "true");
    chip.append(key);
  }
  line.append(row);
  list.append(line);
  const made = { given: name, colour, line, row, input, title, shares };
  showName(made, state.classNames);
  classes.push(made);
  emit("class", made);
  return index;
}

export function choose(index) {
  if (!classes[index]) return;
  classes[index].input.checked = true;
  const paints = state.tool !== "eraser" && state.tool !== "hand";
  set({ classIndex: index, tool: paints ? state.tool : "brush" });
}

// The class of a colour; a colour of a loaded map that the palette lacks becomes a class of its own.
export function classOf(colour) {
  const found = classes.findIndex((each) => each.colour.every((c, k) => Math.abs(c - colour[k]) <= ROUNDING));
  if (found >= 0) return found;
  if (classes.length >= MOST) return ground;
  const known = NAMES[hex(colour)];
  const index = add(known ? t(`colour.${known}`) : hex(colour), colour);
  emit("palette", classes);
  return index;
}

// The user's own names of classes, by their colours; the others have the palette's.
export function setNames(names) {
  for (const each of classes) showName(each, names);
  set({ classNames: names });
}

// Give a class a name of the user's own; none is the palette's again.
export function rename({ colour, given }, name) {
  const { [hex(colour)]: _, ...others } = state.classNames;
  setNames(name && name !== given ? { ...others, [hex(colour)]: name } : others);
}

function showName(each, names) {
  each.name = names[hex(each.colour)] ?? each.given;
  each.title.textContent = each.name;
}

// Words of the server with the names of classes in place of their colours.
export function withClassNames(text) {
  return text.replace(/#[0-9a-f]{6}\b/g, (colour) => classes.find((each) => hex(each.colour) === colour)?.name ?? colour);
}

// `rows`: of each class its shares of the painters' maps, `null` where nothing is painted.
export function showShares(rows, painters) {
  for (const [index, { shares: found, missing }] of rows.entries()) {
    const { row, shares } = classes[index];
    const isUsed = found.some((share) => share > 0);
    const told = found.map((share) => (share === null ? "–" : percent(share)));
    row.classList.toggle("missing", missing);
    row.classList.toggle("used", isUsed);
    shares.textContent = !isUsed ? "" : missing ? t("palette.missing") : told.join(" · ");
    classes[index].found = painters.map(({ role }, k) => ({ role, share: found[k] }));
  }
  emit("shares");
}

export function percent(share) {
  if (share === 0) return "0 %";
  return share < 0.01 ? "<1 %" : `${Math.round(share * 100)} %`;
}
