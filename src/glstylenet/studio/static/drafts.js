// Drafts: pictures, maps and settings as they are while they are worked on, in this browser's database. Each has a
// name, which the entry of the tab's history carries, and belongs to a tab: two tabs never write the same one.
import { openDB } from "./vendor/idb.js";

const MOST = 40; // drafts that are kept
const TAB = "glstylenet.tab";

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
  const cursor = await database?.transaction("drafts").store.index("when").openCursor(null, "prev");
  return cursor?.value ?? null;
}

// The file that a picture of the studio was made from, should the studio have to be given it again.
export const keepFile = (reference, file) => database?.put("files", { reference, file });
export const fileOf = async (reference) => (await database?.get("files", reference))?.file ?? null;

async function prune() {
  const drafts = (await database.getAll("drafts")).sort((a, b) => b.when - a.when);
  for (const { key } of drafts.slice(MOST)) await database.delete("drafts", key);
  const used = new Set(drafts.slice(0, MOST).flatMap(({ content, style }) => [content?.reference, style?.reference]));
  for (const reference of await database.getAllKeys("files")) {
    if (!used.has(reference)) await database.delete("files", reference);
  }
}
