// What was outlined is filled at once, and then brought to the picture's edges by the studio, as the same step.
import * as api from "./api.js";
import { pixels } from "./maps.js";
import { encodePng } from "./png.js";
import { PAIR } from "./roles.js";
import { attempt } from "./say.js";
import { on, recall, remember, state } from "./store.js";

const BLACK_AND_WHITE = [[0, 0, 0], [255, 255, 255]];
const PART = 32768; // arguments of one call

export function setup() {
  const box = document.getElementById("snap");
  box.checked = recall("snap", true);
  box.addEventListener("change", () => remember("snap", box.checked));
  // A bare sheet has no edges.
  on("outlined", (made) => box.checked && state[made.painter.role]?.reference && attempt(() => snap(made)));
}

async function snap(made) {
  const { painter, labels, area } = made;
  const { role } = painter;
  painter.canvas.classList.add("snapping");
  try {
    const answer = await api.snapMap({
      picture: state[role].reference,
      ...(PAIR.includes(role) ? { role } : {}),
      width: labels.width,
      height: labels.height,
      left: area.left,
      top: area.top,
      mask: await base64(await encodePng(area.mask, area.width, area.height, BLACK_AND_WHITE)),
    });
    const bytes = Uint8Array.from(atob(answer.mask), (letter) => letter.charCodeAt(0));
    const { data, width, height } = await pixels(new Blob([bytes], { type: "image/png" }));
    const mask = new Uint8Array(width * height);
    for (let k = 0; k < mask.length; k++) mask[k] = data[4 * k] > 127 ? 1 : 0;
    painter.amend(made, { left: answer.left, top: answer.top, width, height, mask });
  } finally {
    painter.canvas.classList.remove("snapping");
  }
}

async function base64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (let k = 0; k < bytes.length; k += PART) text += String.fromCharCode(...bytes.subarray(k, k + PART));
  return btoa(text);
}
