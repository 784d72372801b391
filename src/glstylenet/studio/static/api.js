// The server, as docs/studio.md describes it: JSON requests and the events of a job.
import { isAbort } from "./supersede.js";
import { t } from "./words.js";

export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function ask(method, address, { body, signal } = {}) {
  const options = { method, headers: {}, signal };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(address, options);
  } catch (error) {
    throw isAbort(error) ? error : new ApiError(t("api.silent"), 0);
  }
  if (answer.status === 204) return null;
  const json = await answer.json().catch(() => null);
  signal?.throwIfAborted();
  if (answer.ok && json) return json;
  throw refusal(answer.status, answer.statusText, json, answer.headers.get("Retry-After"));
}

function refusal(status, words, json, wait) {
  if (status === 401) {
    return new ApiError(t("api.token"), 401);
  }
  const message = json?.error ?? t("api.answered", { status, words });
  return new ApiError(status === 429 && wait ? `${message} ${t("api.again", { seconds: wait })}` : message, status);
}

const address = (id, rest = "") => `/api/jobs/${encodeURIComponent(id)}${rest}`;

export const settings = () => ask("GET", "/api/settings");
export const samples = () => ask("GET", "/api/samples");
export const job = (id, options) => ask("GET", address(id), options);
export const jobs = (ids) => ask("GET", `/api/jobs?ids=${ids.map(encodeURIComponent).join(",")}`);
export const curve = (id, options) => ask("GET", address(id, "/curve"), options);
export const createJob = (body) => ask("POST", "/api/jobs", { body });
export const estimate = (body, options) => ask("POST", "/api/estimate", { ...options, body });
export const proposeMaps = (body, options) => ask("POST", "/api/maps/propose", { ...options, body });
export const tryWeights = (body, options) => ask("POST", "/api/trials", { ...options, body });
export const snapMap = (body, options) => ask("POST", "/api/maps/snap", { ...options, body });
export const giants = () => ask("GET", "/api/giant");
export const giant = (number) => ask("GET", `/api/giant/${encodeURIComponent(number)}`);
export const stop = (id) => ask("POST", address(id, "/stop"));
export const resume = (id) => ask("POST", address(id, "/resume"));
export const storage = () => ask("GET", "/api/storage");
export const removeAll = () => ask("DELETE", "/api/storage");
export const remove = (id) => ask("DELETE", address(id));

// Send a file as it is. `onProgress` is told the share that was sent; only an XMLHttpRequest knows it.
export function upload(blob, name, { signal, onProgress } = {}) {
  const form = new FormData();
  form.append("file", blob, name);
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const request = new XMLHttpRequest();
    request.open("POST", "/api/pictures");
    request.responseType = "json";
    request.upload.addEventListener("progress", ({ loaded, total }) => onProgress?.(total ? loaded / total : 0));
    request.addEventListener("load", () => {
      const { status, statusText, response } = request;
      if (status === 201 && response) resolve(response);
      else reject(refusal(status, statusText, response, request.getResponseHeader("Retry-After")));
    });
    request.addEventListener("error", () => reject(new ApiError(t("api.silent"), 0)));
    request.addEventListener("abort", () => reject(signal.reason));
    signal?.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

// Address of the picture that a job names: an uploaded one or a shipped one.
export function pictureUrl(reference, role) {
  if (reference.startsWith("sample:")) return `/api/samples/${encodeURIComponent(reference.slice(7))}/${role}.png`;
  return `/api/pictures/${encodeURIComponent(reference)}`;
}

// Follow a job until its end. The browser reconnects by itself and names the last id it saw.
export function watch(id, handlers) {
  const source = new EventSource(address(id, "/events"));
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
