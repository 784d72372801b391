// How large the result will be, and how long each quality takes, before Run.
import * as api from "./api.js";
import { isPainted, regionsOn } from "./maps.js";
import { painters } from "./pictures.js";
import { duration } from "./run_view.js";
import { changed, firstProblem } from "./settings.js";
import { set, state, watch } from "./store.js";
import { allRoles, countingStyles, regions } from "./roles.js";
import { supersede } from "./supersede.js";
import { t } from "./words.js";

const PAUSE = 400;
let timer = 0;

export function setup() {
  watch(
    () => [allRoles().map((role) => state[role]), state.values, state.preset, state.problems, state.drawn, state.weights, state.regions],
    () => {
      clearTimeout(timer);
      timer = setTimeout(estimate, PAUSE);
    },
  );
}

async function estimate() {
  const signal = supersede("estimate");
  const { content, preset } = state;
  const [first, ...further] = countingStyles();
  if (!content || !state.style || !first || firstProblem()) return show(null);
  const size = ({ width, height }) => ({ width, height });
  const isMapped = countingStyles().some((role) => isPainted(painters[role]));
  const isBound = Object.keys(regionsOn(painters.content, regions())).length > 0;
  const answer = await api
    .estimate({
      content: size(content),
      style: size(state[first]),
      further_styles: further.map((role) => size(state[role])),
      has_maps: isPainted(painters.content) && (isMapped || isBound),
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
