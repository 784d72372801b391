// The two maps together: shares of the classes, what the style lacks, saving, loading, sending.
import * as api from "./api.js";
import { BARE } from "./labels.js";
import { classOf, classes, ground, hex, parse, percent, showShares } from "./palette.js";
import { encodePng } from "./png.js";
import { mapRole, styleRole, weightOf, words } from "./roles.js";
import { t } from "./words.js";

const MOST_COLOURS = 24; // a loaded map with more has soft borders or noise
const LEAST_SHARE = 0.002; // of a colour of such a map
const MOST_NAMED = 3; // classes in a sentence of advice
const SMALL = 64; // pixels; what docs/maps.md calls few

const advice = document.getElementById("map-advice");

// Whether one class is all that both maps have, with what is bare: such maps tell nothing apart.
export function areUniform(...painted) {
  const base = ground;
  const classAt = (label) => (label === BARE ? base : label);
  const first = classAt(painted[0].labels.data[0]);
  return !painted.some(({ labels }) => labels.data.some((label) => classAt(label) !== first));
}

export const isPainted = (painter) => Boolean(painter.labels?.painted);

// The map as a PNG of exact colours; what is bare has the ground's colour.
export function mapBlob(painter) {
  const { labels } = painter;
  const base = ground;
  const filled = labels.data.map((label) => (label === BARE ? base : label));
  return encodePng(filled, labels.width, labels.height, classes.map(({ colour }) => colour));
}

// The map for a draft: its labels and what they mean, with what is bare; null where nothing is painted. It stays as it
// is when the painter goes on.
export function packMap(painter) {
  if (!isPainted(painter)) return null;
  const { data, width, height } = painter.labels;
  return { width, height, labels: data.slice(), colours: classes.map(({ colour }) => hex(colour)) };
}

export function unpackMap(painter, { width, height, labels, colours }) {
  const table = new Uint8Array(256).fill(BARE);
  for (const [k, colour] of colours.entries()) table[k] = classOf(parse(colour));
  painter.restore(labels.map((label) => table[label]), width, height);
}

export async function saveMap(painter) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await mapBlob(painter));
  link.download = `${mapRole(painter.role)}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export async function pixels(blob) {
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const sheet = document.createElement("canvas");
  sheet.width = bitmap.width;
  sheet.height = bitmap.height;
  const pen = sheet.getContext("2d", { willReadFrequently: true });
  pen.fillStyle = "#ffffff"; // as the program reads transparency
  pen.fillRect(0, 0, bitmap.width, bitmap.height);
  pen.drawImage(bitmap, 0, 0);
  return pen.getImageData(0, 0, bitmap.width, bitmap.height);
}

// Read a map picture into a painter. Returns a sentence if colours had to be snapped.
export async function loadMap(painter, blob, signal) {
  const { data, width, height } = await pixels(blob).catch(() => {
    throw new Error(t("map.unreadable"));
  });
  signal.throwIfAborted();
  const shape = width / height / (painter.width / painter.height);
  const rounding = 1 + Math.max(0.01, 1.5 / Math.min(width, height, painter.width, painter.height));
  if (shape > rounding || shape < 1 / rounding) {
    throw new Error(
      t("map.shape", { map: `${width} × ${height}`, picture: `${painter.width} × ${painter.height}` }),
    );
  }
  const counts = new Map();
  for (let k = 0; k < data.length; k += 4) {
    const code = (data[k] << 16) | (data[k + 1] << 8) | data[k + 2];
    counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  const soft = counts.size > MOST_COLOURS;
  let codes = [...counts].sort((a, b) => b[1] - a[1]);
  if (soft) codes = codes.filter(([, count]) => count >= LEAST_SHARE * width * height).slice(0, MOST_COLOURS);
  const covered = codes.reduce((sum, [, count]) => sum + count, 0) / (width * height);
  if (covered < 0.5) {
    throw new Error(t("map.photograph"));
  }
  const split = (code) => [code >> 16, (code >> 8) & 255, code & 255];
  const table = new Map(codes.map(([code]) => [code, classOf(split(code))]));
  if (soft) {
    const kept = codes.map(([code]) => split(code));
    for (const code of counts.keys()) {
      if (table.has(code)) continue;
      const colour = split(code);
      const far = kept.map((other) => other.reduce((sum, c, k) => sum + (c - colour[k]) ** 2, 0));
      table.set(code, classOf(kept[far.indexOf(Math.min(...far))]));
    }
  }
  const labels = new Uint8Array(width * height);
  for (let k = 0; k < labels.length; k++) {
    labels[k] = table.get((data[4 * k] << 16) | (data[4 * k + 1] << 8) | data[4 * k + 2]);
  }
  painter.load(labels, width, height);
  return soft ? t("map.soft") : "";
}

// Pixels of every class in a map, what is bare being background.
function countsOf({ labels }) {
  const found = labels ? labels.counts() : new Uint32Array(256);
  found[ground] += found[BARE];
  return found;
}

// Of classes that have a style of their own, those that a painted content has.
export function regionsOn(content, regions) {
  if (!isPainted(content)) return {};
  const counts = countsOf(content);
  return Object.fromEntries(Object.entries(regions).filter(([colour]) => counts[classOf(parse(colour))] > 0));
}

// Shares of every class in all maps, shown in the palette; what to say of them, shown above Run. `regions`: of classes
// that have a style of their own, its number, by their colours.
export function review(content, styles, regions) {
  const painters = [content, ...styles];
  const counts = painters.map(countsOf);
  const drawn = painters.map(isPainted);
  const totals = painters.map((painter) => painter.labels?.data.length || 1);
  const isMapped = drawn.slice(1).some(Boolean);
  const bound = regionsOn(content, regions);
  const rows = classes.map(({ colour }, k) => {
    const shares = counts.map((found, side) => (drawn[side] ? found[k] / totals[side] : null));
    const isLacking = drawn[0] && shares[0] > 0 && isMapped && !shares.slice(1).some((share) => share > 0);
    return { shares, missing: isLacking && !(hex(colour) in bound) };
  });
  showShares(rows, painters);
  const sentences = [];
  if (drawn[0] !== isMapped && content.labels && styles[0].labels && !Object.keys(bound).length) {
    sentences.push(t(drawn[0] ? "map.paintStyle" : "map.paintContent"));
  }
  const lacking = rows
    .flatMap(({ missing, shares: [share] }, k) => (missing ? [{ name: classes[k].name, share }] : []))
    .sort((a, b) => b.share - a.share);
  if (lacking.length) {
    const named = lacking.slice(0, MOST_NAMED).map(({ name, share }) => t("map.lacking", { name, share: percent(share) }));
    const others = lacking.length > MOST_NAMED ? t("map.more", { count: lacking.length - MOST_NAMED }) : "";
    sentences.push(t("map.missing", { names: `${named.join(", ")}${others}` }));
  } else if (drawn[0] && isMapped) {
    for (const [side, painter] of painters.entries()) {
      const tiny = classes.filter((_, k) => drawn[side] && counts[side][k] > 0 && counts[side][k] < SMALL).map((each) => each.name);
      if (tiny.length) sentences.push(words(painter.role, "tiny", { names: tiny.join(", ") }));
    }
  }
  sentences.push(...adviceOfRegions(regions, bound, { counts, drawn }));
  // On a telephone advice that comes or goes moves what is seen, which must not happen under a brush.
  if (painters.some(({ painting }) => painting)) return;
  const text = sentences.join(" ");
  if (advice.textContent !== text) advice.textContent = text;
  advice.hidden = !text;
  advice.classList.toggle("lacking", lacking.length > 0);
}

// Of classes that have a style of their own: those that the content lacks, and those that this style's map lacks. Of
// styles without a map that a class is painted from alone: those that all other classes are painted from, too.
function adviceOfRegions(regions, bound, { counts, drawn }) {
  const named = (list) => list.map(([colour]) => classes[classOf(parse(colour))].name).join(", ");
  const strayed = Object.entries(regions).filter(([colour]) => !(colour in bound));
  const whole = Object.entries(bound).filter(([colour, number]) => drawn[number] && !counts[number][classOf(parse(colour))]);
  const isFree = classes.some(({ colour }, k) => counts[0][k] > 0 && !(hex(colour) in bound));
  const everywhere = [...new Set(Object.values(bound))].filter(
    (number) => isFree && !drawn[number] && weightOf(styleRole(number)) > 0,
  );
  return [
    strayed.length ? t("map.strayed", { names: named(strayed) }) : "",
    whole.length ? t("map.whole", { names: named(whole) }) : "",
    ...everywhere.map((number) => t("map.everywhere", { number })),
  ].filter(Boolean);
}

// Send the maps; returns their ids by role. Where nothing is painted on any picture there are none; of several styles
// those without a map are of any class.
export async function uploadMaps(content, styles) {
  const several = styles.length > 1;
  if (![content, ...styles].some(isPainted)) return {};
  const sent = [content, ...styles].filter((painter) => painter === content || !several || isPainted(painter));
  const maps = await Promise.all(
    sent.map(async (painter) => [painter.role, (await api.upload(await mapBlob(painter), `${mapRole(painter.role)}.png`)).id]),
  );
  return Object.fromEntries(maps);
}
