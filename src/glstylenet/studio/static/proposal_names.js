// Numbers as names of proposed classes: the palette's, such as “skin”, would say what nobody has found. Undo on any
// picture brings the palette's names back, and redo the numbers.
import { isPainted } from "./maps.js";
import { hex, parse, setNames } from "./palette.js";
import { state, watch } from "./store.js";
import { t } from "./words.js";

let given = null; // {names: by colour, marks: the step of each painter that loaded the proposal, isShown}

export function setup() {
  watch(() => state.drawn, follow);
}

// Name the classes of a proposal that `painters` have just loaded; those that have names keep the palette's.
export function nameClasses(classes, painters) {
  if (given) show(false);
  given = null;
  if (classes.some(({ name }) => name)) return;
  given = {
    names: Object.fromEntries(classes.map(({ colour }, k) => [hex(parse(colour)), t("propose.class", { number: k + 1 })])),
    marks: painters.map((painter) => ({ painter, labels: painter.labels, step: painter.labels.done.at(-1) })),
    isShown: false,
  };
  show(true);
}

function follow() {
  if (!given) return;
  // Another picture has a map of its own, and its names came with it.
  if (given.marks.some(({ painter, labels }) => painter.labels !== labels)) given = null;
  else show(given.marks.every(({ painter, step }) => isPainted(painter) && !painter.labels.undone.includes(step)));
}

function show(isInForce) {
  if (isInForce === given.isShown) return;
  given.isShown = isInForce;
  const names = { ...state.classNames };
  for (const [colour, name] of Object.entries(given.names)) {
    if (isInForce) names[colour] ??= name;
    else if (names[colour] === name) delete names[colour];
  }
  setNames(names);
}
