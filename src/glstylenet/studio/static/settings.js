// Presets and sliders, made from what GET /api/settings says: no default or range stands here.
import { recall, remember, set, state, watch } from "./store.js";
import { choiceName, descriptionOf, effectOf, groupName, label, paperName, plain, presetMeaning, presetName, valueName } from "./setting_words.js";
import { hasWords, t } from "./words.js";

const STEPS = 240; // of a slider over a wide range
const REACH = 30; // how far a slider goes beyond the smallest and largest value that a preset has
const NO_LIMIT = 1e6;
const FIRST = ["content_weight", "local_weight", "semantic_weight", "global_weight", "smoothness", "style_scale"];
const ABOVE_RUN = ["quality", "size"]; // beside Run, not among the settings
const GREEK = { alpha: "α", beta: "β", beta1: "β₁", gamma: "γ", sigma: "σ" };

const fields = new Map(); // name -> {setting, show(value)}
const cards = new Map(); // name of a preset, "" for none -> its radio button
const presetNote = document.getElementById("preset-note");

export function setup(schema) {
  const first = document.getElementById("main-settings");
  const advanced = document.getElementById("advanced-settings");
  const listed = schema.settings;
  for (const name of FIRST) {
    const setting = listed.find((each) => each.name === name);
    if (setting) first.append(field(setting, schema));
  }
  for (const group of schema.groups) {
    const rest = listed.filter((each) => each.group === group && ![...FIRST, ...ABOVE_RUN].includes(each.name));
    if (!rest.length) continue;
    const box = document.createElement("fieldset");
    const legend = document.createElement("legend");
    legend.textContent = groupName(group);
    box.append(legend, ...rest.map((setting) => field(setting, schema)));
    advanced.append(box);
  }
  offerQualities(schema.qualities);
  offerSize(listed.find(({ name }) => name === "size"), schema);
  for (const { name } of [...schema.presets, { name: "" }]) offerPreset(name);
  const readers = document.getElementById("readers");
  const showPaper = () => document.body.classList.toggle("readers", readers.checked);
  readers.checked = recall("readers", false);
  readers.addEventListener("change", () => {
    remember("readers", readers.checked);
    showPaper();
  });
  showPaper();
  document.getElementById("reset").addEventListener("click", () => choosePreset(state.preset));
  const preferred = schema.presets.find(({ name }) => name === "artistic") ?? schema.presets[0];
  usePreset(preferred?.name ?? null);
}

const capital = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
const preset = (name) => state.schema.presets.find((each) => each.name === name);

// Every setting's value as the preset has it.
function base(name) {
  const values = Object.fromEntries(state.schema.settings.map((each) => [each.name, each.default]));
  return { ...values, ...preset(name)?.values };
}

// `changes` may hold settings that the page does not offer (a job tells all of its own): these are left out.
export function usePreset(name, changes = {}) {
  const offered = Object.entries(changes).filter(([key]) => fields.has(key));
  set({ preset: name, values: { ...base(name), ...Object.fromEntries(offered) }, problems: {} });
  cards.get(name ?? "").checked = true;
  presetNote.textContent = preset(name) ? presetMeaning(preset(name)) : "";
  for (const [key, each] of fields) each.show(state.values[key]);
}

// How large and how fine is no part of a kind of pictures: it stays when another preset is chosen.
export function choosePreset(name) {
  usePreset(name, Object.fromEntries(ABOVE_RUN.map((key) => [key, state.values[key]])));
}

// What differs from the preset: all that a job needs to be told.
export function changed() {
  const start = base(state.preset);
  return Object.fromEntries(Object.entries(state.values).filter(([name, value]) => value !== start[name]));
}

// Where a job's settings differ from those of its preset, in words.
export function differences(job) {
  const start = base(hasPreset(job.preset) ? job.preset : null);
  return Object.keys(start)
    .filter((name) => name in job.settings && job.settings[name] !== start[name])
    .map((name) => `${label(name).toLowerCase()} ${valueName(job.settings[name])}`);
}

export const hasPreset = (name) => Boolean(preset(name));

function take(name, value) {
  set({ values: { ...state.values, [name]: value }, problems: { ...state.problems, [name]: undefined } });
  fields.get(name).mark();
}

function refuse(name, problem) {
  set({ problems: { ...state.problems, [name]: problem } });
  fields.get(name).mark();
}

// What is wrong with the first field that is.
export const firstProblem = () => Object.values(state.problems).find(Boolean) ?? null;

// A preset as a card: what it makes of the samples.
function offerPreset(name) {
  const card = document.createElement("label");
  card.className = "card";
  const radio = document.createElement("input");
  radio.type = "radio";
  radio.name = "preset";
  radio.value = name;
  radio.addEventListener("change", () => choosePreset(name || null));
  const picture = name ? new Image() : document.createElement("span"); // nothing chosen looks like nothing
  picture.className = "example";
  if (name) picture.src = `/static/presets/${name}.jpg`;
  if (name) picture.alt = "";
  const words = document.createElement("span");
  words.textContent = name ? presetName(name) : t("settings.plain");
  card.append(radio, picture, words);
  document.getElementById("presets").append(card);
  cards.set(name, radio);
}

// The longest side, and beside it what the result will have.
function offerSize(setting, schema) {
  if (!setting) return;
  const row = field(setting, schema);
  const size = document.createElement("output");
  size.id = "result-size";
  size.className = "pale";
  row.querySelector("input").after(size);
  document.getElementById("size").append(row);
}

function offerQualities(qualities) {
  const box = document.getElementById("quality");
  const note = document.getElementById("quality-note");
  const radios = qualities.map(({ name, meaning }) => {
    const row = document.createElement("label");
    const radio = document.createElement("input");
    radio.type = "radio";
    radio.name = "quality";
    radio.value = name;
    radio.addEventListener("change", () => take("quality", name));
    const word = document.createElement("b");
    word.textContent = hasWords(`quality.${name}`) ? capital(t(`quality.${name}`)) : capital(name);
    const hint = document.createElement("small");
    hint.textContent = hasWords(`quality.${name}.meaning`) ? t(`quality.${name}.meaning`) : meaning;
    const time = document.createElement("output");
    time.className = "time";
    time.dataset.quality = name;
    row.append(radio, word, " ", hint, time);
    box.append(row);
    return radio;
  });
  fields.set("quality", {
    show(value) {
      for (const radio of radios) radio.checked = radio.value === value;
    },
    mark() {},
  });
  watch(() => state.values.iterations, (iterations) => {
    note.hidden = iterations == null;
    note.textContent = note.hidden ? "" : t("run.overridden", { count: iterations });
  });
}

function field(setting, schema) {
  const row = document.createElement("div");
  row.className = "setting";
  const id = `set-${setting.name}`;
  const head = document.createElement("label");
  head.htmlFor = id;
  head.textContent = label(setting.name);
  const paper = document.createElement("small");
  paper.className = "paper";
  if (paperName(setting.name) !== label(setting.name)) paper.append(paperName(setting.name).toLowerCase());
  if (setting.symbol) {
    const symbol = document.createElement("var");
    symbol.textContent = GREEK[setting.symbol] ?? setting.symbol;
    paper.append(" ", symbol);
  }
  if (paper.childNodes.length) head.append(" ", paper);
  const hint = document.createElement("p");
  hint.id = `${id}-hint`;
  hint.className = "pale";
  const limits = setting.minimum == null ? "" : range(setting);
  const meaning = effectOf(setting);
  if (setting.effect) hint.title = descriptionOf(setting);
  const wrong = document.createElement("p");
  wrong.id = `${id}-wrong`;
  wrong.className = "wrong";
  wrong.hidden = true;
  const control = make(setting, id, schema);
  const inputs = control.parts.filter((part) => part.matches("input, select"));
  for (const input of inputs) input.setAttribute("aria-describedby", `${hint.id} ${wrong.id}`);
  row.append(head, ...control.parts, wrong, hint);
  fields.set(setting.name, {
    show(value) {
      control.show(value);
      this.mark();
    },
    mark() {
      const start = base(state.preset)[setting.name];
      const problem = state.problems[setting.name];
      row.classList.toggle("changed", state.values[setting.name] !== start);
      hint.textContent = [meaning, start == null ? "" : t("settings.has", { value: valueName(start) }), limits].filter(Boolean).join("; ");
      wrong.hidden = !problem;
      wrong.textContent = problem ?? "";
      for (const input of inputs) input.setAttribute("aria-invalid", String(Boolean(problem)));
    },
  });
  return row;
}

function make(setting, id, schema) {
  const { name, kind, choices } = setting;
  if (kind === "bool") {
    const box = document.createElement("input");
    box.type = "checkbox";
    box.id = id;
    box.addEventListener("change", () => take(name, box.checked));
    return { parts: [box], show: (value) => (box.checked = Boolean(value)) };
  }
  const options = name === "init" ? schema.inits : choices;
  if (options?.length) {
    const box = document.createElement("select");
    box.id = id;
    for (const each of options) box.add(new Option(choiceName(each), each));
    box.addEventListener("change", () => take(name, box.value));
    return {
      parts: [box],
      show: (value) => {
        if (![...box.options].some((each) => each.value === String(value))) box.add(new Option(value, value));
        box.value = value;
      },
    };
  }
  if (kind === "text") {
    const box = document.createElement("input");
    box.type = "text";
    box.id = id;
    box.addEventListener("change", () => take(name, box.value));
    return { parts: [box], show: (value) => (box.value = value ?? "") };
  }
  // Not of type "number": there a browser makes 15 of "1,5" and empties what it cannot read.
  const number = document.createElement("input");
  number.type = "text";
  number.inputMode = kind === "int" ? "numeric" : "decimal";
  number.autocomplete = "off";
  number.id = id;
  if (setting.default === null) number.placeholder = t(name === "iterations" ? "settings.byQuality" : "settings.auto");
  const accept = () => {
    const { value, problem } = readNumber(number.value, setting, base(state.preset)[name]);
    if (problem) {
      refuse(name, problem);
      return undefined;
    }
    number.value = value ?? "";
    take(name, value);
    return value;
  };
  if (kind !== "float") {
    number.addEventListener("change", accept);
    return { parts: [number], show: (value) => (number.value = value ?? "") };
  }
  const slider = document.createElement("input");
  slider.type = "range";
  slider.className = "wide";
  slider.min = 0;
  slider.max = STEPS;
  slider.setAttribute("aria-label", label(name));
  const scale = logarithmic(setting, schema);
  const tell = (value) => slider.setAttribute("aria-valuetext", plain(value));
  slider.addEventListener("input", () => {
    const value = scale.value(Number(slider.value));
    number.value = value;
    tell(value);
    take(name, value);
  });
  number.addEventListener("change", () => {
    const value = accept();
    if (value === undefined) return;
    slider.value = scale.position(value);
    tell(value);
  });
  return {
    parts: [number, slider],
    show: (value) => {
      number.value = value ?? "";
      slider.value = scale.position(value);
      tell(value);
    },
  };
}

// The number that somebody wrote, with a point or a comma; nothing means `usual`, the preset's. Returns {value} or
// {problem}, a sentence.
export function readNumber(text, setting, usual) {
  const { name, kind, minimum, maximum, excludes_minimum: above } = setting;
  const written = text.trim().replace("−", "-");
  if (written === "") return { value: usual };
  const wish = t(kind === "int" ? "number.whole" : "number.any", { name: label(name), range: minimum == null ? "" : `, ${range(setting)}` });
  if (/^[+-]?\d{1,3}(,\d{3})+$/.test(written)) {
    return { problem: t("number.two", { wish, written, one: written.replaceAll(",", ""), other: written.replace(",", ".") }) };
  }
  const value = Number(written.replace(",", "."));
  const isWrong = !Number.isFinite(value) || (kind === "int" && !Number.isInteger(value));
  const isOutside = (minimum != null && (value < minimum || (above && value === minimum))) || (maximum != null && value > maximum);
  return isWrong || isOutside ? { problem: t("number.wrong", { wish, written }) } : { value };
}

// Slider positions of a weight: even steps of its logarithm around what the presets use; 0 at the left end
// where the weight may be 0.
export function logarithmic({ name, default: usual, minimum, maximum }, { presets }) {
  const used = [usual, ...presets.map(({ values }) => values[name])].filter((value) => value > 0);
  const low = Math.log(Math.max(minimum || 0, Math.min(...used) / REACH));
  const high = Math.log(Math.min(maximum ?? Infinity, Math.max(...used) * REACH));
  const zero = minimum === 0 ? 1 : 0; // the first step is 0 itself
  return {
    value(position) {
      if (zero && position < zero) return 0;
      return Number(Math.exp(low + ((high - low) * (position - zero)) / (STEPS - zero)).toPrecision(2));
    },
    position(value) {
      if (!(value > 0)) return 0;
      const share = (Math.log(value) - low) / (high - low);
      return Math.round(Math.min(STEPS, Math.max(zero, zero + share * (STEPS - zero))));
    },
  };
}

// A limit that only keeps numbers sane tells a reader nothing.
function range({ minimum, maximum, excludes_minimum: above }) {
  const isOpen = maximum == null || maximum >= NO_LIMIT;
  if (above) return t(isOpen ? "range.above" : "range.aboveMost", { minimum: plain(minimum), maximum: plain(maximum) });
  return t(isOpen ? "range.least" : "range.between", { minimum: plain(minimum), maximum: plain(maximum) });
}
