// A giant picture while another program paints it, and afterwards, at any zoom. Its address ends in its number.
// The picture is asked for by tiles. Each address of a tile ends in a number that rises when an area of the tile has
// changed, so the browser keeps all others.
import * as api from "./api.js";
import { duration } from "./run_view.js";
import { clearNotices, notice, say } from "./say.js";
import * as words from "./words.js";
import { t } from "./words.js";

const TURN = 2000; // ms between two looks at a picture that is being painted
const SLOW_TURN = 10_000; // at one that is not
const QUIET = 60; // seconds without a change that are told

const by = (id) => document.getElementById(id);
const number = location.pathname.split("/").pop();

words.setup();
keepPolicy();
// The first look at a large picture reads all of it.
const viewer = openZoom({ silenceMultiImageWarnings: true, timeout: 600_000 });
viewer.canvas.setAttribute("aria-label", t("giant.sight"));
viewer.canvas.setAttribute("aria-describedby", "giant-help");
let shown = ""; // what the newest of the viewer's pictures shows
let isLoading = false; // it lies over the older one when all its tiles are there
let hasTiles = false; // something of it was read
let hasFailed = false; // a tile was not there
let told = ""; // the state, or the error, that was told last
let wake = null; // ends the pause between two looks
viewer.addHandler("tile-load-failed", () => {
  hasFailed = true;
  wake?.(); // most likely the picture has another size by now
});
viewer.addOnceHandler("tile-loaded", () => {
  hasTiles = true;
  by("empty").hidden = true;
});
document.addEventListener("visibilitychange", () => document.hidden || wake?.());
watch();

async function watch() {
  for (;;) {
    let turn = SLOW_TURN;
    if (!document.hidden) {
      try {
        const state = await api.giant(number);
        if (told.startsWith("error")) clearNotices();
        if (hasFailed && state.picture?.name === shown.split(" ")[0]) notice(t("giant.missing"));
        hasFailed = false;
        tell(state);
        show(state.picture);
        document.documentElement.dataset.ready = "true"; // for tests: the state is shown
        if (isPainting(state)) turn = TURN;
      } catch (error) {
        if (told !== `error ${error.message}`) notice(error.message);
        told = `error ${error.message}`;
      }
    }
    await pause(turn);
  }
}

// Half a second at least: many tiles may fail at once.
async function pause(time) {
  await new Promise((resolve) => setTimeout(resolve, 500));
  await new Promise((resolve) => {
    wake = resolve;
    setTimeout(resolve, time - 500);
  });
  wake = null;
}

const isPainting = ({ state }) => state === "painting" || state === "coarse";

function tell(state) {
  document.title = t("viewer.of", { name: state.name });
  by("name").textContent = state.name;
  by("measure").textContent = state.width ? t("giant.measure", { width: state.width, height: state.height }) : "";
  by("progress").hidden = state.state === "finished";
  by("bar").hidden = !isPainting(state);
  by("doing").textContent = state.step ? doing(state) : t(`giant.${state.state}`);
  if (state.step) by("bar").value = state.step.done / state.step.areas;
  else by("bar").removeAttribute("value");
  by("left").textContent = isPainting(state) ? left(state) : "";
  by("empty").hidden = hasTiles;
  by("empty").textContent = t(state.picture ? "giant.reading" : isPainting(state) ? "giant.noPictureYet" : "giant.noPicture");
  if (told !== state.state) say(by("doing").textContent);
  if (told && told !== state.state && state.state === "finished") notice(t("giant.finished"), "done");
  told = state.state;
}

function doing({ size, sizes, sweeps, step }) {
  const [width, height] = sizes[size - 1];
  const what = step.kind === "survey" && step.turn > sweeps ? "giant.survey.last" : `giant.${step.kind}`;
  return `${t("giant.size", { size, sizes: sizes.length, width, height })} · ${t(what, { ...step, sweeps })}`;
}

function left({ seconds_left: seconds, seconds_since_change: since }) {
  const parts = [];
  if (seconds != null) parts.push(t("giant.left", { time: duration(seconds) }));
  if (since > QUIET) parts.push(t("giant.quiet", { time: duration(since) }));
  return parts.join(" · ");
}

function show(picture) {
  const key = picture && `${picture.name} ${picture.generations}`;
  if (!picture || key === shown || isLoading) return;
  shown = key;
  const source = {
    width: picture.width,
    height: picture.height,
    tileSize: picture.tile_size,
    tileOverlap: picture.overlap,
    minLevel: picture.min_level,
    maxLevel: picture.max_level,
    getTileUrl: (level, column, row) => tileAddress(picture, level, column, row),
  };
  if (!viewer.isOpen()) {
    viewer.open(source);
    return;
  }
  isLoading = true;
  const olders = Array.from({ length: viewer.world.getItemCount() }, (_, k) => viewer.world.getItemAt(k));
  // Unseen until all its tiles are there: its coarse ones would hide sharp ones of the older picture.
  viewer.addTiledImage({
    tileSource: source,
    opacity: 0,
    preload: true,
    success: ({ item }) => {
      const replace = () => {
        if (!item.getFullyLoaded()) return;
        item.removeHandler("fully-loaded-change", replace);
        item.setOpacity(1);
        for (const older of olders) viewer.world.removeItem(older);
        isLoading = false;
      };
      item.addHandler("fully-loaded-change", replace);
      replace();
    },
    error: () => (isLoading = false),
  });
}

// The sum of what the tile's areas were painted rises with each that changes.
function tileAddress(picture, level, column, row) {
  const side = picture.tile_size * 2 ** (picture.max_level - level);
  const reach = picture.overlap * 2 ** (picture.max_level - level);
  const touches = (cell) => ([first, end]) => first < (cell + 1) * side + reach && end > cell * side - reach;
  const columns = picture.columns.map(touches(column));
  const rows = picture.rows.map(touches(row));
  const version = picture.generations.reduce((sum, generation, area) => {
    const isIn = rows[Math.floor(area / columns.length)] && columns[area % columns.length];
    return isIn ? sum + generation : sum;
  }, 0);
  return `/api/giant/${number}/${picture.name}/${level}/${column}_${row}.jpg?v=${version}`;
}

// OpenSeadragon would add a style sheet that the page's policy forbids, unless it finds its own. This is none.
function keepPolicy() {
  const found = document.createElementNS("urn:glstylenet", "style");
  found.setAttribute("data-openseadragon-mobile-css", "");
  document.head.append(found);
}
