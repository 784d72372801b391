// Maps proposed by the studio for both pictures at once. They come as one step of each pane, which undo takes back.
import * as api from "./api.js";
import { icon } from "./icon.js";
import { loadMap } from "./maps.js";
import { fetchMap, painters } from "./pictures.js";
import * as proposalNames from "./proposal_names.js";
import { allRoles, mapRole, openRoles, PAIR, words } from "./roles.js";
import { attempt, clearNotices, notice, say } from "./say.js";
import { state, watch } from "./store.js";
import { supersede } from "./supersede.js";
import { t } from "./words.js";

const by = (id) => document.getElementById(id);
let going = false;
let hasPortrait = false; // the studio has the models' package

export function setup({ portrait }) {
  hasPortrait = portrait;
  proposalNames.setup();
  by("propose-kind").title = t("propose.portraitOf");
  by("propose").addEventListener("click", () => {
    if (!going) return attempt(propose);
    supersede("proposal");
    say(t("propose.cancelled"));
    return undefined;
  });
  // What is proposed for a picture fits no other.
  watch(() => allRoles().map((role) => state[role]?.reference).join(" "), () => supersede("proposal"));
  show(false);
}

async function propose() {
  const { content, style } = state;
  if (!content || !style) return notice(t(!content && !style ? "lack.both" : content ? "lack.style" : "lack.content"), "hint");
  if (content.blank) return notice(t("propose.sheet"), "hint");
  clearNotices();
  const signal = supersede("proposal");
  signal.addEventListener("abort", () => show(false));
  show(true);
  const portrait = by("propose-portrait").checked;
  try {
    const roles = openRoles().filter((role) => state[role]);
    const further = roles.filter((role) => !PAIR.includes(role));
    const request = {
      content: content.reference,
      style: style.reference,
      further_styles: further.map((role) => state[role].reference),
      portrait,
    };
    const answer = await api.proposeMaps(request, { signal });
    if (answer.classes.length < 2) return notice(t("propose.one"), "hint");
    const proposed = [answer.content_map, answer.style_map, ...answer.further_style_maps];
    const mapped = roles.filter((_, k) => proposed[k]);
    const ids = proposed.filter(Boolean);
    // All or none: a map alone would steer nothing.
    const maps = await Promise.all(mapped.map((role, k) => fetchMap(role, api.pictureUrl(ids[k], mapRole(role)), signal)));
    await Promise.all(mapped.map((role, k) => loadMap(painters[role], maps[k], signal)));
    proposalNames.nameClasses(answer.classes, mapped.map((role) => painters[role]));
    for (const role of roles.filter((each) => !mapped.includes(each))) notice(words(role, "faceless"), "hint");
    const isNamed = answer.classes.some(({ name }) => name);
    if (portrait && !isNamed) notice(t("propose.noFace"), "hint");
    return notice(t(isNamed ? "propose.done" : "propose.doneUnnamed", { count: answer.classes.length }), "done");
  } finally {
    if (!signal.aborted) show(false);
  }
}

function show(isGoing) {
  going = isGoing;
  const label = document.createElement("span");
  label.textContent = t(going ? "propose.cancel" : "propose.propose");
  by("propose").replaceChildren(icon(going ? "x" : "wand-sparkles"), label);
  by("proposing").hidden = !going;
  by("propose-kind").hidden = going || !hasPortrait; // one row for both: nothing moves under a brush
}
