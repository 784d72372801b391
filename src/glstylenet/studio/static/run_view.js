// What the page shows of "the run or none": one function, without any state of its own.

const NAME = "glstylenet studio";
const ACTIVE = new Set(["queued", "running", "stopping"]);
export const WORDS = {
  queued: "waiting",
  running: "running",
  stopping: "stopping",
  done: "finished",
  stopped: "stopped",
  failed: "failed",
  interrupted: "interrupted",
};

export const isActive = (job) => Boolean(job && ACTIVE.has(job.state));

const capital = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

export const runName = (job) => (job.preset ? job.preset.replaceAll("-", " ") : "own settings");

const duration = (seconds) => {
  if (seconds < 1.5) return "1 s";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
};

function waiting(job) {
  return job.queue_position > 0 ? `Waiting: ${job.queue_position} before it.` : "Waiting for its turn.";
}

function sentence(job, connected) {
  if (!connected && isActive(job)) return "The studio does not answer; trying again …";
  const time = job.seconds ? ` after ${duration(job.seconds)}` : "";
  const picture = job.result || job.preview ? "the picture so far is kept" : "there was no picture yet";
  switch (job.state) {
    case "queued":
      return waiting(job);
    case "running":
      return "Running. You may close this tab: the run goes on, and its address brings you back.";
    case "stopping":
      return "Stopping after this step …";
    case "done":
      return `Finished${time}.`;
    case "stopped":
      return `Stopped${time}; ${picture}.`;
    case "interrupted":
      return "The studio was closed during this run. It can go on from where it was.";
    default:
      return "It could not be finished.";
  }
}

// After an evaluation, or after strokes were copied: then there are no losses. A run that only copies strokes has
// no evaluations to count, so its bar counts the sizes, and one part more for measuring the result.
function progressView(job) {
  if (job.state === "queued") return { share: 0, text: "Waiting for its turn", quarter: 0, left: "" };
  if (!job.progress) return { share: 0, text: "Starting", quarter: 0, left: "" };
  const { evaluation, evaluations, scale, scales, seconds_left: seconds, losses } = job.progress;
  const share = evaluations ? Math.min(1, evaluation / evaluations) : scale / (scales + 1);
  const left = seconds == null ? "" : `about ${duration(seconds)} left`;
  const parts = [
    evaluations ? `${Math.floor(100 * share)} %` : "",
    scales > 1 ? `size ${scale} of ${scales}` : "",
    Object.keys(losses ?? {}).length ? "" : "strokes copied",
    left,
  ];
  return { share, text: capital(parts.filter(Boolean).join(", ")), quarter: evaluations ? Math.floor(share * 4) : 0, left };
}

function heading(job) {
  const { quality, iterations } = job.settings ?? {};
  return [
    capital(runName(job)),
    job.width ? `${job.width} × ${job.height}` : "",
    quality ? `${quality} quality` : "",
    iterations ? `${iterations} iterations` : "",
  ].filter(Boolean).join(", ");
}

function pageTitle(job, progress) {
  if (job.state === "done") return `✓ ${NAME}`;
  return job.state !== "queued" && progress && job.progress ? `${progress.text.split(", ")[0]} – ${NAME}` : NAME;
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
    optimised: !job.progress || job.progress.evaluations > 0,
    picture,
    standIn: job.continue_from ? `/api/jobs/${encodeURIComponent(job.continue_from)}/result.png` : null,
    content: job.content ? pictureUrl(job.content, "content") : null,
    size: job.width && job.height ? [job.width, job.height] : null,
    note: picture ? "" : noteOf(job, active),
    downloads: job.result ? { png: job.result, tiff: `${address}/result.tiff`, file } : null,
    stoppable: active && job.state !== "stopping",
    continuable: !active && Boolean(job.result),
    resumable: ["stopped", "interrupted"].includes(job.state),
    command: job.command ?? "",
  };
}

function noteOf(job, active) {
  if (!active) return "This run left no picture.";
  return job.state === "queued" ? "Waiting for its turn." : "The first preview is on its way.";
}
