// What the page shows of "the run or none": one function, without any state of its own.

import { presetName } from "./setting_words.js";
import { hasWords, language, t } from "./words.js";

const NAME = "glstylenet studio";
const ACTIVE = new Set(["queued", "running", "stopping"]);

export const stateWord = (state) => t(`state.${state}`);

export const isActive = (job) => Boolean(job && ACTIVE.has(job.state));

const capital = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

export const runName = (job) => (job.preset ? presetName(job.preset) : t("run.own"));

export const duration = (seconds) => {
  if (seconds < 1.5) return t("time.seconds", { count: 1 });
  if (seconds < 90) return t("time.seconds", { count: Math.round(seconds) });
  if (seconds < 5400) return t("time.minutes", { count: Math.round(seconds / 60) });
  return t("time.hours", { count: Number((seconds / 3600).toFixed(1)).toLocaleString(language) });
};

function waiting(job) {
  return job.queue_position > 0 ? t("run.waitingBehind", { count: job.queue_position }) : t("run.waiting");
}

function sentence(job, connected) {
  if (!connected && isActive(job)) return t("run.lost");
  const time = job.seconds ? t("run.after", { time: duration(job.seconds) }) : "";
  const picture = job.result || job.preview ? t("run.kept") : t("run.noneYet");
  switch (job.state) {
    case "queued":
      return waiting(job);
    case "running":
      return t("run.running");
    case "stopping":
      return t("run.stopping");
    case "done":
      return t("run.finished", { time });
    case "stopped":
      return t("run.stopped", { time, picture });
    case "interrupted":
      return t("run.interrupted");
    default:
      return t("run.failed");
  }
}

// After an evaluation, or after strokes were copied: then there are no losses. A run that only copies strokes has
// no evaluations to count, so its bar counts the sizes, and one part more for measuring the result.
function progressView(job) {
  if (job.state === "queued") return { share: 0, text: t("run.turn"), quarter: 0, left: "" };
  if (!job.progress) return { share: 0, text: t("run.starting"), quarter: 0, left: "" };
  const { evaluation, evaluations, scale, scales, seconds_left: seconds, losses } = job.progress;
  const share = evaluations ? Math.min(1, evaluation / evaluations) : scale / (scales + 1);
  const left = seconds == null ? "" : t("run.left", { time: duration(seconds) });
  const parts = [
    evaluations ? `${Math.floor(100 * share)} %` : "",
    scales > 1 ? t("run.scale", { scale, scales }) : "",
    Object.keys(losses ?? {}).length ? "" : t("run.strokes"),
    left,
  ];
  return { share, text: capital(parts.filter(Boolean).join(", ")), quarter: evaluations ? Math.floor(share * 4) : 0, left };
}

function heading(job) {
  const { quality, iterations } = job.settings ?? {};
  return [
    capital(runName(job)),
    job.width ? `${job.width} × ${job.height}` : "",
    quality ? t("run.ofQuality", { quality: hasWords(`quality.${quality}`) ? t(`quality.${quality}`) : quality }) : "",
    iterations ? t("run.iterations", { count: iterations }) : "",
  ].filter(Boolean).join(", ");
}

// A preview without iterations is made of copied strokes.
const copiesOnly = ({ settings: { quality, iterations } = {} }) => quality === "preview" && iterations == null;

function pageTitle(job, progress) {
  if (job.state === "done") return `✓ ${NAME}`;
  return job.state !== "queued" && progress && job.progress ? `${progress.text.split(", ")[0]} – ${NAME}` : NAME;
}

// A run in the strip: {words, share}; the share of its work that is done, or null where nothing goes on.
export function stripView(job) {
  const word = stateWord(job.state);
  if (!isActive(job)) return { words: word, share: null };
  const { share, left } = progressView(job);
  const count = job.state === "queued" ? job.queue_position : 0;
  return { words: left || (count > 0 ? t("state.queuedBehind", { count }) : word), share };
}

export const NO_RUN = {
  id: null,
  state: null,
  active: false,
  pageTitle: NAME,
  heading: "",
  sentence: "",
  lost: false,
  error: "",
  warnings: [],
  progress: null,
  optimised: true,
  picture: null, // address of what there is of the result
  standIn: null, // address of a picture of an earlier run that it goes on from
  content: null, // address of the content, to compare with
  size: null, // [width, height], once the run has told them
  note: "", // what is said where the picture will be
  downloads: null,
  stoppable: false,
  continuable: false,
  resumable: false,
  command: "",
};

// `pictureUrl(reference, role)`: the address of a picture that the run names.
export function runView(job, { connected = true, pictureUrl = () => null } = {}) {
  if (!job) return NO_RUN;
  const active = isActive(job);
  const address = `/api/jobs/${encodeURIComponent(job.id)}`;
  // Two results in one folder of downloads should not have one name.
  const file = `${job.preset ?? "glstylenet"}-${job.id.replace(/[^a-z0-9]/gi, "").slice(0, 6)}`;
  const picture = (active ? null : job.result) ?? job.preview ?? job.result ?? null;
  const progress = active ? progressView(job) : null;
  return {
    id: job.id,
    state: job.state,
    active,
    pageTitle: pageTitle(job, progress),
    heading: heading(job),
    sentence: sentence(job, connected),
    lost: active && !connected,
    error: job.error ?? "",
    warnings: job.warnings ?? [],
    progress,
    optimised: job.progress ? job.progress.evaluations > 0 : !copiesOnly(job),
    picture,
    standIn: job.continue_from ? `/api/jobs/${encodeURIComponent(job.continue_from)}/result.png` : null,
    content: job.content ? pictureUrl(job.content, "content") : null,
    size: job.width && job.height ? [job.width, job.height] : null,
    note: picture ? "" : noteOf(job, active),
    downloads: job.result ? { png: job.result, jpeg: `${address}/result.jpg`, tiff: `${address}/result.tiff`, zip: `${address}/archive.zip`, file } : null,
    stoppable: active && job.state !== "stopping",
    continuable: !active && Boolean(job.result),
    resumable: ["stopped", "interrupted"].includes(job.state),
    command: job.command ?? "",
  };
}

function noteOf(job, active) {
  if (!active) return t("run.noPicture");
  return t(job.state === "queued" ? "run.waiting" : "run.onItsWay");
}
