// The part of the page that shows a run, drawn from its view (run_view.js) and from nothing else.
import * as curve from "./curve.js";
import { urlOf } from "./pictures.js";
import { NO_RUN, runView, WORDS } from "./run_view.js";
import { say } from "./say.js";
import * as slider from "./slider.js";
import { state, watch } from "./store.js";
import { inPageWords } from "./words.js";

const by = (id) => document.getElementById(id);
let drawn = NO_RUN; // the view that is on the page

export function setup() {
  watch(() => runView(state.job, { connected: state.connected, pictureUrl: urlOf }), draw);
}

function draw(view) {
  const before = drawn;
  drawn = view;
  const isOther = view.id !== before.id;
  document.title = view.pageTitle;
  by("result").hidden = !view.id;
  by("result-empty").hidden = Boolean(view.id);
  by("run").hidden = by("quality").hidden = view.active;
  by("stop").hidden = !view.active;
  by("stop").disabled = !view.stoppable;
  by("job-title").textContent = view.heading;
  by("job-state").textContent = view.sentence;
  by("job-state").classList.toggle("lost", view.lost);
  by("job-error").textContent = inPageWords(view.error);
  by("job-error").hidden = !view.error;
  drawWarnings(view.warnings);
  by("progress").hidden = !view.progress;
  by("progress-bar").value = view.progress?.share ?? 0;
  by("progress-text").textContent = view.progress?.text ?? "";
  // A run without evaluations has no curve.
  by("improve").hidden = !view.optimised;
  by("copied").hidden = view.optimised;
  by("downloads").hidden = !view.downloads;
  if (view.downloads) drawDownloads(view.downloads);
  by("continue").hidden = !view.continuable;
  by("resume").hidden = !view.resumable;
  by("command").textContent = view.command;
  by("command-box").hidden = !view.command;
  if (isOther) {
    curve.clear();
    slider.start(view);
  }
  by("waiting").textContent = view.note;
  slider.show(view);
  if (!isOther) announce(before, view);
}

function drawDownloads({ png, tiff, file }) {
  by("get-png").href = png;
  by("get-png").download = `${file}.png`;
  by("get-tiff").href = tiff;
  by("get-tiff").download = `${file}.tiff`;
}

function drawWarnings(warnings) {
  const rows = warnings.map((text) => {
    const row = document.createElement("li");
    row.textContent = inPageWords(text);
    return row;
  });
  by("job-warnings").replaceChildren(...rows);
}

// What a screen reader is told: another state, and each quarter of the work.
function announce(before, { state: now, error, progress }) {
  if (before.state !== now) say(`Run ${WORDS[now] ?? now}. ${error}`);
  else if (progress && before.progress && progress.quarter > before.progress.quarter && progress.quarter < 4) {
    say(`${progress.quarter * 25} % done${progress.left ? `, ${progress.left}` : ""}`);
  }
}
