// The brush: its size, and its outline over a picture.
import { set, state } from "./store.js";

export const MAX_BRUSH = 200;
const SHAPED = new Set(["brush", "eraser", "line"]); // tools that paint as wide as the brush

// One notch larger or smaller: about an eighth.
export function resizeBrush(direction) {
  const next = direction > 0 ? Math.max(state.brush + 1, state.brush * 1.15) : Math.min(state.brush - 1, state.brush / 1.15);
  set({ brush: Math.round(Math.min(MAX_BRUSH, Math.max(1, next))) });
}

// Two lines, light and dark, to be seen on any picture. `ratio`: canvas pixels for one of the page.
export function outline(pen, { sx, sy }, zoom, ratio, cross) {
  const shaped = SHAPED.has(state.tool);
  const radius = shaped ? Math.max(2, (state.brush / 2) * zoom) : 5;
  for (const [colour, wide] of [["#ffffff", 3], ["#1d1c1a", 1.3]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = wide * ratio;
    pen.beginPath();
    pen.arc(sx, sy, radius, 0, 2 * Math.PI);
    if (cross || !shaped) {
      const arm = 8 * ratio;
      pen.moveTo(sx - arm, sy);
      pen.lineTo(sx + arm, sy);
      pen.moveTo(sx, sy - arm);
      pen.lineTo(sx, sy + arm);
    }
    pen.stroke();
  }
}

// An area that is being outlined, closed as it will be.
export function drawOutline(pen, places, colour, ratio) {
  pen.beginPath();
  for (const { sx, sy } of places) pen.lineTo(sx, sy);
  pen.closePath();
  pen.fillStyle = `rgb(${colour.join(" ")} / 0.3)`;
  pen.fill("nonzero");
  for (const [line, wide] of [["#ffffff", 3], ["#1d1c1a", 1.3]]) {
    pen.strokeStyle = line;
    pen.lineWidth = wide * ratio;
    pen.stroke();
  }
}
