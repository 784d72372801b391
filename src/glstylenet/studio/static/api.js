// The server, as docs/studio.md describes it: JSON requests and the events of a job.

export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function ask(method, address, body) {
  const options = { method, headers: {} };
  if (body instanceof FormData) options.body = body;
  else if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(address, options);
  } catch {
    throw new ApiError("The studio does not answer. Is “glstylenet studio” still running in its terminal?", 0);
  }
  if (answer.status === 204) return null;
  const json = await answer.json().catch(() => null);
  if (answer.ok && json) return json;
  if (answer.status === 401) {
    throw new ApiError("This studio asks for a token: open the address that “glstylenet studio” printed.", 401);
  }
  let message = json?.error ?? `The studio answered ${answer.status} ${answer.statusText}.`;
  const wait = answer.headers.get("Retry-After");
  if (answer.status === 429 && wait) message += ` Try again in ${wait} s.`;
  throw new ApiError(message, answer.status);
}

export const settings = () => ask("GET", "/api/settings");
export const samples = () => ask("GET", "/api/samples");
export const job = (id) => ask("GET", `/api/jobs/${encodeURIComponent(id)}`);
export const jobs = (ids) => ask("GET", `/api/jobs?ids=${ids.map(encodeURIComponent).join(",")}`);
export const createJob = (request) => ask("POST", "/api/jobs", request);
export const stop = (id) => ask("POST", `/api/jobs/${encodeURIComponent(id)}/stop`);
export const resume = (id) => ask("POST", `/api/jobs/${encodeURIComponent(id)}/resume`);
export const remove = (id) => ask("DELETE", `/api/jobs/${encodeURIComponent(id)}`);

export function upload(blob, name = "picture.png") {
  const form = new FormData();
  form.append("file", blob, name);
  return ask("POST", "/api/pictures", form);
}

// Address of the picture that a job names: an uploaded one, a shipped one, or an address already.
export function pictureUrl(reference, role) {
  if (reference.startsWith("/")) return reference;
  if (reference.startsWith("sample:")) return `/api/samples/${encodeURIComponent(reference.slice(7))}/${role}.png`;
  return `/api/pictures/${encodeURIComponent(reference)}`;
}

// Follow a job until its end. The browser reconnects by itself and names the last id it saw.
export function watch(id, handlers) {
  const source = new EventSource(`/api/jobs/${encodeURIComponent(id)}/events`);
  for (const kind of ["state", "strokes", "progress", "preview", "curve", "warning"]) {
    source.addEventListener(kind, (event) => handlers[kind]?.(JSON.parse(event.data)));
  }
  source.addEventListener("end", (event) => {
    source.close();
    handlers.end?.(JSON.parse(event.data));
  });
  source.onerror = () => handlers.lost?.(source.readyState === EventSource.CLOSED);
  source.onopen = () => handlers.open?.();
  return () => source.close();
}
