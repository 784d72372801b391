// The two panes: choosing a picture, and the tools of its map.
import * as api from "./api.js";
import { ask } from "./dialogs.js";
import { icon, iconButton } from "./icon.js";
import { isPainted, loadMap, saveMap } from "./maps.js";
import { Painter } from "./painter.js";
import { attempt, clearNotices, notice, say } from "./say.js";
import { emit, on, set, state } from "./store.js";

const ROLES = {
  content: ["Content", "what is painted"],
  style: ["Style", "how it is painted"],
};
const SHEET = { width: 512, height: 384 }; // of a doodle

let leak = null; // the notice of one
let leakAt = null; // the painter it is of

export const painters = {};
const panes = {};

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

function fileButton(id, label, accept, take, iconName) {
  const button = element("label", "button file");
  const input = element("input");
  input.type = "file";
  input.id = id;
  input.accept = accept;
  input.className = "hidden-input";
  input.setAttribute("aria-label", label);
  input.addEventListener("change", () => {
    const [file] = input.files;
    input.value = "";
    if (file) take(file);
  });
  button.append(input, icon(iconName), element("span", "", label));
  return button;
}

export function setup({ limits, pictures: { names, suffixes } }) {
  for (const [role, [title, meaning]] of Object.entries(ROLES)) {
    const pane = document.getElementById(`pane-${role}`);
    const head = element("div", "pane-head");
    const heading = element("h2", "", title);
    heading.id = `${role}-title`;
    const note = element("p", "pale", meaning);
    head.append(heading, note);

    const stage = element("div", "stage");
    const canvas = element("canvas");
    canvas.tabIndex = 0;
    canvas.hidden = true;
    canvas.id = `canvas-${role}`;
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-roledescription", "painting area");
    canvas.setAttribute("aria-label", `Map of the ${role}`);
    canvas.setAttribute("aria-describedby", "canvas-help");
    const empty = element("div", "drop");
    const words = element("p", "big", role === "content" ? "Drop the picture to repaint" : "Drop the painting to learn from");
    const size = Math.floor(limits.upload_bytes / 2 ** 20);
    const small = element("p", "pale", `${names}${size ? `, up to ${size} MB` : ""}`);
    const choices = element("div", "choices");
    choices.append(fileButton(`file-${role}`, `Choose the ${role}`, `image/*,${suffixes}`, (file) => choose(role, file), "upload"));
    if (role === "content") {
      const blank = element("button", "quiet", "or draw on a bare sheet");
      blank.type = "button";
      blank.addEventListener("click", () => openBlank());
      choices.append(blank);
    }
    empty.append(words, choices, small);
    const busy = element("p", "busy", "Sending the picture …");
    busy.hidden = true;
    stage.append(canvas, empty, busy);

    const painter = new Painter(canvas, role, () => emit("map", role));
    painters[role] = painter;
    const tools = element("div", "pane-tools");
    tools.setAttribute("role", "group");
    tools.setAttribute("aria-label", `${title}: map and view`);
    tools.append(
      iconButton("undo-2", `Undo on the ${role}`, () => painter.undo()),
      iconButton("redo-2", `Redo on the ${role}`, () => painter.redo()),
      iconButton("zoom-out", `Zoom out of the ${role}`, () => painter.zoomBy(1 / 1.4)),
      iconButton("zoom-in", `Zoom into the ${role}`, () => painter.zoomBy(1.4)),
      iconButton("maximize", `Fit the ${role}`, () => painter.fit()),
      fileButton(`map-${role}`, `Load a map for the ${role}`, "image/*", (file) => openMap(role, file), "folder-open"),
      iconButton("save", `Save the map of the ${role} as PNG`, () =>
        isPainted(painter) ? attempt(() => saveMap(painter)) : notice(`Nothing is painted on the ${role} yet.`, "hint")),
      iconButton("trash-2", `Clear the map of the ${role}`, () => {
        painter.clear();
        say(`Map of the ${role} cleared; undo brings it back`);
      }),
      iconButton("x", `Take another picture as ${role}`, () => leave(role)),
    );
    tools.hidden = true;
    head.append(tools);
    pane.append(head, stage);
    panes[role] = { pane, stage, canvas, empty, busy, tools, note, meaning };

    for (const kind of ["dragenter", "dragover"]) {
      pane.addEventListener(kind, (event) => {
        event.preventDefault();
        pane.classList.add("over");
      });
    }
    pane.addEventListener("dragleave", (event) => pane.contains(event.relatedTarget) || pane.classList.remove("over"));
    pane.addEventListener("drop", (event) => {
      event.preventDefault();
      pane.classList.remove("over");
      const [file] = event.dataTransfer.files;
      if (file) choose(role, file);
    });
    pane.addEventListener("paste", (event) => {
      const [file] = event.clipboardData.files;
      if (file) choose(role, file);
    });
  }
  on("leaked", tellLeak);
  on("map", forgetLeak);
  // A file dropped beside the panes must not replace the page.
  for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());
}

// Said until the fill is taken back, or something else is painted.
function tellLeak(painter) {
  leak?.remove();
  leak = notice(`The fill ran out through a small gap in the ${painter.role}’s map. Undo, close the gap, and fill again.`, "hint");
  leakAt = painter;
}

function forgetLeak() {
  const { open, undone } = leakAt?.labels ?? {};
  if (!leak || (leakAt.labels && !open && !undone.length)) return;
  leak.remove();
  leak = leakAt = null;
}

export async function setupSamples() {
  const { samples } = await api.samples();
  for (const sample of samples) {
    const label = samples.length === 1 ? "Use the samples" : `Use the samples “${sample.name}”`;
    for (const role of Object.keys(ROLES)) {
      const button = element("button", "button samples");
      button.type = "button";
      button.append(icon("images"), element("span", "", label));
      button.addEventListener("click", () => attempt(() => openSample(sample)));
      panes[role].empty.querySelector(".button.file").after(button);
    }
  }
}

async function openSample(sample) {
  clearNotices();
  await Promise.all(
    Object.keys(ROLES).map(async (role) => {
      await open(role, { reference: `sample:${sample.name}`, url: sample[role], name: `sample ${sample.name}` });
      if (sample[`${role}_map`]) await loadMapFrom(role, sample[`${role}_map`]);
    }),
  );
  emit("samples", sample);
  say("The sample pictures and their maps are open");
}

async function choose(role, file) {
  clearNotices();
  const { busy } = panes[role];
  const limit = state.schema?.limits.upload_bytes;
  if (limit && file.size > limit) {
    notice(`${file.name} has ${Math.ceil(file.size / 2 ** 20)} MB; a picture may have ${Math.floor(limit / 2 ** 20)} MB.`);
    return;
  }
  busy.hidden = false;
  await attempt(async () => {
    const picture = await api.upload(file, file.name);
    await open(role, { reference: picture.id, url: picture.url, name: file.name });
    say(`${ROLES[role][0]}: ${file.name} is open`);
    panes[role].canvas.focus({ preventScroll: true });
  });
  busy.hidden = true;
}

async function openMap(role, file) {
  await attempt(async () => {
    const remark = await loadMap(painters[role], file);
    if (remark) notice(remark, "hint");
    say(`Map of the ${role} loaded`);
  });
}

export async function loadMapFrom(role, url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`The map of the ${role} is no longer there.`);
  await loadMap(painters[role], await answer.blob());
}

async function decoded(url) {
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
  } catch {
    throw new Error("The picture could not be shown; it may have been deleted from the studio.");
  }
  return image;
}

export async function open(role, picture) {
  const image = await decoded(picture.url);
  const size = { width: image.naturalWidth, height: image.naturalHeight };
  show(role, image, size);
  set({ [role]: { ...picture, ...size } });
}

export function openBlank(size = SHEET) {
  show("content", null, size);
  set({ content: { blank: true, reference: null, name: "bare sheet", ...size } });
}

function show(role, image, { width, height }) {
  const { canvas, empty, tools, note, pane } = panes[role];
  canvas.hidden = tools.hidden = false;
  empty.hidden = true;
  pane.classList.add("filled");
  note.textContent = `${width} × ${height}`;
  painters[role].open(image, width, height);
  emit("map", role);
}

async function leave(role) {
  if (painters[role].labels?.done.length) {
    const sure = await ask("Take another picture?", `What you painted on the ${role} will be lost.`, "Take another", "Keep it");
    if (!sure) return;
  }
  forget(role);
  document.getElementById(`file-${role}`).focus();
}

export function forget(role) {
  const { canvas, empty, tools, note, pane, meaning } = panes[role];
  canvas.hidden = tools.hidden = true;
  empty.hidden = false;
  pane.classList.remove("filled");
  note.textContent = meaning;
  painters[role].close();
  set({ [role]: null });
  emit("map", role);
}
