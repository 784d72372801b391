// One run: start it, follow it, stop it, go on from it, open it again by its address.
import * as api from "./api.js";
import * as curve from "./curve.js";
import * as history from "./history.js";
import { areUniform, isPainted, uploadMaps } from "./maps.js";
import { forget, loadMapFrom, open, openBlank, painters } from "./pictures.js";
import { attempt, clearNotices, notice, say } from "./say.js";
import { changed, hasPreset, usePreset } from "./settings.js";
import * as slider from "./slider.js";
import { on, set, state } from "./store.js";
import { goto } from "./views.js";

const by = (id) => document.getElementById(id);
const runButton = by("run");
const stopButton = by("stop");
const bar = by("progress-bar");
const barText = by("progress-text");
const ACTIVE = new Set(["queued", "running", "stopping"]);
const RETRY = 2000;
const PAUSE = 120;

let unwatch = null;
let starting = false;
let told = 0; // the last quarter that was announced
let retry = 0;

export const active = () => Boolean(state.job && ACTIVE.has(state.job.state));

export function setup() {
  runButton.addEventListener("click", () => run());
  stopButton.addEventListener("click", () => stop());
  by("continue").addEventListener("click", () => run(state.job.id));
  by("resume").addEventListener("click", () =>
    attempt(async () => {
      const job = await api.resume(state.job.id);
      show(job);
      follow(job.id);
    }));
  by("copy-command").addEventListener("click", () => copy(state.job.command, "Command copied"));
  by("copy-link").addEventListener("click", () => copy(location.href, "Address of the run copied"));
  window.addEventListener("hashchange", openAddress);
  for (const topic of ["content", "style", "job"]) on(topic, hint);
  let timer = 0;
  on("map", () => {
    clearTimeout(timer);
    timer = setTimeout(hint, PAUSE); // it looks at every pixel of both maps
  });
}

async function copy(text, done) {
  try {
    await navigator.clipboard.writeText(text);
    notice(done, "done");
  } catch {
    notice(`The browser does not let the page copy. Here it is: ${text}`, "hint");
  }
}

// What still keeps the run from starting, or null.
function lacking() {
  const { content, style } = state;
  if (!content && !style) return "Choose a content picture and a style picture first.";
  if (!content) return "Choose a content picture first.";
  if (!style) return "Choose a style picture first.";
  const drawn = [painters.content, painters.style].map(isPainted);
  if (content.blank && !(drawn[0] && drawn[1])) {
    return "A bare sheet needs maps: draw on it, and paint the style in the same colours.";
  }
  if (drawn[0] !== drawn[1]) {
    return `Maps come in pairs: paint the ${drawn[0] ? "style" : "content"} too, or clear the map of the ${drawn[0] ? "content" : "style"}.`;
  }
  return null;
}

function hint() {
  const missing = lacking();
  const painted = state.content && isPainted(painters.content);
  const useless = !missing && painted && areUniform(painters.content, painters.style);
  by("run-hint").textContent = active() ? "" : (missing ?? readiness(painted, useless));
  runButton.classList.toggle("unready", Boolean(missing));
  const done = [state.content && state.style, painted && isPainted(painters.style) && !useless, state.job?.state === "done"];
  for (const [k, name] of ["pictures", "maps", "run"].entries()) by(`lead-${name}`).classList.toggle("done", Boolean(done[k]));
}

function readiness(painted, useless) {
  if (!painted) return "Ready, without maps.";
  return useless ? "Ready, but both maps are of one class: they tell nothing apart." : "Ready, with maps.";
}

export async function run(continueFrom = null) {
  if (active() || starting) return;
  clearNotices();
  const missing = lacking();
  if (missing) {
    notice(missing, "hint");
    goto("paint");
    return;
  }
  starting = true;
  runButton.setAttribute("aria-busy", "true");
  await attempt(async () => {
    const maps = await uploadMaps(painters.content, painters.style);
    const job = await api.createJob({
      content: state.content.reference,
      style: state.style.reference,
      ...maps,
      preset: state.preset,
      settings: changed(),
      continue_from: continueFrom,
    });
    begin(job);
    window.history.pushState(null, "", `#job=${job.id}`);
    goto("result");
    follow(job.id);
    history.keep(job.id);
  });
  starting = false;
  runButton.removeAttribute("aria-busy");
}

export async function stop() {
  if (!active()) return;
  await attempt(async () => show(await api.stop(state.job.id)));
}

// Show a job from its start: an empty curve, and before its first preview what it goes on from, or the content.
function begin(job) {
  told = 0;
  document.title = "glstylenet studio";
  bar.value = 0;
  barText.textContent = "Starting";
  curve.clear();
  tellOptimised(true);
  by("result").hidden = false;
  by("result-empty").hidden = true;
  const source = state.content?.blank ? null : state.content?.url;
  const earlier = job.continue_from && `/api/jobs/${encodeURIComponent(job.continue_from)}/result.png`;
  slider.start(job, source ?? null, earlier);
  show(job);
}

function show(job) {
  const before = state.job?.id === job.id ? state.job.state : null;
  set({ job });
  const running = ACTIVE.has(job.state);
  runButton.hidden = running;
  by("quality").hidden = running;
  stopButton.hidden = !running;
  stopButton.disabled = job.state === "stopping";
  by("progress").hidden = !running;
  const name = job.preset ? job.preset.replaceAll("-", " ") : "own settings";
  const { quality, iterations } = job.settings ?? {};
  by("job-title").textContent = [
    `${name[0].toUpperCase()}${name.slice(1)}`,
    job.width ? `${job.width} × ${job.height}` : "",
    quality ? `${quality} quality` : "",
    iterations ? `${iterations} iterations` : "",
  ].filter(Boolean).join(", ");
  by("job-state").textContent = sentence(job);
  by("job-error").textContent = job.error ?? "";
  by("job-error").hidden = !job.error;
  warn(job.warnings ?? []);
  by("downloads").hidden = !job.result;
  if (job.result) {
    by("get-png").href = job.result;
    by("get-tiff").href = `/api/jobs/${encodeURIComponent(job.id)}/result.tiff`;
    // Two results in one folder of downloads should not have one name.
    const file = `${job.preset ?? "glstylenet"}-${job.id.replace(/[^a-z0-9]/gi, "").slice(0, 6)}`;
    by("get-png").download = `${file}.png`;
    by("get-tiff").download = `${file}.tiff`;
  }
  by("continue").hidden = running || !job.result;
  by("resume").hidden = !["stopped", "interrupted"].includes(job.state);
  by("command").textContent = job.command ?? "";
  by("command-box").hidden = !job.command;
  if (job.result && !running) slider.show(job.result);
  else if (job.preview) slider.show(job.preview);
  if (!running && !job.result && !job.preview) {
    slider.clear();
    by("waiting").textContent = "This run left no picture.";
  } else by("waiting").textContent = job.state === "queued" ? "Waiting for its turn." : "The first preview is on its way.";
  if (job.progress) progress(job.progress);
  else barText.textContent = job.state === "queued" ? "Waiting for its turn" : "Starting";
  if (before && before !== job.state) say(`Run ${history.WORDS[job.state] ?? job.state}. ${job.error ?? ""}`);
  if (!running) document.title = `${job.state === "done" ? "✓ " : ""}glstylenet studio`;
  history.mark();
}

function sentence(job) {
  const time = job.seconds ? ` after ${duration(job.seconds)}` : "";
  switch (job.state) {
    case "queued":
      return job.queue_position > 0 ? `Waiting: ${job.queue_position} before it.` : "Waiting for its turn.";
    case "running":
      return "Running. You may close this tab: the run goes on, and its address brings you back.";
    case "stopping":
      return "Stopping after this step …";
    case "done":
      return `Finished${time}.`;
    case "stopped":
      return `Stopped${time}; the picture so far is kept.`;
    case "interrupted":
      return "The studio was closed during this run. It can go on from where it was.";
    default:
      return "It could not be finished.";
  }
}

function warn(warnings) {
  by("job-warnings").replaceChildren(
    ...warnings.map((text) => {
      const row = document.createElement("li");
      row.textContent = text;
      return row;
    }),
  );
}

const duration = (seconds) => {
  if (seconds < 1.5) return "1 s";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
};

// After an evaluation, or after strokes were copied: then there are no losses. A run that only copies strokes has
// no evaluations to count, so its bar counts the sizes, and one part more for measuring the result.
function progress({ evaluation, evaluations, scale, scales, seconds_left: left, losses }) {
  const share = evaluations ? Math.min(1, evaluation / evaluations) : scale / (scales + 1);
  bar.value = share;
  const measured = Object.keys(losses ?? {}).length > 0;
  const wait = left == null ? "" : `about ${duration(left)} left`;
  const text = [
    evaluations ? `${Math.floor(100 * share)} %` : "",
    scales > 1 ? `size ${scale} of ${scales}` : "",
    measured ? "" : "strokes copied",
    wait,
  ].filter(Boolean).join(", ");
  const shown = `${text[0].toUpperCase()}${text.slice(1)}`;
  barText.textContent = state.job?.state === "queued" ? "Waiting for its turn" : shown;
  if (active()) document.title = `${shown.split(", ")[0]} – glstylenet studio`;
  const quarter = evaluations ? Math.floor(share * 4) : 0;
  if (active() && quarter > told && quarter < 4) {
    told = quarter;
    say(`${quarter * 25} % done${wait ? `, ${wait}` : ""}`);
  }
  tellOptimised(evaluations > 0);
  if (measured) curve.add(evaluation, losses);
}

// A run without evaluations has no curve.
function tellOptimised(optimised) {
  by("improve").hidden = !optimised;
  by("copied").hidden = optimised;
}

function follow(id) {
  unwatch?.();
  clearTimeout(retry);
  const mine = (work) => (detail) => state.job?.id === id && work(detail);
  const advance = mine((detail) => {
    state.job.progress = detail;
    progress(detail);
  });
  unwatch = api.watch(id, {
    state: mine(show),
    strokes: advance,
    progress: advance,
    preview: mine(({ url }) => slider.show(url)),
    curve: mine(({ points }) => curve.setAll(points)),
    warning: mine(({ message }) => {
      const known = state.job.warnings ?? [];
      if (known.includes(message)) return;
      state.job.warnings = [...known, message];
      warn(state.job.warnings);
    }),
    end: mine(async () => {
      const job = await attempt(() => api.job(id));
      if (job && state.job?.id === id) show(job);
      history.refresh();
    }),
    open: () => by("job-state").classList.remove("lost"),
    lost: mine((closed) => {
      if (active()) {
        by("job-state").textContent = "The studio does not answer; trying again …";
        by("job-state").classList.add("lost");
      }
      if (closed) retry = setTimeout(() => state.job?.id === id && reopen(id), RETRY);
    }),
  });
}

async function reopen(id) {
  try {
    show(await api.job(id));
    follow(id);
  } catch (error) {
    if (error.status === 404) notice("This run is no longer there.");
    else retry = setTimeout(() => state.job?.id === id && reopen(id), RETRY);
  }
}

// The job that the page's address names, with its pictures, maps and settings.
export async function openAddress() {
  const id = new URLSearchParams(location.hash.slice(1)).get("job");
  if (!id || id === state.job?.id) return false;
  clearNotices();
  unwatch?.();
  let job;
  try {
    job = await api.job(id);
  } catch (error) {
    notice(error.status === 404 ? "The run of this address is no longer there: it was deleted, or too old." : error.message);
    return false;
  }
  usePreset(hasPreset(job.preset) ? job.preset : null, job.settings);
  await attempt(() => restore(job));
  begin(job);
  goto("result");
  follow(id);
  history.keep(id);
  say(`Run opened: ${sentence(job)}`);
  return true;
}

async function restore(job) {
  if (job.content) await open("content", { reference: job.content, url: api.pictureUrl(job.content, "content"), name: "content" });
  else openBlank(job.width ? { width: job.width, height: job.height } : undefined);
  if (job.style) await open("style", { reference: job.style, url: api.pictureUrl(job.style, "style"), name: "style" });
  else forget("style");
  for (const role of ["content", "style"]) {
    const map = job[`${role}_map`];
    if (map) await loadMapFrom(role, api.pictureUrl(map, `${role}_map`));
  }
}
