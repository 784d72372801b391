// Several styles: a pane for each with what it weighs, opened and taken away.
import { icon, iconButton } from "./icon.js";
import { keepFormer, missingPicture } from "./navigation.js";
import { dress, forget, painters, paneOf } from "./pictures.js";
import { numberOf, styleRole, styleRoles, titleOf, weightOf, words } from "./roles.js";
import { clearNotices, notice, say } from "./say.js";
import { emit, set, state, watch } from "./store.js";
import { supersede } from "./supersede.js";
import * as views from "./views.js";
import { t } from "./words.js";

const STEP = 5; // per cent of a weight

let add = null; // the button

export function setup() {
  const most = state.schema.limits.styles;
  for (const role of styleRoles(most)) {
    paneOf(role).head.after(weight(role));
    if (numberOf(role) > 1) paneOf(role).corner.append(iconButton("x", words(role, "remove"), () => remove(numberOf(role))));
  }
  add = document.createElement("button");
  add.type = "button";
  add.className = "quiet";
  add.id = "add-style";
  const label = document.createElement("span");
  label.textContent = t("styles.add");
  add.append(icon("plus"), label);
  add.setAttribute("aria-label", t("styles.add"));
  add.title = t("styles.addTitle", { most });
  add.addEventListener("click", open);
  paneOf("style").corner.append(add);
  watch(() => state.styles, (count) => {
    add.hidden = count === most;
    document.getElementById("panes").dataset.styles = count;
    document.body.classList.toggle("several", count > 1);
    paneOf("style").heading.textContent = titleOf("style");
    for (const role of styleRoles(most)) paneOf(role).pane.hidden = numberOf(role) > count;
  });
}

function open() {
  const role = styleRole(state.styles + 1);
  set({ styles: state.styles + 1, weights: styleRoles().map(weightOf) });
  say(words(role, "opened"));
  document.getElementById(`file-${role}`).focus();
  paneOf(role).pane.scrollIntoView({ block: "nearest" });
}

// How much a style counts, in per cent of the one that counts most.
function weight(role) {
  const row = document.createElement("label");
  row.className = "weight";
  const label = document.createElement("span");
  label.textContent = t("styles.weight");
  const range = document.createElement("input");
  range.type = "range";
  range.min = 0;
  range.max = 100;
  range.step = STEP;
  range.id = `weight-${role}`;
  range.setAttribute("aria-label", words(role, "weight"));
  const shown = document.createElement("output");
  shown.htmlFor = range.id;
  range.addEventListener("input", () => {
    const weights = styleRoles().map(weightOf);
    weights[numberOf(role) - 1] = Number(range.value) / 100;
    set({ weights });
  });
  row.append(label, range, shown);
  watch(() => weightOf(role), (share) => {
    range.value = Math.round(100 * share);
    shown.textContent = `${range.value} %`;
    row.classList.toggle("none", share === 0);
  });
  return row;
}

// Take a style's pane away; those behind it move up. What was on it stays with the entry of the history before.
function remove(number) {
  const behind = styleRoles().slice(number);
  if (behind.some((role) => state.uploads[role])) {
    notice(t("lack.sending", { name: behind.map((role) => state.uploads[role]?.name).find(Boolean) }), "hint");
    return;
  }
  clearNotices();
  const role = styleRole(number);
  supersede(role);
  for (const each of behind) supersede(each);
  supersede("proposal");
  const former = state[role] ?? missingPicture(role);
  const bringBack = former ? keepFormer() : null;
  for (const each of [role, ...behind]) views.shrink(each);
  emit("removed", number);
  for (const next of behind) {
    const place = styleRole(numberOf(next) - 1);
    painters[place].adopt(painters[next]);
    set({ [place]: state[next] });
    dress(place);
  }
  const last = styleRole(state.styles);
  forget(last);
  const bound = Object.entries(state.regions).filter(([, each]) => each !== number);
  set({
    weights: styleRoles().map(weightOf).filter((_, k) => k !== number - 1),
    regions: Object.fromEntries(bound.map(([colour, each]) => [colour, each > number ? each - 1 : each])),
    styles: state.styles - 1,
  });
  if (bringBack) notice(words(role, "removed", { name: former.name }), "hint", { label: t("pane.bringBack"), act: bringBack });
  add.focus();
}
