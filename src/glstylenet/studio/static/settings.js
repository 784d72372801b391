// Presets and sliders, made from what GET /api/settings says: no default or range stands here.
import { emit, on, set, state } from "./store.js";

const STEPS = 240; // of a slider over a wide range
const REACH = 30; // how far a slider goes beyond the smallest and largest value that a preset has
const NO_LIMIT = 1e6;
const FIRST = ["content_weight", "local_weight", "semantic_weight", "global_weight", "smoothness", "style_scale"];
const ABOVE_RUN = "quality";
const GREEK = { alpha: "α", beta: "β", beta1: "β₁", gamma: "γ", sigma: "σ" };

const fields = new Map(); // name -> {setting, show(value)}
const presetBox = document.getElementById("preset");
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
    const rest = listed.filter((each) => each.group === group && ![...FIRST, ABOVE_RUN].includes(each.name));
    if (!rest.length) continue;
    const box = document.createElement("fieldset");
    const legend = document.createElement("legend");
    legend.textContent = group;
    box.append(legend, ...rest.map((setting) => field(setting, schema)));
    advanced.append(box);
  }
  offerQualities(schema.qualities);
  for (const { name } of schema.presets) presetBox.add(new Option(words(name), name));
  presetBox.add(new Option("the plain defaults", ""));
  presetBox.addEventListener("change", () => usePreset(presetBox.value || null));
  document.getElementById("reset").addEventListener("click", () => usePreset(state.preset));
  const preferred = schema.presets.find(({ name }) => name === "artistic") ?? schema.presets[0];
  usePreset(preferred?.name ?? null);
}

const words = (name) => {
  const text = name.replace(/[_-]/g, " ");
  return text[0].toUpperCase() + text.slice(1);
};

const preset = (name) => state.schema.presets.find((each) => each.name === name);

// Every setting's value as the preset has it.
function base(name) {
  const values = Object.fromEntries(state.schema.settings.map((each) => [each.name, each.default]));
  return { ...values, ...preset(name)?.values };
}

// `changes` may hold settings that the page does not offer (a job tells all of its own): these are left out.
export function usePreset(name, changes = {}) {
  const offered = Object.entries(changes).filter(([key]) => fields.has(key));
  // How much work to spend is no part of a kind of pictures: it stays when another preset is chosen.
  const kept = state.values[ABOVE_RUN] ? { [ABOVE_RUN]: state.values[ABOVE_RUN] } : {};
  set({ preset: name, values: { ...base(name), ...kept, ...Object.fromEntries(offered) } });
  presetBox.value = name ?? "";
  presetNote.textContent = preset(name)?.description ?? "";
  for (const [key, each] of fields) each.show(state.values[key]);
  emit("settings");
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
    .map((name) => `${words(name).toLowerCase()} ${plain(job.settings[name] ?? "auto")}`);
}

export const hasPreset = (name) => Boolean(preset(name));

function take(name, value) {
  state.values[name] = value;
  fields.get(name).mark();
  emit("settings");
}

function offerQualities(qualities) {
  const box = document.getElementById("quality");
  const note = document.getElementById("quality-note");
  const radios = qualities.map(({ name, meaning }) => {
    const label = document.createElement("label");
    const radio = document.createElement("input");
    radio.type = "radio";
    radio.name = ABOVE_RUN;
    radio.value = name;
    radio.addEventListener("change", () => take(ABOVE_RUN, name));
    const word = document.createElement("b");
    word.textContent = words(name);
    const hint = document.createElement("small");
    hint.textContent = meaning;
    label.append(radio, word, " ", hint);
    box.append(label);
    return radio;
  });
  fields.set(ABOVE_RUN, {
    show(value) {
      for (const radio of radios) radio.checked = radio.value === value;
    },
    mark() {},
  });
  on("settings", () => {
    const { iterations } = state.values;
    note.hidden = iterations == null;
    note.textContent = note.hidden ? "" : `Iterations, under Advanced, is ${iterations} and overrides the amount of work.`;
  });
}

function field(setting, schema) {
  const row = document.createElement("div");
  row.className = "setting";
  const id = `set-${setting.name}`;
  const label = document.createElement("label");
  label.htmlFor = id;
  label.textContent = words(setting.name);
  if (setting.symbol) {
    const symbol = document.createElement("var");
    symbol.textContent = GREEK[setting.symbol] ?? setting.symbol;
    label.append(" ", symbol);
  }
  const hint = document.createElement("p");
  hint.id = `${id}-hint`;
  hint.className = "pale";
  const limits = setting.minimum == null ? "" : `; ${range(setting)}`;
  const usual = setting.default === null ? "" : `; default ${plain(setting.default)}`;
  hint.textContent = `${setting.effect || setting.description}${usual}${limits}`;
  if (setting.effect) hint.title = setting.description;
  const control = make(setting, id, schema);
  const inputs = control.parts.filter((part) => part.matches("input, select"));
  for (const input of inputs) input.setAttribute("aria-describedby", hint.id);
  row.append(label, ...control.parts, hint);
  fields.set(setting.name, {
    show(value) {
      control.show(value);
      this.mark();
    },
    mark() {
      row.classList.toggle("changed", state.values[setting.name] !== base(state.preset)[setting.name]);
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
    for (const each of options) box.add(new Option(each, each));
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
  const number = document.createElement("input");
  number.type = "number";
  number.id = id;
  number.step = kind === "int" ? "1" : "any";
  if (setting.minimum != null) number.min = setting.minimum;
  if (setting.maximum != null) number.max = setting.maximum;
  if (setting.default === null) number.placeholder = name === "iterations" ? "by quality" : "auto";
  const read = (text) => (text === "" ? setting.default : Number(text));
  if (kind !== "float") {
    number.addEventListener("change", () => take(name, read(number.value)));
    return { parts: [number], show: (value) => (number.value = value ?? "") };
  }
  const slider = document.createElement("input");
  slider.type = "range";
  slider.className = "wide";
  slider.min = 0;
  slider.max = STEPS;
  slider.setAttribute("aria-label", words(name));
  const scale = logarithmic(setting, schema);
  const tell = (value) => slider.setAttribute("aria-valuetext", plain(value));
  slider.addEventListener("input", () => {
    const value = scale.value(Number(slider.value));
    number.value = value;
    tell(value);
    take(name, value);
  });
  number.addEventListener("change", () => {
    const value = read(number.value);
    slider.value = scale.position(value);
    tell(value);
    take(name, value);
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
function range({ minimum, maximum }) {
  return maximum == null || maximum >= NO_LIMIT ? `${plain(minimum)} or more` : `${plain(minimum)} to ${plain(maximum)}`;
}

function plain(value) {
  if (typeof value !== "number") return String(value);
  if (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-3)) return value.toExponential().replace("e+", "e");
  return String(value);
}
