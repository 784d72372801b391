// The last choice wins: whatever can be overtaken by a later choice has one AbortController, by its name.

const running = new Map();

// Abort what went on under this name, and return the signal of what begins now.
export function supersede(name) {
  running.get(name)?.abort();
  const controller = new AbortController();
  running.set(name, controller);
  return controller.signal;
}

export const isAbort = (error) => error?.name === "AbortError";
