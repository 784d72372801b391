// The state of the page, and the listeners to its changes.

export const state = {
  schema: null, // GET /api/settings
  preset: null, // name
  values: {}, // every setting by name
  content: null, // {reference, url, width, height, name} | {blank: true, width, height}
  style: null,
  classIndex: 1, // chosen class of the palette
  tool: "brush",
  brush: 24, // diameter in pixels of the picture
  tolerance: 28,
  opacity: 0.55,
  job: null,
};

const listeners = new Map();

export function on(topic, listener) {
  if (!listeners.has(topic)) listeners.set(topic, new Set());
  listeners.get(topic).add(listener);
}

export function emit(topic, detail) {
  for (const listener of listeners.get(topic) ?? []) listener(detail);
}

export function set(changes) {
  Object.assign(state, changes);
  for (const name of Object.keys(changes)) emit(name, changes[name]);
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
