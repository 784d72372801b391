// The state of the page, values derived from it, and what happens on it.
import { batch, computed, effect, signal, untracked } from "./vendor/signals.js";

export { computed };

// An object whose fields are signals: whoever reads one inside `computed` or `watch` depends on it.
function fields(values, made = {}) {
  for (const [name, value] of Object.entries(values)) {
    const field = signal(value);
    Object.defineProperty(made, name, { get: () => field.value, set: (next) => (field.value = next), enumerable: true });
  }
  return made;
}

export const state = fields({
  schema: null, // GET /api/settings
  preset: null, // name
  values: {}, // every setting by name
  problems: {}, // what is wrong with a setting's field, by name
  content: null, // {reference, url, width, height, name} | {blank: true, width, height}
  style: null, // further ones, style_2 and so on, are declared by pictures.js
  styles: 1, // how many have a pane
  weights: [], // what each style weighs, 0 to 1; 1 unless it stands here
  regions: {}, // by the colours of classes the number of the style that alone they are painted from
  classNames: {}, // by colours: names of the user's own for classes
  uploads: {}, // by role: {name, share} of a file that is being sent
  drawn: 0, // rises when a map changes
  classIndex: 1, // chosen class of the palette
  pointed: null, // class that the maps show alone
  tool: "brush",
  brush: 24, // diameter in pixels of the picture
  tolerance: 28,
  opacity: 0.55,
  estimate: null, // {width, height, seconds by quality} of the run that Run would begin
  job: null, // the run that is shown, as the server tells of it
  connected: true, // the server answers to who follows the run
});

// Further fields, known only when the schema is.
export const declare = (values) => fields(values, state);

export const set = (changes) => batch(() => Object.assign(state, changes));

// Call `act` with what `read` returns: now, and whenever that has changed with what `read` looks at.
export function watch(read, act) {
  const derived = computed(read);
  return effect(() => {
    const { value } = derived;
    untracked(() => act(value));
  });
}

// Events: what happens once, and is no state.
const listeners = new Map();

export function on(topic, listener) {
  if (!listeners.has(topic)) listeners.set(topic, new Set());
  listeners.get(topic).add(listener);
}

export function emit(topic, detail) {
  for (const listener of listeners.get(topic) ?? []) listener(detail);
}

// Small things that outlive the tab. A browser may refuse to keep them: then they are forgotten.
export function remember(name, value) {
  try {
    localStorage.setItem(`glstylenet.${name}`, JSON.stringify(value));
  } catch {
    // full, or switched off
  }
}

export function recall(name, fallback) {
  try {
    return JSON.parse(localStorage.getItem(`glstylenet.${name}`)) ?? fallback;
  } catch {
    return fallback;
  }
}
