// Starting a run, stopping it, going on from it; and what still keeps one from starting.
import * as api from "./api.js";
import * as following from "./following.js";
import * as history from "./history.js";
import { areUniform, isPainted, regionsOn, uploadMaps } from "./maps.js";
import { advance } from "./navigation.js";
import { painters } from "./pictures.js";
import { askForLeave } from "./ending.js";
import { allRoles, countingStyles, emptyStyle, PAIR, regions, styleRoles, weightOf, words } from "./roles.js";
import { isActive } from "./run_view.js";
import { attempt, clearNotices, notice } from "./say.js";
import { changed, firstProblem } from "./settings.js";
import { computed, state, watch } from "./store.js";
import { supersede } from "./supersede.js";
import { goto } from "./views.js";
import { t } from "./words.js";

const by = (id) => document.getElementById(id);
const PAUSE = 120;

let starting = false;

export const active = () => isActive(state.job);

export function setup() {
  by("run").addEventListener("click", () => run());
  by("stop").addEventListener("click", () => stop());
  by("continue").addEventListener("click", () => run(state.job.id));
  by("resume").addEventListener("click", () => following.change(api.resume));
  by("copy-command").addEventListener("click", () => copy(state.job.command, t("copy.command")));
  by("copy-link").addEventListener("click", () => copy(location.href, t("copy.address")));
  const phase = computed(() => state.job?.state);
  const sending = computed(uploading);
  watch(
    () => [allRoles().map((role) => state[role]), state.styles, state.weights, state.regions, state.problems, phase.value, sending.value],
    hint,
  );
  let timer = 0;
  watch(() => state.drawn, () => {
    clearTimeout(timer);
    timer = setTimeout(hint, PAUSE); // it looks at every pixel of both maps
  });
}

async function copy(text, done) {
  try {
    await navigator.clipboard.writeText(text);
    notice(done, "done");
  } catch {
    notice(t("copy.refused", { text }), "hint");
  }
}

const uploading = () => Object.values(state.uploads).find(Boolean)?.name;

// What still keeps the run from starting, or null.
function lacking() {
  const { content, style } = state;
  if (uploading()) return t("lack.sending", { name: uploading() });
  const problem = firstProblem();
  if (problem) return problem;
  if (!content && !style) return t("lack.both");
  if (!content) return t("lack.content");
  if (!style) return t("lack.style");
  if (emptyStyle()) return words(emptyStyle(), "lacking");
  if (!countingStyles().length) return t("lack.weight");
  const isDrawn = isPainted(painters.content);
  const isMapped = stylePainters().some(isPainted);
  // A class that has a style of its own needs no style's map.
  const isBound = Object.keys(boundRegions()).length > 0;
  if (content.blank && !(isDrawn && (isMapped || isBound))) return t("lack.sheet");
  if (isDrawn !== isMapped && !isBound) return t(isDrawn ? "lack.styleMap" : "lack.contentMap");
  return null;
}

const stylePainters = () => styleRoles().map((role) => painters[role]);
const boundRegions = () => regionsOn(painters.content, regions());

function hint() {
  const missing = lacking();
  const painted = state.content && isPainted(painters.content);
  const mapped = [painters.content, ...stylePainters()].filter(isPainted);
  const useless = !missing && painted && areUniform(...mapped) && !Object.keys(boundRegions()).length;
  by("run-hint").textContent = missing ?? readiness(painted, useless);
  by("run").classList.toggle("unready", Boolean(missing));
  const done = [state.content && state.style, painted && mapped.length > 1 && !useless, state.job?.state === "done"];
  for (const [k, name] of ["pictures", "maps", "run"].entries()) by(`lead-${name}`).classList.toggle("done", Boolean(done[k]));
}

function readiness(painted, useless) {
  if (!painted) return t("ready.noMaps");
  return t(useless ? "ready.oneClass" : "ready.maps");
}

export async function run(continueFrom = null) {
  if (starting) return;
  clearNotices();
  const missing = lacking();
  if (missing) {
    notice(missing, "hint");
    goto("paint");
    return;
  }
  starting = true;
  askForLeave(state.estimate?.seconds[state.values.quality] ?? 0);
  const signal = supersede("entry");
  by("run").setAttribute("aria-busy", "true");
  await attempt(async () => {
    const several = state.styles > 1;
    const maps = await uploadMaps(painters.content, stylePainters());
    const map = (role) => maps[role] ?? null;
    const further = styleRoles().filter((role) => !PAIR.includes(role));
    const job = await api.createJob({
      content: state.content.reference,
      style: state.style.reference,
      content_map: map("content"),
      style_map: map("style"),
      further_styles: further.map((role) => ({ style: state[role].reference, style_map: map(role) })),
      style_weights: several ? styleRoles().map(weightOf) : [],
      regions: boundRegions(),
      class_names: state.classNames,
      preset: state.preset,
      settings: changed(),
      continue_from: continueFrom,
    });
    history.keep(job.id);
    if (signal.aborted) return; // another run was opened meanwhile: this one is among the earlier ones
    if (active()) {
      notice(t("runs.queued"), "done"); // what grows stays in sight
      return;
    }
    advance(`#job=${job.id}`);
    following.show(job);
    goto("result");
  });
  starting = false;
  by("run").removeAttribute("aria-busy");
}

export async function stop() {
  if (active()) await following.change(api.stop);
}
