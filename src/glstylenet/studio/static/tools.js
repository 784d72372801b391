// The tools above the pictures: which one, how large, how visible.
import { MAX_BRUSH } from "./brush.js";
import { icon } from "./icon.js";
import { set, state, watch } from "./store.js";
import { t } from "./words.js";

export const TOOLS = [
  ["brush", "brush", "b"],
  ["eraser", "eraser", "e"],
  ["line", "slash", "l"],
  ["lasso", "lasso", "s"],
  ["fill", "paint-bucket", "f"],
  ["wand", "wand-sparkles", "w"],
  ["hand", "hand", "h"],
];

const by = (id) => document.getElementById(id);

export function setup() {
  // Where fingers scroll, nothing is painted before a tool or a class was touched.
  if (matchMedia("(hover: none) and (pointer: coarse)").matches) set({ tool: "hand" });
  const group = by("tools");
  for (const [tool, picture, key] of TOOLS) {
    const label = t(`tool.${tool}`);
    const row = document.createElement("label");
    row.className = "tool";
    row.title = `${label} (${key.toUpperCase()})`;
    const input = document.createElement("input");
    input.type = "radio";
    input.name = "tool";
    input.value = tool;
    input.setAttribute("aria-label", label);
    input.checked = tool === state.tool;
    input.addEventListener("change", () => set({ tool }));
    const words = document.createElement("span");
    words.textContent = t(`tool.${tool}.short`);
    words.setAttribute("aria-hidden", "true");
    row.append(input, icon(picture), words);
    group.append(row);
  }
  watch(() => state.tool, (tool) => {
    group.querySelector(`[value=${tool}]`).checked = true;
    by("tolerance-label").hidden = tool !== "wand";
    by("snap-label").hidden = tool !== "lasso";
    by("brush-label").hidden = tool === "wand" || tool === "lasso";
  });

  // The slider is finer for small brushes.
  const size = by("brush-size");
  size.max = 100;
  const position = (brush) => Math.round(100 * Math.sqrt((brush - 1) / (MAX_BRUSH - 1)));
  size.addEventListener("input", () => set({ brush: Math.round(1 + (MAX_BRUSH - 1) * (size.value / 100) ** 2) }));
  const showBrush = (brush) => {
    if (document.activeElement !== size) size.value = position(brush);
    by("brush-size-out").textContent = `${brush} px`;
    size.setAttribute("aria-valuetext", t("tools.pixels", { brush }));
  };
  watch(() => state.brush, showBrush);
  by("opacity").addEventListener("input", ({ target }) => set({ opacity: target.value / 100 }));
  watch(() => state.opacity, (opacity) => {
    by("opacity").value = Math.round(opacity * 100);
    by("opacity-out").textContent = `${Math.round(opacity * 100)} %`;
  });
  by("tolerance").addEventListener("input", ({ target }) => {
    by("tolerance-out").textContent = target.value;
    set({ tolerance: Number(target.value) });
  });
}
