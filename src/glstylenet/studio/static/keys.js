// Keyboard shortcuts, and the list of them in the help.
import { resizeBrush } from "./brush.js";
import { anyOpen, openHelp } from "./dialogs.js";
import { choose } from "./palette.js";
import { painters } from "./pictures.js";
import { run, stop } from "./run.js";
import { on, recall, remember, set, state } from "./store.js";
import { TOOLS } from "./tools.js";
import { goto } from "./views.js";
import { hasWords, t } from "./words.js";

let last = null; // the painter that was used last

const painter = () => last ?? painters.content;
let shown = 0.55;
const single = new Map([
  ...TOOLS.map(([tool, , key]) => [key, [`tool.${tool}`, () => set({ tool })]]),
  ["[", ["key.smaller", () => resizeBrush(-1)]],
  ["]", ["key.larger", () => resizeBrush(1)]],
  ["+", ["key.in", () => painter().zoomBy(1.4)]],
  ["-", ["key.out", () => painter().zoomBy(1 / 1.4)]],
  [".", ["key.fit", () => painter().fit()]],
  ["o", ["key.maps", () => {
    if (state.opacity > 0) shown = state.opacity;
    set({ opacity: state.opacity > 0 ? 0 : shown });
  }]],
  ["p", ["key.paint", () => goto("paint")]],
  ["r", ["key.result", () => goto("result")]],
  ["?", ["key.help", openHelp]],
]);

const LISTED = [
  ["Ctrl + Enter", "key.run"],
  ["Ctrl + Shift + Enter", "key.stop"],
  ["Ctrl + Z", "key.undo"],
  ["Ctrl + Shift + Z, Ctrl + Y", "key.redo"],
  ["1 … 9, 0", "key.class"],
  ["F2", "key.rename"],
];
const ON_PICTURE = [
  ["key.arrowKeys", "key.arrows"],
  ["key.spaceBar", "key.space"],
  ["key.enterKey", "key.enter"],
];

export function setup() {
  on("painter", (used) => (last = used));
  const box = document.getElementById("single-keys");
  box.checked = recall("single-keys", true);
  box.addEventListener("change", () => remember("single-keys", box.checked));
  const body = document.querySelector("#keys tbody");
  const rows = [...LISTED, ...[...single].map(([key, [label]]) => [key.toUpperCase(), label]), ...ON_PICTURE];
  for (const [names, label] of rows) {
    const keys = hasWords(names) ? t(names) : names;
    const row = body.insertRow();
    const head = document.createElement("th");
    head.scope = "row";
    for (const [k, each] of keys.split(", ").entries()) {
      if (k) head.append(", ");
      const key = document.createElement("kbd");
      key.textContent = each;
      head.append(key);
    }
    row.append(head);
    row.insertCell().textContent = t(label);
  }
  document.addEventListener("keydown", (event) => handle(event, box.checked));
}

function handle(event, singleKeys) {
  if (anyOpen()) return;
  const typing = event.target.matches("input:not([type=range], [type=radio], [type=checkbox], [type=file]), textarea, select");
  const command = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  if (command && key === "enter") {
    event.preventDefault();
    if (event.shiftKey) stop();
    else run();
  } else if (command && !event.altKey && (key === "z" || key === "y") && !typing) {
    event.preventDefault();
    if (key === "y" || event.shiftKey) painter().redo();
    else painter().undo();
  } else if (!command && !event.altKey && singleKeys && !typing) {
    const digit = /^[0-9]$/.test(event.key);
    const found = single.get(key === "=" ? "+" : key);
    if (digit) choose((Number(event.key) + 9) % 10);
    else if (found) found[1]();
    else return;
    event.preventDefault();
  }
}
