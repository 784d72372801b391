// The strip of runs of this browser: their ids are kept here, everything else on the server.
import * as api from "./api.js";
import { ask } from "./dialogs.js";
import { iconButton } from "./icon.js";
import { attempt, say } from "./say.js";
import { differences } from "./settings.js";
import { on, recall, remember, state, watch } from "./store.js";
import { check, drop } from "./following.js";
import { tell } from "./ending.js";
import { isActive, runName, stripView } from "./run_view.js";
import { supersede } from "./supersede.js";
import { goto } from "./views.js";
import { t } from "./words.js";

const MOST = 40;
const TURN = 1500; // ms between two looks at runs that go on
const HIDDEN_TURN = 5000; // while nobody sees the page

const by = (id) => document.getElementById(id);
const list = by("history");
const items = new Map(); // by id: an entry of the strip, which outlives a look at the server
let going = new Set(); // ids of runs that went on when they were last looked at
let seen = ""; // ids and states of the runs when the folder's fullness was last asked for
let timer = 0;

export function setup() {
  watch(() => state.job?.id, mark);
  on("runs", refresh);
  on("opened", keep);
  by("delete-all").addEventListener("click", () => attempt(removeAll));
  // Another tab started or deleted a run.
  window.addEventListener("storage", ({ key }) => key === "glstylenet.runs" && refresh().then(check));
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
  if (state.job) keep(state.job.id);
  else refresh();
}

export const ids = () => recall("runs", []);

export function keep(id) {
  if (!ids().includes(id)) remember("runs", [id, ...ids()].slice(0, MOST));
  return refresh();
}

export async function refresh() {
  clearTimeout(timer);
  const known = ids();
  const signal = supersede("strip"); // an answer of before a run was queued or deleted knows nothing of it
  if (!known.length) return show([]);
  const answer = await api.jobs(known).catch(() => null);
  if (signal.aborted) return undefined;
  if (!answer) {
    again();
    return undefined;
  }
  // The server's retention may have taken some. What it was not asked for, another tab has added meanwhile.
  const found = new Map(answer.jobs.map((job) => [job.id, job]));
  const left = ids().filter((id) => found.has(id) || !known.includes(id));
  remember("runs", left);
  show(left.filter((id) => found.has(id)).map((id) => found.get(id)));
  if (answer.jobs.some(isActive)) again();
  return undefined;
}

function again() {
  clearTimeout(timer);
  timer = setTimeout(refresh, document.hidden ? HIDDEN_TURN : TURN);
}

async function showFullness() {
  const answer = await api.storage().catch(() => null);
  if (!answer) return;
  const { bytes, quota, runs, pictures } = answer;
  by("fullness").hidden = by("delete-all").hidden = runs + pictures === 0;
  by("fullness").textContent = t("runs.fullness", { used: size(bytes), quota: size(quota) });
}

const size = (bytes) =>
  bytes < 2 ** 30 ? `${Math.ceil(bytes / 2 ** 20)} MB` : `${(bytes / 2 ** 30).toFixed(1)} GB`;

function show(jobs) {
  const now = jobs.map(({ id, state: word }) => `${id} ${word}`).join();
  if (now !== seen || !now) showFullness(); // the server looks at every file for it
  seen = now;
  for (const job of jobs) if (going.has(job.id) && !isActive(job)) tell(job);
  going = new Set(jobs.filter(isActive).map(({ id }) => id));
  by("history-empty").hidden = jobs.length > 0;
  const wanted = new Set(jobs.map(({ id }) => id));
  for (const [id, item] of items) {
    if (wanted.has(id)) continue;
    item.row.remove();
    items.delete(id);
  }
  for (const [place, job] of jobs.entries()) {
    if (!items.has(job.id)) items.set(job.id, new Item(job));
    const item = items.get(job.id);
    item.show(job);
    if (list.children[place] !== item.row) list.insertBefore(item.row, list.children[place] ?? null);
  }
  mark();
}

function mark() {
  for (const [id, { link }] of items) {
    if (id === state.job?.id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

// One run of the strip. It is made once, so that focus and scrolling stay where they are when it is told news.
class Item {
  constructor(job) {
    this.row = document.createElement("li");
    this.link = document.createElement("a");
    this.link.href = `#job=${job.id}`;
    this.link.dataset.id = job.id;
    this.link.addEventListener("click", (event) => {
      if (job.id !== state.job?.id) return;
      event.preventDefault(); // it is open, with what was painted since
      goto("result");
    });
    this.picture = placeholder();
    this.source = null;
    const words = document.createElement("span");
    this.title = document.createElement("b");
    this.note = document.createElement("small");
    this.progress = document.createElement("progress");
    this.changes = document.createElement("small");
    this.changes.className = "changes";
    words.append(this.title, this.note, this.progress, this.changes);
    this.link.append(this.picture, words);
    const named = { name: runName(job), time: begun(job, { dateStyle: "short" }) };
    this.bin = iconButton("trash-2", t("runs.delete", named), () => attempt(() => remove(job.id, named)));
    this.row.append(this.link, this.bin);
  }

  show(job) {
    const { words, share } = stripView(job);
    this.title.textContent = runName(job);
    this.note.textContent = [words, share === null ? begun(job) : ""].filter(Boolean).join(", ");
    this.progress.hidden = share === null;
    if (share !== null) {
      this.progress.value = share;
      this.progress.setAttribute("aria-label", words);
    }
    const count = 1 + (job.further_styles?.length ?? 0);
    const others = [...(count > 1 ? [t("runs.styles", { count })] : []), ...differences(job)].join(", ");
    this.changes.hidden = !others;
    this.changes.textContent = this.link.title = others;
    this.#showPicture(job.thumbnail);
  }

  #showPicture(source) {
    if (source === this.source) return;
    this.source = source;
    if (!source) return;
    const image = new Image();
    image.alt = "";
    image.src = source;
    image.addEventListener("load", () => {
      if (this.source !== source) return;
      this.picture.replaceWith(image);
      this.picture = image;
    });
  }
}

// When a run began: without the day, if that is today.
function begun(job, day = {}) {
  const when = new Date(job.created * 1000);
  if (Number.isNaN(when.getTime())) return "";
  const isToday = when.toDateString() === new Date().toDateString();
  return when.toLocaleString([], { ...(isToday ? day : { dateStyle: "short" }), timeStyle: "short" });
}

function placeholder() {
  const box = document.createElement("span");
  box.className = "no-picture";
  return box;
}

async function remove(id, named) {
  if (!(await ask(t("runs.deleteOne", named), t("runs.deleteOneText"), t("runs.deleteYes"), t("runs.deleteNo")))) return;
  await api.remove(id).catch((error) => {
    if (error.status !== 404) throw error;
  });
  remember("runs", ids().filter((other) => other !== id));
  await refresh();
  say(t("runs.deleted"));
  drop(id);
}

async function removeAll() {
  if (!(await ask(t("runs.deleteEvery"), t("runs.deleteEveryText"), t("runs.deleteAll"), t("runs.deleteNo")))) return;
  await api.removeAll();
  remember("runs", []);
  await refresh();
  say(t("runs.deletedAll"));
  if (state.job) drop(state.job.id);
}
