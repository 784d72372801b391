// Following the run that is shown: what the server tells of it goes into the state, until its end.
import * as api from "./api.js";
import * as curve from "./curve.js";
import { isActive } from "./run_view.js";
import { attempt, notice } from "./say.js";
import { emit, set, state } from "./store.js";
import { isAbort, supersede } from "./supersede.js";
import { t } from "./words.js";

const RETRY = 2000;
const TURN = 2000; // how often a waiting run asks for its place
const WHAT = "following";

const numberOf = (url) => Number(new URL(url, location.href).searchParams.get("n"));

// Show a run, and follow it while it goes on. A finished one has nothing more to tell than its curve.
export function show(job) {
  const signal = supersede(WHAT);
  set({ job, connected: true });
  if (isActive(job)) listen(job.id, signal);
  else loadCurve(job.id, signal);
}

// Show no run.
export function leave() {
  supersede(WHAT);
  set({ job: null, connected: true });
}

async function loadCurve(id, signal) {
  const answer = await api.curve(id, { signal }).catch(() => null);
  if (answer && !signal.aborted) curve.setAll(answer.points);
}

function listen(id, signal) {
  const mine = (work) => (detail) => !signal.aborted && work(detail);
  const change = (changes) => set({ job: { ...state.job, ...changes }, connected: true });
  const advance = mine((progress) => {
    change({ progress });
    if (Object.keys(progress.losses ?? {}).length) curve.add(progress.evaluation, progress.losses);
  });
  const close = api.watch(id, {
    state: mine((job) => change(job)),
    strokes: advance,
    progress: advance,
    // A reader that comes late may be told of earlier previews, which are no longer there to be fetched.
    preview: mine(({ url }) => numberOf(url) > numberOf(state.job.preview ?? "") && change({ preview: url })),
    curve: mine(({ points }) => curve.setAll(points)),
    warning: mine(({ message }) => change({ warnings: [...new Set([...(state.job.warnings ?? []), message])] })),
    end: mine(({ state: last }) => (last === "deleted" ? gone(id) : reload(id, signal))),
    open: mine(() => set({ connected: true })),
    lost: mine((closed) => {
      set({ connected: false });
      if (closed) again(id, signal);
    }),
  });
  signal.addEventListener("abort", close);
  countDown(id, signal);
}

// Others' runs end without a word to those that wait behind them.
function countDown(id, signal) {
  const timer = setInterval(async () => {
    if (state.job?.state !== "queued") return;
    const job = await api.job(id, { signal }).catch(() => null);
    if (job && !signal.aborted && state.job?.state === "queued" && job.state === "queued") {
      set({ job: { ...state.job, queue_position: job.queue_position } });
    }
  }, TURN);
  signal.addEventListener("abort", () => clearInterval(timer));
}

function again(id, signal) {
  const timer = setTimeout(() => reload(id, signal), RETRY);
  signal.addEventListener("abort", () => clearTimeout(timer));
}

async function reload(id, signal) {
  try {
    const job = await api.job(id, { signal });
    if (signal.aborted) return;
    show(job);
    emit("runs");
  } catch (error) {
    if (isAbort(error) || signal.aborted) return;
    if (error.status === 404) gone(id);
    else again(id, signal);
  }
}

// The run is no longer there: neither on the page nor in its address. Returns whether it was.
export function drop(id) {
  if (state.job?.id !== id) return false;
  leave();
  window.history.replaceState(window.history.state, "", location.pathname);
  return true;
}

// It was deleted elsewhere.
function gone(id) {
  if (drop(id)) notice(t("run.gone"), "hint");
  emit("runs");
}

// Ask the server for something about the shown run, and show what it answers.
export async function change(ask) {
  const { id } = state.job;
  await attempt(async () => {
    try {
      const job = await ask(id);
      if (state.job?.id === id) show(job);
    } catch (error) {
      if (error.status !== 404) throw error;
      gone(id);
    }
  });
}

// Another tab deleted or started runs.
export async function check() {
  const id = state.job?.id;
  if (!id) return;
  await api.job(id).catch((error) => error.status === 404 && gone(id));
}
