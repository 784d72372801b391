// Work that was not run yet outlives a reload: pictures, maps and settings of this browser.
import { isPainted, loadMap, mapBlob } from "./maps.js";
import { open, openBlank, painters } from "./pictures.js";
import { changed, hasPreset, usePreset } from "./settings.js";
import { on, recall, remember, state } from "./store.js";

const PAUSE = 1200;
let timer = 0;

const asAddress = (blob) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });

function asBlob(address) {
  const text = atob(address.slice(address.indexOf(",") + 1));
  return new Blob([Uint8Array.from(text, (c) => c.charCodeAt(0))], { type: "image/png" });
}

export function setup() {
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(save, PAUSE);
  };
  for (const topic of ["content", "style", "map", "settings"]) on(topic, soon);
}

async function save() {
  const { content, style, preset } = state;
  const maps = {};
  for (const role of ["content", "style"]) {
    if (state[role] && isPainted(painters[role])) maps[role] = await asAddress(await mapBlob(painters[role]));
  }
  // Only what was changed: a draft must not keep the defaults of an earlier version.
  remember("draft", { content, style, preset, changes: changed(), maps });
}

export async function restore() {
  const draft = recall("draft", null);
  if (!draft) return;
  if (draft.preset === null || hasPreset(draft.preset)) {
    usePreset(draft.preset, draft.changes);
  }
  for (const role of ["content", "style"]) {
    const picture = draft[role];
    if (!picture) continue;
    try {
      if (picture.blank) openBlank({ width: picture.width, height: picture.height });
      else await open(role, picture);
      if (draft.maps?.[role]) await loadMap(painters[role], asBlob(draft.maps[role]));
    } catch {
      // The studio no longer has the picture: the pane stays empty and asks for one.
    }
  }
}
