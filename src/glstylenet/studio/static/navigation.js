// An entry of the tab's history names a draft, and its address perhaps a run. Back, forward and a reload bring both.
import * as api from "./api.js";
import * as drafts from "./drafts.js";
import * as following from "./following.js";
import { packMap, unpackMap } from "./maps.js";
import { setNames } from "./palette.js";
import { forget, loadMapFrom, open, openBlank, painters, send, supersedePictures, urlOf } from "./pictures.js";
import { allRoles, mapRole, openRoles, styleRole } from "./roles.js";
import { runView } from "./run_view.js";
import { attempt, clearNotices, notice, say } from "./say.js";
import { changed, hasPreset, usePreset } from "./settings.js";
import { emit, on, set, state, watch } from "./store.js";
import { isAbort, supersede } from "./supersede.js";
import { goto } from "./views.js";
import { t } from "./words.js";

const PAUSE = 400;
let current = null; // name of the draft that is on the page
let restoring = 0; // drafts that are being brought: meanwhile the page holds half of one
let timer = 0; // of the next writing
const missing = {}; // by role: {picture, map} of a draft whose picture the studio no longer has

export const runOfAddress = () => new URLSearchParams(location.hash.slice(1)).get("job");

export async function setup() {
  // Without a database (some private windows) drafts last as long as the page.
  await drafts.setup().catch(() => {});
  window.addEventListener("popstate", () => attempt(enter));
  window.addEventListener("pagehide", () => saveNow());
  await attempt(() => enter({ first: true }));
  on("removed", forgetMissing);
  watch(
    () => [allRoles().map((role) => state[role]), state.drawn, state.values, state.preset, state.styles, state.weights, state.regions, state.classNames],
    soon,
  );
}

// The picture of a draft that the studio no longer has, or none.
export const missingPicture = (role) => missing[role]?.picture ?? null;

// A style's pane is taken away: those behind it move up.
function forgetMissing(number) {
  for (let k = number; k <= state.styles; k++) {
    const next = missing[styleRole(k + 1)];
    if (next) missing[styleRole(k)] = next;
    else delete missing[styleRole(k)];
  }
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(saveNow, PAUSE);
}

// What is on the page, as a draft.
export function present() {
  // Only what was changed of the settings: a draft must not keep the defaults of an earlier version.
  const { preset, styles, weights, regions, classNames } = state;
  const work = { preset, changes: changed(), maps: {}, styles, weights, regions, classNames };
  for (const role of openRoles()) {
    if (state[role]) delete missing[role];
    const { url, ...picture } = state[role] ?? missing[role]?.picture ?? {};
    work[role] = Object.keys(picture).length ? picture : null;
    work.maps[role] = missing[role]?.map ?? packMap(painters[role]);
  }
  return work;
}

function saveNow() {
  clearTimeout(timer);
  if (restoring || !current) return;
  Promise.resolve(drafts.save(current, present())).catch(() => {}); // the browser's disk is full, or it keeps nothing
}

// Begin another entry, with the address of a run or the present one; the work so far stays with the entry before.
export function advance(address = location.href) {
  saveNow();
  const former = current;
  current = drafts.newName();
  history.pushState({ draft: current }, "", address);
  soon();
  return former;
}

// Bring a draft that was given a name; what was on the page stays with the entry before.
export async function openKept(name) {
  const work = await drafts.keptAs(name);
  advance(location.pathname);
  following.leave();
  clearNotices();
  restoring += 1;
  try {
    await restore(work, supersedePictures());
  } finally {
    restoring -= 1;
  }
  soon();
  goto("paint");
}

// Before a picture replaces another on which something was painted; returns what brings that back.
export function keepFormer() {
  const former = advance();
  return () => {
    saveNow();
    history.pushState({ draft: former }, "", location.href);
    return attempt(enter);
  };
}

// Bring what the present entry names onto the page. `first`: the page has just been opened.
async function enter({ first = false } = {}) {
  const id = runOfAddress();
  let name = history.state?.draft ?? null;
  if (!name && !first && id && id === state.job?.id) {
    history.replaceState({ draft: current }, ""); // the address that the page has already
    return;
  }
  if (!first) saveNow();
  clearNotices();
  const signal = supersede("entry");
  const panes = supersedePictures();
  restoring += 1;
  try {
    const job = id ? await runOf(id, signal) : null;
    const record = name ? await drafts.find(name) : first && !job ? await drafts.newest() : null;
    signal.throwIfAborted();
    if (!name) {
      name = drafts.newName();
      history.replaceState({ draft: name }, "");
    }
    current = name;
    if (job && job.id !== state.job?.id) {
      emit("opened", job.id);
      following.show(job);
      goto("result");
      say(t("run.opened", { sentence: runView(job).sentence }));
    } else if (!job && state.job) {
      following.leave();
      goto("paint");
    }
    const work = record ?? (job && workOf(job));
    if (work) await restore(work, panes);
  } catch (error) {
    if (!isAbort(error)) throw error;
  } finally {
    restoring -= 1;
  }
  if (!signal.aborted) soon();
}

async function runOf(id, signal) {
  try {
    return await api.job(id, { signal });
  } catch (error) {
    if (isAbort(error)) throw error;
    notice(error.status === 404 ? t("viewer.gone") : error.message);
    return null;
  }
}

// What a run was made from, in the form of a draft.
function workOf(job) {
  const size = job.width ? { width: job.width, height: job.height } : {};
  return {
    content: job.content ? { reference: job.content, name: "content" } : { blank: true, ...size },
    style: { reference: job.style, name: "style" },
    ...stylesOf(job),
    preset: hasPreset(job.preset) ? job.preset : null,
    changes: job.settings,
  };
}

function stylesOf({ content_map: content, style_map: style, further_styles: further = [], style_weights: weights = [], ...job }) {
  const largest = Math.max(...weights);
  const work = {
    styles: 1 + further.length,
    weights: largest > 0 ? weights.map((weight) => weight / largest) : [],
    regions: job.regions ?? {},
    classNames: job.class_names ?? {},
    maps: { content, style },
  };
  for (const [k, each] of further.entries()) {
    const role = styleRole(k + 2);
    work[role] = { reference: each.style, name: role.replace("_", " ") };
    work.maps[role] = each.style_map;
  }
  return work;
}

async function restore(work, panes) {
  if (work.preset === null || hasPreset(work.preset)) usePreset(work.preset, work.changes);
  // Drafts of earlier versions know of one style.
  const { styles = 1, weights = [], regions = {}, classNames = {} } = work;
  set({ styles, weights, regions });
  setNames(classNames);
  await Promise.all(allRoles().map((role) => attempt(() => bring(role, work[role], work.maps[role], panes[role]))));
}

async function bring(role, picture, map, signal) {
  delete missing[role];
  if (!picture) return forget(role);
  if (picture.blank) openBlank(picture.width ? { width: picture.width, height: picture.height } : undefined);
  else if (picture.reference === state[role]?.reference) painters[role].reset();
  else {
    try {
      await reopen(role, picture, signal);
    } catch (error) {
      if (!isAbort(error)) {
        forget(role);
        missing[role] = { picture, map };
      }
      throw error;
    }
  }
  if (typeof map === "string") await loadMapFrom(role, urlOf(map, mapRole(role)), signal);
  else if (map) unpackMap(painters[role], map);
  return undefined;
}

// The studio may have made room in its folder since: then it is given the file again.
async function reopen(role, picture, signal) {
  try {
    await open(role, picture, signal);
  } catch (error) {
    const file = isAbort(error) ? null : await drafts.fileOf(picture.reference);
    if (!file) throw error;
    await send(role, file, picture.name, signal);
  }
}
