// Weights tried for these pictures by the studio: three recipes as cards, each with the picture that it made.
import * as api from "./api.js";
import { icon } from "./icon.js";
import { isPainted, uploadMaps } from "./maps.js";
import { painters } from "./pictures.js";
import { duration } from "./run_view.js";
import { attempt, clearNotices, notice, say } from "./say.js";
import { changed, firstProblem, usePreset } from "./settings.js";
import { state, watch } from "./store.js";
import { supersede } from "./supersede.js";
import { t } from "./words.js";

const WHAT = "trials";
const by = (id) => document.getElementById(id);
let seconds = 0;
let going = false;

export function setup({ seconds: most }) {
  by("trials").hidden = most === null; // without the packages that it needs
  seconds = most ?? 0;
  by("try-weights").addEventListener("click", () => {
    if (!going) return attempt(tryWeights);
    supersede(WHAT);
    say(t("trials.cancelled"));
    return undefined;
  });
  // What was found for a picture or around a preset fits no other.
  watch(() => [state.content?.reference, state.style?.reference, state.preset].join(" "), () => {
    supersede(WHAT);
    by("recipes").replaceChildren();
  });
  show(false);
}

async function tryWeights() {
  const { content, style, preset } = state;
  clearNotices();
  if (!content || !style) return notice(t(!content && !style ? "lack.both" : content ? "lack.style" : "lack.content"), "hint");
  if (content.blank) return notice(t("trials.sheet"), "hint");
  if (firstProblem()) return notice(firstProblem(), "hint");
  const signal = supersede(WHAT);
  signal.addEventListener("abort", () => show(false));
  show(true);
  try {
    const isMapped = isPainted(painters.content) && isPainted(painters.style);
    const maps = isMapped ? await uploadMaps(painters.content, [painters.style]) : {};
    const answer = await api.tryWeights({
      content: content.reference,
      style: style.reference,
      content_map: maps.content ?? null,
      style_map: maps.style ?? null,
      preset,
      settings: changed(),
    }, { signal });
    by("recipes").replaceChildren(...answer.recipes.map(card));
    if (state.styles > 1) notice(t("trials.firstStyle"), "hint");
    return notice(t("trials.done", { count: answer.pictures }), "done");
  } finally {
    if (!signal.aborted) show(false);
  }
}

function card({ name, weights, structure, style, picture }) {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-pressed", "false");
  const image = new Image();
  image.src = api.pictureUrl(picture);
  image.alt = "";
  const words = document.createElement("b");
  words.textContent = t(`trials.${name}`);
  const facts = document.createElement("small");
  facts.textContent = t("trials.facts", { structure: compared(structure), style: compared(style) });
  button.append(image, words, facts);
  button.addEventListener("click", () => {
    const rounded = Object.fromEntries(Object.entries(weights).map(([key, value]) => [key, Number(value.toPrecision(3))]));
    usePreset(state.preset, { ...state.values, ...rounded });
    for (const each of by("recipes").children) each.setAttribute("aria-pressed", String(each === button));
    say(t("trials.taken", { name: t(`trials.${name}`) }));
  });
  return button;
}

// A distance relative to that of the weights as they were, in words.
function compared(ratio) {
  const percent = Math.round(100 * (ratio - 1));
  if (percent === 0) return t("trials.same");
  return t(percent < 0 ? "trials.nearer" : "trials.farther", { percent: Math.abs(percent) });
}

function show(isGoing) {
  going = isGoing;
  const label = document.createElement("span");
  label.textContent = t(going ? "trials.cancel" : "trials.try");
  by("try-weights").replaceChildren(icon(going ? "x" : "wand-sparkles"), label);
  by("trying").hidden = !going;
  by("trying-words").textContent = t("trials.going", { time: duration(seconds) });
}
