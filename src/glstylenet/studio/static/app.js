// The page's beginning: every part is set up here, once.
import * as api from "./api.js";
import * as classNote from "./class_note.js";
import * as classRows from "./class_rows.js";
import * as curve from "./curve.js";
import * as dialogs from "./dialogs.js";
import * as estimate from "./estimate.js";
import * as giants from "./giants.js";
import * as history from "./history.js";
import * as keys from "./keys.js";
import * as lasso from "./lasso.js";
import { review } from "./maps.js";
import * as namedDrafts from "./named_drafts.js";
import * as navigation from "./navigation.js";
import * as palette from "./palette.js";
import * as pictures from "./pictures.js";
import * as proposals from "./proposals.js";
import * as run from "./run.js";
import * as runPanel from "./run_panel.js";
import { openRoles, regions, styleRoles } from "./roles.js";
import { attempt } from "./say.js";
import * as settings from "./settings.js";
import * as slider from "./slider.js";
import { on, set, state, watch } from "./store.js";
import * as styles from "./styles.js";
import * as theme from "./theme.js";
import * as tools from "./tools.js";
import * as trials from "./trials.js";
import * as views from "./views.js";
import * as words from "./words.js";

const REVIEW_PAUSE = 120;

await attempt(async () => {
  words.setup();
  words.setupMenu(document.getElementById("language"));
  views.setup();
  dialogs.setup();
  slider.setup();
  theme.setup(curve.repaint);
  tools.setup();
  const schema = await api.settings();
  set({ schema });
  classNote.setup();
  classRows.setup();
  palette.setup(schema.palette);
  curve.setup(schema.terms);
  settings.setup(schema);
  pictures.setup(schema, navigation.keepFormer);
  styles.setup();
  proposals.setup(schema.proposals);
  trials.setup(schema.trials);
  lasso.setup();
  keys.setup();
  run.setup();
  runPanel.setup();
  estimate.setup();
  let timer = 0;
  watch(() => [state.drawn, state.styles, state.regions, state.weights, state.classNames], () => {
    clearTimeout(timer);
    timer = setTimeout(reviewMaps, REVIEW_PAUSE);
  });
  watch(() => openRoles().some((role) => state[role]), (painting) => document.body.classList.toggle("painting", painting));
  on("samples", (sample) => {
    const fitting = sample.preset ?? "portrait";
    if (settings.hasPreset(fitting)) settings.choosePreset(fitting);
  });
  const samples = pictures.setupSamples();
  await navigation.setup();
  history.setup();
  namedDrafts.setup();
  giants.setup();
  document.documentElement.dataset.ready = "true"; // for tests and measurements: the page answers from here on
  await samples;
});

function reviewMaps() {
  const painters = styleRoles().map((role) => pictures.painters[role]);
  review(pictures.painters.content, painters, regions());
}
