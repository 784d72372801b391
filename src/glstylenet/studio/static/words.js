// The library's advice names options of the command line; on the page they are settings, or the studio's own.
import { state } from "./store.js";

export const label = (name) => {
  const text = name.replace(/[_-]/g, " ");
  return text[0].toUpperCase() + text.slice(1);
};

export function inPageWords(text) {
  return text.replace(/--([a-z][a-z0-9]*(?:-[a-z0-9]+)*)/g, (_, option) => {
    const name = option.replaceAll("-", "_");
    const offered = state.schema?.settings.some((setting) => setting.name === name);
    return offered ? `“${label(name)}”` : `“${label(name)}” (chosen where the studio is started)`;
  });
}
