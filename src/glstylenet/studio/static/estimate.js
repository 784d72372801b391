// How large the result will be, and how long each quality takes, before Run.
import * as api from "./api.js";
import { isPainted } from "./maps.js";
import { painters } from "./pictures.js";
import { duration } from "./run_view.js";
import { changed, firstProblem } from "./settings.js";
import { set, state, watch } from "./store.js";
import { supersede } from "./supersede.js";
import { t } from "./words.js";

const PAUSE = 400;
let timer = 0;

export function setup() {
  watch(() => [state.content, state.style, state.values, state.preset, state.problems, state.drawn], () => {
    clearTimeout(timer);
    timer = setTimeout(estimate, PAUSE);
  });
}

async function estimate() {
  const signal = supersede("estimate");
  const { content, style, preset } = state;
  if (!content || !style || firstProblem()) return show(null);
  const answer = await api
    .estimate({
      content: { width: content.width, height: content.height },
      style: { width: style.width, height: style.height },
      has_maps: isPainted(painters.content) && isPainted(painters.style),
      preset,
      settings: changed(),
    }, { signal })
    .catch(() => null); // Run says what is wrong
  if (!signal.aborted) show(answer);
  return undefined;
}

function show(answer) {
  set({ estimate: answer });
  for (const time of document.querySelectorAll("#quality .time")) {
    const seconds = answer?.seconds[time.dataset.quality];
    time.textContent = seconds == null ? "" : t("run.about", { time: duration(Math.max(1, seconds)) });
  }
  document.getElementById("result-size").textContent = answer ? `${answer.width} × ${answer.height}` : "";
}
