// The two panes: choosing a picture, and the tools of its map.
import * as api from "./api.js";
import * as drafts from "./drafts.js";
import { icon, iconButton } from "./icon.js";
import { isPainted, loadMap, packMap, saveMap, unpackMap } from "./maps.js";
import { Painter } from "./painter.js";
import { allRoles, mapRole, openRoles, PAIR, words } from "./roles.js";
import { attempt, clearNotices, notice, say } from "./say.js";
import { declare, emit, on, set, state, watch } from "./store.js";
import { isAbort, supersede } from "./supersede.js";
import * as views from "./views.js";
import { language, t } from "./words.js";

const SHEET = { width: 512, height: 384 }; // of a doodle

const TRANSIT = 0.995; // a file that is sent so far is being read
let keepFormer = () => () => {}; // see navigation.js
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

// `keeper`: called before a picture replaces a painted one; it returns what brings that back.
export function setup({ limits, pictures: { names, suffixes } }, keeper) {
  keepFormer = keeper;
  declare(Object.fromEntries(allRoles().filter((role) => !PAIR.includes(role)).map((role) => [role, null])));
  for (const role of allRoles()) {
    const [title, meaning] = [words(role, "title"), words(role, "meaning")];
    const pane = document.getElementById(`pane-${role}`) ?? furtherPane(role);
    const head = element("div", "pane-head");
    const heading = element("h2", "", title);
    heading.id = `${role}-title`;
    const note = element("p", "pale", meaning);
    const headTools = element("div", "head-tools");
    const corner = element("div", "corner"); // what is there without a picture, too
    head.append(heading, note, headTools, corner);

    const stage = element("div", "stage");
    const canvas = element("canvas");
    canvas.tabIndex = 0;
    canvas.hidden = true;
    canvas.id = `canvas-${role}`;
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-roledescription", t("canvas.role"));
    canvas.setAttribute("aria-label", words(role, "canvas"));
    canvas.setAttribute("aria-describedby", "canvas-help");
    const empty = element("div", "drop");
    const invitation = element("p", "big", words(role, "drop"));
    const size = Math.floor(limits.upload_bytes / 2 ** 20);
    const formats = new Intl.ListFormat(language, { type: "disjunction" }).format(names);
    const small = element("p", "pale", size ? t("pane.formats", { names: formats, size }) : formats);
    const choices = element("div", "choices");
    choices.append(fileButton(`file-${role}`, words(role, "choose"), `image/*,${suffixes}`, (file) => choose(role, file), "upload"));
    if (role === "content") {
      const blank = element("button", "quiet", t("pane.blank"));
      blank.type = "button";
      blank.addEventListener("click", () => openBlank());
      choices.append(blank);
    }
    empty.append(invitation, choices, small);
    const busy = sending(role);
    stage.append(canvas, empty, busy);

    const painter = new Painter(canvas, role, () => drawn());
    painters[role] = painter;
    const tools = element("div", "pane-tools");
    tools.setAttribute("role", "group");
    tools.setAttribute("aria-label", words(role, "tools"));
    tools.append(
      iconButton("undo-2", words(role, "undo"), () => painter.undo()),
      iconButton("redo-2", words(role, "redo"), () => painter.redo()),
      iconButton("zoom-out", words(role, "out"), () => painter.zoomBy(1 / 1.4)),
      iconButton("zoom-in", words(role, "in"), () => painter.zoomBy(1.4)),
      iconButton("maximize", words(role, "fit"), () => painter.fit()),
      fileButton(`map-${role}`, words(role, "loadMap"), "image/*", (file) => openMap(role, file), "folder-open"),
      iconButton("save", words(role, "saveMap"), () =>
        isPainted(painter) ? attempt(() => saveMap(painter)) : notice(words(role, "nothing"), "hint")),
      iconButton("trash-2", words(role, "clear"), () => {
        painter.clear();
        say(words(role, "cleared"));
      }),
    );
    if (role === "content") headTools.append(iconButton("arrow-left-right", t("pane.swap"), () => attempt(swap)));
    headTools.append(views.enlargeButton(role, words(role, "called")));
    if (PAIR.includes(role)) headTools.append(iconButton("x", words(role, "another"), () => leave(role)));
    tools.hidden = headTools.hidden = true;
    pane.append(head, stage, tools);
    panes[role] = { pane, head, heading, corner, stage, canvas, empty, tools, headTools, note, meaning };

    for (const kind of ["dragenter", "dragover"]) {
      pane.addEventListener(kind, (event) => {
        event.preventDefault();
        pane.classList.add("over");
      });
    }
    pane.addEventListener("dragleave", (event) => pane.contains(event.relatedTarget) || pane.classList.remove("over"));
    pane.addEventListener("drop", (event) => {
      event.preventDefault();
      event.stopPropagation();
      pane.classList.remove("over");
      const [file] = event.dataTransfer.files;
      if (file) choose(role, file);
    });
    pane.addEventListener("paste", (event) => {
      const [file] = event.clipboardData.files;
      if (!file) return;
      event.stopPropagation();
      choose(role, file);
    });
  }
  on("leaked", tellLeak);
  // A file dropped beside the panes must not replace the page: it goes where a picture is lacking.
  window.addEventListener("dragover", (event) => event.preventDefault());
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    takeAnywhere(event.dataTransfer?.files[0]);
  });
  window.addEventListener("paste", (event) => takeAnywhere(event.clipboardData?.files[0]));
}

const takeAnywhere = (file) => file && choose(openRoles().find((role) => !state[role]) ?? "content", file);

export const paneOf = (role) => panes[role];

function furtherPane(role) {
  const pane = element("section", "pane");
  pane.id = `pane-${role}`;
  pane.setAttribute("aria-labelledby", `${role}-title`);
  pane.hidden = true; // see styles.js
  document.getElementById("view-result").before(pane);
  return pane;
}

// Said until the fill is taken back, or something else is painted.
function tellLeak(painter) {
  leak?.remove();
  leak = notice(words(painter.role, "leak"), "hint");
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
    const label = samples.length === 1 ? t("pane.samples") : t("pane.samplesNamed", { name: sample.name });
    for (const role of PAIR) {
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
  const signals = supersedePictures(PAIR);
  const role = PAIR.find((each) => isPainted(painters[each]));
  const former = state[role];
  const bringBack = role ? keepFormer() : null;
  await Promise.all(
    PAIR.map(async (role) => {
      await open(role, { reference: `sample:${sample.name}`, name: t("pane.sampleName") }, signals[role]);
      if (sample[mapRole(role)]) await loadMapFrom(role, sample[mapRole(role)], signals[role]);
    }),
  );
  if (role) tellReplaced(role, former, bringBack);
  emit("samples", sample);
  say(t("pane.samplesOpen"));
}

// Whatever was on its way to these panes is overtaken; returns the signals of what comes now, by role.
export function supersedePictures(roles = allRoles()) {
  supersede("proposal");
  return Object.fromEntries(roles.map((role) => [role, supersede(role)]));
}

// The words, the bar and the button that a pane shows while it sends a file.
function sending(role) {
  const busy = element("div", "busy");
  const text = element("p");
  text.id = `sending-${role}`;
  const bar = element("progress");
  bar.setAttribute("aria-labelledby", text.id);
  const cancel = element("button", "", t("send.cancel"));
  cancel.type = "button";
  cancel.setAttribute("aria-label", words(role, "dontSend"));
  cancel.addEventListener("click", () => {
    supersede(role);
    say(t("send.cancelled"));
  });
  busy.append(text, bar, cancel);
  watch(() => state.uploads[role], (upload) => {
    busy.hidden = !upload;
    if (!upload) return;
    const isSent = upload.share >= TRANSIT;
    text.textContent = isSent ? t("send.read", upload) : t("send.sent", { share: Math.floor(100 * upload.share), name: upload.name });
    if (isSent) bar.removeAttribute("value"); // nobody knows how long
    else bar.value = upload.share;
  });
  return busy;
}

async function choose(role, file) {
  clearNotices();
  const limit = state.schema?.limits.upload_bytes;
  if (limit && file.size > limit) {
    notice(t("send.large", { name: file.name, size: Math.ceil(file.size / 2 ** 20), most: Math.floor(limit / 2 ** 20) }));
    return;
  }
  await attempt(async () => {
    await send(role, file, file.name, supersede(role));
    say(t("pane.open", { title: words(role, "title"), name: file.name }));
    panes[role].canvas.focus({ preventScroll: true });
  });
}

// Send a file and show it, unless something else was chosen meanwhile.
export async function send(role, file, name, signal) {
  const show = (upload) => set({ uploads: { ...state.uploads, [role]: upload } });
  const onProgress = (share) => signal.aborted || show({ name, share });
  onProgress(0);
  signal.addEventListener("abort", () => show(null));
  try {
    const { id, width, height } = await api.upload(file, name, { signal, onProgress });
    Promise.resolve(drafts.keepFile(id, file)).catch(() => {}); // no room: the studio has it
    await open(role, { reference: id, name }, signal, { file, width, height });
  } finally {
    if (!signal.aborted) show(null);
  }
}

// Content and style change places, with what is painted on them.
async function swap() {
  const [content, style] = [state.content, state.style];
  if (!style || content.blank) {
    notice(t(style ? "pane.noSwapSheet" : "lack.style"), "hint");
    return;
  }
  clearNotices();
  const signals = supersedePictures(PAIR);
  const bringBack = keepFormer();
  const moves = [[content, "style", packMap(painters.content)], [style, "content", packMap(painters.style)]];
  for (const role of PAIR) painters[role].reset();
  try {
    await Promise.all(moves.map(async ([picture, role, map]) => {
      await openAs(role, picture, signals[role]);
      if (map) unpackMap(painters[role], map);
    }));
  } catch (error) {
    if (!isAbort(error)) await bringBack();
    throw error;
  }
  say(t("pane.swapped"));
}

// A picture that is open, or an address of one, in a pane. A sample is named by its role: as another one it is sent.
async function openAs(role, { reference, name, url }, signal) {
  if (reference && !reference.startsWith("sample:")) return open(role, { reference, name }, signal);
  const answer = await fetch(url, { signal });
  if (!answer.ok) throw new Error(t("viewer.missing"));
  return send(role, await answer.blob(), name, signal);
}

// A result becomes the picture to repaint.
export async function takeResult(url, name) {
  clearNotices();
  await openAs("content", { reference: null, name, url }, supersede("content"));
  say(t("pane.open", { title: t("content.title"), name }));
}

async function openMap(role, file) {
  await attempt(async () => {
    const remark = await loadMap(painters[role], file, supersede(`${role} map`));
    if (remark) notice(remark, "hint");
    say(words(role, "mapLoaded"));
  });
}

export async function fetchMap(role, url, signal) {
  const answer = await fetch(url, { signal });
  if (!answer.ok) throw new Error(words(role, "mapGone"));
  const map = await answer.blob();
  signal.throwIfAborted();
  return map;
}

export async function loadMapFrom(role, url, signal) {
  await loadMap(painters[role], await fetchMap(role, url, signal), signal);
}

async function decoded(url) {
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
  } catch {
    throw new Error(t("viewer.missing"));
  }
  return image;
}

// The file itself, if this browser reads it as the studio did: as a PNG of the studio it would come back larger.
async function local({ file, width, height }) {
  const url = URL.createObjectURL(file);
  const image = await decoded(url).catch(() => null);
  if (image?.naturalWidth === width && image.naturalHeight === height) return image;
  URL.revokeObjectURL(url);
  return null;
}

// Address of a picture that a run or a draft names: what a pane shows of it, or the studio's.
export function urlOf(reference, role) {
  return state[role]?.reference === reference ? state[role].url : api.pictureUrl(reference, role);
}

// Show a picture of the studio. `source`: the file that it was made from, and its size.
export async function open(role, picture, signal, source = null) {
  const image = (source && (await local(source))) ?? (await decoded(api.pictureUrl(picture.reference, role)));
  signal.throwIfAborted();
  const former = state[role];
  const bringBack = isPainted(painters[role]) && source ? keepFormer() : null;
  const size = { width: image.naturalWidth, height: image.naturalHeight };
  set({ [role]: { ...picture, ...size, url: image.src } });
  show(role, image, size);
  if (bringBack) tellReplaced(role, former, bringBack);
}

function tellReplaced(role, former, bringBack) {
  notice(words(role, "replaced", { name: former.name }), "hint", { label: t("pane.bringBack"), act: bringBack });
}

export function openBlank(size = SHEET) {
  set({ content: { blank: true, reference: null, name: t("pane.sheet"), ...size } });
  show("content", null, size);
}

function show(role, image, { width, height }) {
  painters[role].open(image, width, height);
  dress(role);
}

// Let a pane look as what there is in it, a picture or none.
export function dress(role) {
  const { canvas, empty, tools, headTools, note, pane, meaning } = panes[role];
  const picture = state[role];
  canvas.hidden = tools.hidden = headTools.hidden = !picture;
  empty.hidden = Boolean(picture);
  pane.classList.toggle("filled", Boolean(picture));
  const { width, height, name } = picture ?? {};
  note.textContent = note.title = picture ? `${width} × ${height}${name ? `, ${name}` : ""}` : meaning;
  drawn();
}

function leave(role) {
  supersede(role);
  const former = state[role];
  const bringBack = isPainted(painters[role]) ? keepFormer() : null;
  forget(role);
  if (bringBack) tellReplaced(role, former, bringBack);
  document.getElementById(`file-${role}`).focus();
}

export function forget(role) {
  views.shrink(role);
  painters[role].close();
  set({ [role]: null });
  dress(role);
}

function drawn() {
  forgetLeak();
  set({ drawn: state.drawn + 1 });
}
