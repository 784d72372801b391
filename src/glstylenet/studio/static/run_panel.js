// The part of the page that shows a run, drawn from its view (run_view.js) and from nothing else.
import * as curve from "./curve.js";
import { icon, iconButton } from "./icon.js";
import { withClassNames } from "./palette.js";
import { takeResult, urlOf } from "./pictures.js";
import { NO_RUN, runView, stateWord } from "./run_view.js";
import { attempt, say } from "./say.js";
import * as slider from "./slider.js";
import { state, watch } from "./store.js";
import { inPageWords } from "./setting_words.js";
import { goto } from "./views.js";
import { t } from "./words.js";

const by = (id) => document.getElementById(id);
let drawn = NO_RUN; // the view that is on the page

const viewer = viewerLink();
const asContent = iconButton("image-plus", t("result.asContent"), () => attempt(useAsContent));

export function setup() {
  by("result-tools").prepend(viewer, asContent);
  watch(() => runView(state.job, { connected: state.connected, pictureUrl: urlOf }), draw);
  watch(() => state.classNames, () => drawWarnings(drawn.warnings));
}

function draw(view) {
  const before = drawn;
  drawn = view;
  const isOther = view.id !== before.id;
  document.title = view.pageTitle;
  document.body.classList.toggle("has-run", Boolean(view.id));
  by("result").hidden = !view.id;
  by("result-empty").hidden = Boolean(view.id);
  by("stop").hidden = !view.active;
  by("stop").disabled = !view.stoppable;
  by("job-title").textContent = by("job-title").title = view.heading || t("result.title");
  by("job-state").textContent = view.sentence;
  by("job-state").classList.toggle("lost", view.lost);
  by("job-error").textContent = withClassNames(inPageWords(view.error));
  by("job-error").hidden = !view.error;
  drawWarnings(view.warnings);
  by("progress").hidden = !view.progress;
  by("progress-bar").value = view.progress?.share ?? 0;
  by("progress-text").textContent = view.progress?.text ?? "";
  // A run without evaluations has no curve.
  by("improve").hidden = !view.optimised;
  by("copied").hidden = view.optimised;
  by("downloads").hidden = by("get-zip").hidden = !view.downloads;
  asContent.hidden = !view.downloads;
  viewer.hidden = !view.picture;
  if (view.picture) viewer.href = `/static/viewer.html#job=${view.id}`;
  if (view.downloads) drawDownloads(view.downloads);
  by("continue").hidden = !view.continuable;
  by("resume").hidden = !view.resumable;
  by("command").textContent = view.command;
  by("command-box").hidden = !view.command;
  by("command-files").hidden = !view.downloads; // they come with the picture
  if (isOther) {
    curve.clear();
    slider.start(view);
  }
  by("waiting").textContent = view.note;
  slider.show(view);
  if (!isOther) announce(before, view);
}

async function useAsContent() {
  const { downloads } = drawn;
  await takeResult(downloads.png, `${downloads.file}.png`);
  goto("paint");
}

function viewerLink() {
  const link = document.createElement("a");
  link.className = "button";
  link.id = "open-viewer";
  link.target = "_blank";
  link.title = t("viewer.open");
  link.setAttribute("aria-label", link.title);
  link.append(icon("scan-search"));
  return link;
}

function drawDownloads({ file, ...addresses }) {
  for (const [kind, address] of Object.entries(addresses)) {
    by(`get-${kind}`).href = address;
    by(`get-${kind}`).download = `${file}.${kind}`;
  }
}

function drawWarnings(warnings) {
  const rows = warnings.map((text) => {
    const row = document.createElement("li");
    row.textContent = withClassNames(inPageWords(text));
    return row;
  });
  by("job-warnings").replaceChildren(...rows);
}

// What a screen reader is told: another state, and each quarter of the work.
function announce(before, { state: now, error, progress }) {
  if (before.state !== now) say(t("run.now", { state: stateWord(now), error }));
  else if (progress && before.progress && progress.quarter > before.progress.quarter && progress.quarter < 4) {
    say([t("run.done", { share: progress.quarter * 25 }), progress.left].filter(Boolean).join(", "));
  }
}
