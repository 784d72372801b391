// What settings, presets and qualities are called. The library names them in English, and its advice names them as
// Python or the command line does; on the page they are settings, or the studio's own.
import { state } from "./store.js";
import { hasWords, language, t } from "./words.js";

const plainName = (name) => {
  const text = name.replace(/[_-]/g, " ");
  return text[0].toUpperCase() + text.slice(1);
};

// A setting by what it does.
export const label = (name) => (hasWords(`setting.${name}`) ? t(`setting.${name}`) : plainName(name));

// As the paper has it.
export const paperName = (name) => plainName(name);

export const presetName = (name) => (hasWords(`preset.${name}`) ? t(`preset.${name}`) : name.replaceAll("-", " "));
export const presetMeaning = ({ name, description }) => (hasWords(`preset.${name}.meaning`) ? t(`preset.${name}.meaning`) : description);

export const choiceName = (value) => (hasWords(`choice.${value}`) ? t(`choice.${value}`) : value);

export function plain(value) {
  if (typeof value !== "number") return String(value);
  if (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-3)) return value.toExponential().replace("e+", "e");
  return String(value);
}

// What a setting is set to.
export function valueName(value) {
  if (value === null) return t("settings.auto");
  if (typeof value === "boolean") return t(value ? "settings.on" : "settings.off");
  return typeof value === "string" ? choiceName(value) : plain(value);
}

export const effectOf = ({ name, effect, description }) =>
  hasWords(`effect.${name}`) ? t(`effect.${name}`) : inPageWords(effect || description);

// At length: the library's own words, which are English.
export const descriptionOf = ({ description }) => (language === "en" ? inPageWords(description) : "");

// A heading of advanced settings, by its first word.
export function groupName(group) {
  const name = `group.${group.split(" ")[0].toLowerCase()}`;
  return hasWords(name) ? t(name) : group;
}

export function inPageWords(text) {
  const isOffered = (name) => state.schema?.settings.some((setting) => setting.name === name);
  const named = (name) => `“${label(name)}”`;
  return text
    .replace(/--([a-z][a-z0-9]*(?:-[a-z0-9]+)*)/g, (_, option) => {
      const name = option.replaceAll("-", "_");
      return isOffered(name) ? named(name) : t("setting.server", { name: label(name) });
    })
    // A name of one word is a word like others, but where the library says what a setting is.
    .replace(/[a-z]+(?:_[a-z]+)+|^[a-z]+(?= is )/g, (name) => (isOffered(name) ? named(name) : name));
}
