// Two pictures at any zoom, in step: a result beside the content, the style or another run. It lives in a tab of its
// own, whose address names the run: `#job=...`, and what it is compared with: `&with=...`.
import * as api from "./api.js";
import { icon } from "./icon.js";
import { numberOf, styleRole } from "./roles.js";
import { isActive, runName } from "./run_view.js";
import { attempt } from "./say.js";
import { label, valueName } from "./setting_words.js";
import { recall } from "./store.js";
import { supersede } from "./supersede.js";
import { Viewport } from "./viewport.js";
import * as words from "./words.js";
import { t } from "./words.js";

const GAP = 4; // pixels of the page between two pictures
const STEP = 60; // of an arrow key
const BLINK = 700; // ms that each picture is shown
const TURN = 2000; // ms between two looks at a run that goes on
const APART = 3; // settings that a run is told apart by, at most
const NEAR = 12; // how near to the divider a pointer takes it
const MODES = [
  ["one", "square"],
  ["side", "columns-2"],
  ["slider", "square-split-horizontal"],
  ["blink", "eye"],
];

const by = (id) => document.getElementById(id);
const canvas = by("sight");
const pen = canvas.getContext("2d");
const sides = [by("first"), by("second")];
const names = [by("first-name"), by("second-name")];
const pictures = [null, null]; // {image, width, height}
const jobs = new Map();
const pointers = new Map();
// What one picture is shown in: the whole canvas, or half of it.
const frame = { width: 1, height: 1 };
const view = new Viewport(frame);
let mode = "side";
let front = 0; // which of the two is shown when they alternate
let ratio = 1;
let drawing = false;
let holdsDivider = false;
let blinking = 0;

words.setup();
for (const [name, picture] of MODES) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.mode = name;
  button.title = t(`viewer.${name}.title`);
  button.append(icon(picture), t(`viewer.${name}`));
  button.addEventListener("click", () => setMode(name));
  by("modes").append(button);
}
by("zoom-in").addEventListener("click", () => zoomBy(1.4));
by("zoom-out").addEventListener("click", () => zoomBy(1 / 1.4));
by("fit").addEventListener("click", fit);
by("actual").addEventListener("click", actual);
by("divider").addEventListener("input", draw);
for (const [side, select] of sides.entries()) select.addEventListener("change", () => choose(side));
new ResizeObserver(resized).observe(canvas);
listen();
await attempt(open);
setMode(mode);
document.documentElement.dataset.ready = "true"; // for tests: the pictures are there

async function open() {
  const address = new URLSearchParams(location.hash.slice(1));
  const id = address.get("job") ?? "";
  const { jobs: known } = await api.jobs([...new Set([id, ...recall("runs", [])])]);
  for (const job of known) jobs.set(job.id, job);
  const job = jobs.get(id);
  if (!job) throw new Error(t("viewer.gone"));
  document.title = t("viewer.of", { name: runName(job) });
  for (const select of sides) offer(select, job);
  sides[0].value = `${id}/${job.content ? "content" : "style"}`;
  if (address.get("with")) sides[0].value = address.get("with");
  sides[1].value = `${id}/result`;
  await Promise.all([choose(0), choose(1)]);
}

// The styles of a run by their roles.
function stylesOf(job) {
  const further = (job.further_styles ?? []).map(({ style }, k) => [styleRole(k + 2), style]);
  return { style: job.style, ...Object.fromEntries(further) };
}

// What there is to be seen: of this run, and the results of the others.
function offer(select, job) {
  const styles = Object.keys(stylesOf(job));
  const own = ["result", "content", ...styles].filter((what) => what !== "content" || job.content);
  const title = (what) => (styles.length > 1 && styles.includes(what) ? t("viewer.styleOf", { number: numberOf(what) }) : t(`viewer.${what}`));
  for (const what of own) select.add(new Option(title(what), `${job.id}/${what}`));
  const others = document.createElement("optgroup");
  others.label = t("viewer.others");
  for (const other of jobs.values()) {
    if (other.id === job.id || !(other.result || other.preview)) continue;
    others.append(new Option(nameBeside(job, other), `${other.id}/result`));
  }
  if (others.children.length) select.append(others);
}

// What another run is called: variants of one preset differ in a setting or two, and begin within a minute.
function nameBeside(job, { settings, created, ...other }) {
  const apart = Object.keys(settings)
    .filter((name) => settings[name] !== job.settings[name])
    .slice(0, APART)
    .map((name) => `${label(name).toLowerCase()} ${valueName(settings[name])}`);
  const when = new Date(created * 1000).toLocaleString([], { dateStyle: "short", timeStyle: "medium" });
  return [runName(other), ...apart, when].join(", ");
}

function address(job, what) {
  if (what !== "result") return api.pictureUrl({ content: job.content, ...stylesOf(job) }[what], what);
  return (isActive(job) ? job.preview : job.result) ?? job.preview ?? job.result;
}

// Show what was chosen for one side, and follow it while its run goes on.
async function choose(side) {
  const signal = supersede(`side ${side}`);
  const [id, what] = sides[side].value.split("/");
  names[side].textContent = sides[side].selectedOptions[0]?.textContent ?? "";
  await attempt(() => load(side, id, what, signal));
  follow(side, id, what, signal);
}

async function follow(side, id, what, signal) {
  while (what === "result" && isActive(jobs.get(id)) && !signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, TURN));
    const job = await api.job(id, { signal }).catch(() => null);
    if (!job) continue;
    jobs.set(id, job);
    await attempt(() => load(side, id, what, signal));
  }
}

async function load(side, id, what, signal) {
  const source = address(jobs.get(id), what);
  if (!source) throw new Error(t("viewer.noPicture"));
  const image = new Image();
  image.src = source;
  await image.decode().catch(() => {
    throw new Error(t("viewer.missing"));
  });
  signal.throwIfAborted();
  const { naturalWidth: width, naturalHeight: height } = image;
  // The second picture is the measure: a preview of it may be smaller than what it is a preview of.
  const job = jobs.get(id);
  const whole = what === "result" && job.width ? { width: job.width, height: job.height } : { width, height };
  const was = pictures[1];
  pictures[side] = { image, ...whole };
  if (side === 1 && (was?.width !== whole.width || was?.height !== whole.height)) fit();
  if (side === 0 && !pictures[1]) fit();
  draw();
}

function measure() {
  return pictures[1] ?? pictures[0];
}

function setMode(name) {
  mode = name;
  for (const button of by("modes").querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.dataset.mode === name));
  by("divider").hidden = mode !== "slider";
  by("first").disabled = mode === "one";
  clearInterval(blinking);
  front = 1;
  // Whoever wants little motion alternates by hand.
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (mode === "blink" && !isStill) blinking = setInterval(flip, BLINK);
  layOut();
}

function flip() {
  front = 1 - front;
  draw();
}

function resized() {
  ratio = window.devicePixelRatio || 1;
  const box = canvas.getBoundingClientRect();
  canvas.width = Math.max(1, Math.round(box.width * ratio));
  canvas.height = Math.max(1, Math.round(box.height * ratio));
  layOut();
}

function layOut() {
  const across = mode === "side" ? Math.max(1, Math.floor((canvas.width - GAP * ratio) / 2)) : canvas.width;
  const wasFitted = view.fitted;
  const { width, height } = measure() ?? { width: 1, height: 1 };
  view.resize(across, canvas.height, width, height);
  if (wasFitted) view.fit(width, height);
  draw();
}

function fit() {
  const whole = measure();
  if (!whole) return;
  view.fit(whole.width, whole.height);
  draw();
}

// One pixel of the picture is one of the screen.
function actual() {
  view.zoomBy(1 / view.zoom);
  draw();
}

function zoomBy(factor, x, y) {
  view.zoomBy(factor, x, y);
  draw();
}

function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    paint();
  });
}

function paint() {
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  by("zoom").textContent = `${Math.round(100 * view.zoom)} %`;
  const divider = (by("divider").value / 1000) * canvas.width;
  if (mode === "side") {
    place(0, 0, frame.width, 0);
    place(1, frame.width + GAP * ratio, frame.width, frame.width + GAP * ratio);
  } else if (mode === "slider") {
    place(0, 0, divider, 0);
    place(1, divider, canvas.width - divider, 0);
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.fillStyle = "#1d1c1a";
    pen.fillRect(divider - 2 * ratio, 0, 4 * ratio, canvas.height);
    pen.fillStyle = "#ffffff";
    pen.fillRect(divider - ratio, 0, 2 * ratio, canvas.height);
  } else {
    place(mode === "blink" ? front : 1, 0, canvas.width, 0);
  }
  const seen = mode === "one" ? [false, true] : mode === "blink" ? [front === 0, front === 1] : [true, true];
  for (const [side, name] of names.entries()) name.hidden = !seen[side];
}

// One picture within a part of the canvas; `origin`: where its view begins.
function place(side, left, width, origin) {
  const picture = pictures[side];
  if (!picture) return;
  const whole = measure();
  pen.save();
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.beginPath();
  pen.rect(left, 0, width, canvas.height);
  pen.clip();
  pen.setTransform(view.zoom, 0, 0, view.zoom, view.x + origin, view.y);
  // A picture of another size takes the room of the measure, so that the same place is seen in both.
  const scale = Math.min(whole.width / picture.width, whole.height / picture.height);
  const [across, down] = [picture.width * scale, picture.height * scale];
  pen.imageSmoothingEnabled = view.zoom < 3;
  pen.imageSmoothingQuality = "high";
  pen.drawImage(picture.image, (whole.width - across) / 2, (whole.height - down) / 2, across, down);
  pen.restore();
}

// Where a pointer is, in the canvas' pixels, within the half that it is over.
function locate(event) {
  const box = canvas.getBoundingClientRect();
  const x = (event.clientX - box.left) * ratio;
  const y = (event.clientY - box.top) * ratio;
  return { x: mode === "side" && x > frame.width ? x - frame.width - GAP * ratio : x, y, whole: x };
}

function listen() {
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { x, y } = locate(event);
    zoomBy(Math.exp(-event.deltaY / 300), x, y);
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    const at = locate(event);
    pointers.set(event.pointerId, at);
    const divider = (by("divider").value / 1000) * canvas.width;
    holdsDivider = mode === "slider" && Math.abs(at.whole - divider) < NEAR * ratio;
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const at = locate(event);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (holdsDivider) {
      by("divider").value = (1000 * at.whole) / canvas.width;
    } else if (other) {
      const gap = (place) => Math.hypot(place.whole - other.whole, place.y - other.y) || 1;
      view.panBy((at.whole - before.whole) / 2, (at.y - before.y) / 2);
      view.zoomBy(gap(at) / gap(before), (at.x + other.x) / 2, (at.y + other.y) / 2);
    } else {
      view.panBy(at.whole - before.whole, at.y - before.y);
    }
    pointers.set(event.pointerId, at);
    draw();
  });
  for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, (event) => pointers.delete(event.pointerId));
  canvas.addEventListener("dblclick", (event) => {
    const { x, y } = locate(event);
    if (view.fitted) zoomBy(1 / view.zoom, x, y);
    else fit();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select, input")) return;
    const step = STEP * ratio;
    const pan = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }[event.key];
    const act = {
      "+": () => zoomBy(1.4),
      "=": () => zoomBy(1.4),
      "-": () => zoomBy(1 / 1.4),
      0: fit,
      ".": fit,
      1: actual,
      s: () => setMode("side"),
      d: () => setMode("slider"),
      b: () => setMode("blink"),
    }[event.key];
    if (pan) view.panBy(...pan);
    else if (act) act();
    else if (event.key === " " && event.target === canvas) {
      if (mode !== "blink") setMode("blink");
      clearInterval(blinking); // from here on by hand
      flip();
    } else return;
    event.preventDefault();
    draw();
  });
}
