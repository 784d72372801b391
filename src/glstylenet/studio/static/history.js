// Earlier runs of this browser: their ids are kept here, everything else on the server.
import * as api from "./api.js";
import { ask } from "./dialogs.js";
import { iconButton } from "./icon.js";
import { attempt, say } from "./say.js";
import { differences } from "./settings.js";
import { on, recall, remember, state, watch } from "./store.js";
import { check, drop } from "./following.js";
import { runName, WORDS } from "./run_view.js";
import { goto } from "./views.js";

const MOST = 40;
const list = document.getElementById("history");
const empty = document.getElementById("history-empty");
export function setup() {
  watch(() => state.job?.id, mark);
  on("runs", refresh);
  on("opened", keep);
  // Another tab started or deleted a run.
  window.addEventListener("storage", ({ key }) => key === "glstylenet.runs" && refresh().then(check));
  if (state.job) keep(state.job.id);
  else refresh();
}

const ids = () => recall("runs", []);

export function keep(id) {
  if (!ids().includes(id)) remember("runs", [id, ...ids()].slice(0, MOST));
  return refresh();
}

export async function refresh() {
  const known = ids();
  empty.hidden = known.length > 0;
  if (!known.length) return list.replaceChildren();
  const answer = await api.jobs(known).catch(() => null);
  if (!answer) return undefined;
  // The server's retention may have taken some.
  const found = new Map(answer.jobs.map((job) => [job.id, job]));
  const left = ids().filter((id) => found.has(id));
  remember("runs", left);
  empty.hidden = left.length > 0;
  list.replaceChildren(...left.map((id) => item(found.get(id))));
  mark();
  return undefined;
}

function mark() {
  for (const link of list.querySelectorAll("a")) {
    if (link.dataset.id === state.job?.id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

function item(job) {
  const row = document.createElement("li");
  const link = document.createElement("a");
  link.href = `#job=${job.id}`;
  link.dataset.id = job.id;
  link.addEventListener("click", (event) => {
    if (job.id !== state.job?.id) return;
    event.preventDefault(); // it is open, with what was painted since
    goto("result");
  });
  const name = runName(job);
  const when = new Date(typeof job.created === "number" ? job.created * 1000 : job.created);
  const time = Number.isNaN(when.getTime()) ? "" : when.toLocaleString([], { dateStyle: "short", timeStyle: "short" });
  const picture = job.thumbnail ?? (job.state === "queued" ? null : job.preview);
  if (picture) {
    const image = new Image();
    image.src = picture;
    image.alt = "";
    image.addEventListener("error", () => image.replaceWith(placeholder()));
    link.append(image);
  } else {
    link.append(placeholder());
  }
  const words = document.createElement("span");
  const title = document.createElement("b");
  title.textContent = name;
  const note = document.createElement("small");
  note.textContent = `${WORDS[job.state] ?? job.state}${time ? `, ${time}` : ""}`;
  words.append(title, note);
  const others = differences(job);
  if (others.length) {
    const changes = document.createElement("small");
    changes.className = "changes";
    changes.textContent = link.title = others.join(", ");
    words.append(changes);
  }
  link.append(words);
  const bin = iconButton("trash-2", `Delete the run ${name}, ${time}`, () => attempt(() => remove(job.id)));
  row.append(link, bin);
  return row;
}

function placeholder() {
  const box = document.createElement("span");
  box.className = "no-picture";
  return box;
}

async function remove(id) {
  if (!(await ask("Delete this run?", "Its picture and settings go from the studio's folder for good.", "Delete", "Keep it"))) return;
  await api.remove(id).catch((error) => {
    if (error.status !== 404) throw error;
  });
  remember("runs", ids().filter((other) => other !== id));
  await refresh();
  say("Run deleted");
  drop(id);
}
