// Drafts: pictures, maps and settings as they are while they are worked on, in this browser's database. Each has a
// name, which the entry of the tab's history carries, and belongs to a tab: two tabs never write the same one.
import { openDB } from "./vendor/idb.js";

const MOST = 40; // drafts that are kept
const TAB = "glstylenet.tab";
const KEPT = "kept"; // in place of a tab: drafts that were given a name

const random = () => [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join("");

// A duplicated tab gets a copy of its origin's session: so this one holds its name only while no page is open.
let tab = takeTab();
window.addEventListener("pagehide", () => sessionStorage.setItem(TAB, tab));
window.addEventListener("pageshow", ({ persisted }) => persisted && takeTab());

function takeTab() {
  const kept = sessionStorage.getItem(TAB);
  sessionStorage.removeItem(TAB);
  return kept ?? random();
}

let database = null;

export async function setup() {
  database = await openDB("glstylenet", 1, {
    upgrade(made) {
      const drafts = made.createObjectStore("drafts", { keyPath: "key" });
      drafts.createIndex("name", "name");
      drafts.createIndex("when", "when");
      made.createObjectStore("files", { keyPath: "reference" });
    },
  });
  prune().catch(() => {}); // next time
}

export const newName = random;

// The whole transaction is handed to the browser at once, so that it is written even if the page is being closed.
export function save(name, work) {
  const writing = database?.transaction("drafts", "readwrite", { durability: "relaxed" });
  const put = writing?.store.put({ ...work, key: `${tab}/${name}`, tab, name, when: Date.now() });
  writing?.commit();
  return Promise.all([put, writing?.done]);
}

// The draft of that name: this tab's, or the newest of another one that this tab was made from.
export async function find(name) {
  if (!database) return null;
  return (await database.get("drafts", `${tab}/${name}`)) ?? newestOf(await database.getAllFromIndex("drafts", "name", name));
}

const newestOf = (drafts) => drafts.sort((a, b) => b.when - a.when)[0] ?? null;

// What was worked on last, in whichever tab.
export async function newest() {
  let cursor = await database?.transaction("drafts").store.index("when").openCursor(null, "prev");
  while (cursor?.value.tab === KEPT) cursor = await cursor.continue();
  return cursor?.value ?? null;
}

// Drafts that stay until they are deleted, by the name that they were given.
export const keep = (name, work) => database?.put("drafts", { ...work, key: `${KEPT}/${name}`, tab: KEPT, name, when: Date.now() });
export const keptAs = (name) => database?.get("drafts", `${KEPT}/${name}`);
export const discard = async (name) => database?.delete("drafts", `${KEPT}/${name}`);

export async function kept() {
  const all = (await database?.getAll("drafts")) ?? [];
  return all.filter(({ tab: owner }) => owner === KEPT).sort((a, b) => a.name.localeCompare(b.name));
}

// The file that a picture of the studio was made from, should the studio have to be given it again.
export const keepFile = (reference, file) => database?.put("files", { reference, file });
export const fileOf = async (reference) => (await database?.get("files", reference))?.file ?? null;

async function prune() {
  const all = (await database.getAll("drafts")).sort((a, b) => b.when - a.when);
  const passing = all.filter(({ tab: owner }) => owner !== KEPT);
  for (const { key } of passing.slice(MOST)) await database.delete("drafts", key);
  const left = [...passing.slice(0, MOST), ...(await kept())];
  const used = new Set(left.flatMap((work) => Object.values(work).map((each) => each?.reference)));
  for (const reference of await database.getAllKeys("files")) {
    if (!used.has(reference)) await database.delete("files", reference);
  }
}
