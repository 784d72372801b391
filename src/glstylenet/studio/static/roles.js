// What the pictures on the page are for: the content, and one style or several, which are counted from 1. What each style
// weighs, and the classes that are painted from one of them alone.
import { set, state } from "./store.js";
import { t } from "./words.js";

export const PAIR = ["content", "style"]; // what every run has

export const styleRole = (number) => (number === 1 ? "style" : `style_${number}`);
export const numberOf = (role) => (role === "content" ? 0 : Number(role.split("_")[1] ?? 1));
export const mapRole = (role) => role.replace(/^(content|style)/, "$1_map");

export const styleRoles = (count = state.styles) => Array.from({ length: count }, (_, k) => styleRole(k + 1));

// Those that have a pane now, and those that may have one.
export const openRoles = () => ["content", ...styleRoles()];
export const allRoles = () => ["content", ...styleRoles(state.schema.limits.styles)];

// Words about one of the pictures.
export function words(role, name, values = {}) {
  const number = numberOf(role);
  return number > 1 ? t(`further.${name}`, { ...values, number }) : t(`${role}.${name}`, values);
}

// What a picture is called: the first style has a number where there are several.
export const titleOf = (role) => (role === "style" && state.styles > 1 ? t("further.title", { number: 1 }) : words(role, "title"));

export const weightOf = (role) => state.weights[numberOf(role) - 1] ?? 1;

// The classes that have a style of their own: its number, by their colours.
export const regions = () => (state.styles > 1 ? state.regions : {});

// The styles with a picture that something is painted from.
export const countingStyles = () =>
  styleRoles().filter((role) => state[role] && (weightOf(role) > 0 || Object.values(regions()).includes(numberOf(role))));

// The open style whose picture is not chosen yet, or none.
export const emptyStyle = () => styleRoles().find((role) => numberOf(role) > 1 && !state[role]);

// Paint a class, by its colour, from one style alone; from all if `number` is null.
export function bind(colour, number) {
  const { [colour]: _, ...others } = state.regions;
  set({ regions: number ? { ...others, [colour]: number } : others });
}
