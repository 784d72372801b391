// Keyboard shortcuts, and the list of them in the help.
import { resizeBrush } from "./brush.js";
import { anyOpen, openHelp } from "./dialogs.js";
import { choose } from "./palette.js";
import { painters } from "./pictures.js";
import { active, run, stop } from "./run.js";
import { on, recall, remember, set, state } from "./store.js";
import { TOOLS } from "./tools.js";
import { goto } from "./views.js";

let last = null; // the painter that was used last

const painter = () => last ?? painters.content;
let shown = 0.55;
const single = new Map([
  ...TOOLS.map(([tool, label, , key]) => [key, [label, () => set({ tool })]]),
  ["[", ["Smaller brush", () => resizeBrush(-1)]],
  ["]", ["Larger brush", () => resizeBrush(1)]],
  ["+", ["Zoom in", () => painter().zoomBy(1.4)]],
  ["-", ["Zoom out", () => painter().zoomBy(1 / 1.4)]],
  [".", ["Fit the picture", () => painter().fit()]],
  ["o", ["Show or hide the maps", () => {
    if (state.opacity > 0) shown = state.opacity;
    set({ opacity: state.opacity > 0 ? 0 : shown });
  }]],
  ["p", ["Pictures and maps", () => goto("paint")]],
  ["r", ["Result", () => goto("result")]],
  ["?", ["This help", openHelp]],
]);

const LISTED = [
  ["Ctrl + Enter", "Run; while it runs: stop"],
  ["Ctrl + Z", "Undo on the picture used last"],
  ["Ctrl + Shift + Z, Ctrl + Y", "Redo"],
  ["1 … 9, 0", "Class of the palette"],
];
const ON_PICTURE = [
  ["Arrow keys", "On a picture: move the brush; with Shift by one pixel"],
  ["Space", "On a picture: paint there; with the line: its two ends"],
  ["Enter", "On a picture: brush down, and up again"],
];

export function setup() {
  on("painter", (used) => (last = used));
  const box = document.getElementById("single-keys");
  box.checked = recall("single-keys", true);
  box.addEventListener("change", () => remember("single-keys", box.checked));
  const body = document.querySelector("#keys tbody");
  const rows = [...LISTED, ...[...single].map(([key, [label]]) => [key.toUpperCase(), label]), ...ON_PICTURE];
  for (const [keys, label] of rows) {
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
    row.insertCell().textContent = label;
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
    if (active()) stop();
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
