// Drafts with a name of the user's: pictures, maps and settings that are kept until they are deleted.
import * as drafts from "./drafts.js";
import { iconButton } from "./icon.js";
import { openKept, present } from "./navigation.js";
import { attempt, notice } from "./say.js";
import { t } from "./words.js";

const by = (id) => document.getElementById(id);
const box = by("drafts");

export function setup() {
  by("open-drafts").addEventListener("click", () => attempt(open));
  box.addEventListener("click", (event) => event.target === box && box.close());
  box.querySelector(".close").addEventListener("click", () => box.close());
  by("keep-draft").addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(keep);
  });
}

async function open() {
  await list();
  box.showModal();
}

async function keep() {
  const name = by("draft-name").value.trim();
  if (!name) return;
  await drafts.keep(name, present());
  by("draft-name").value = "";
  await list();
  notice(t("drafts.kept", { name }), "done");
}

async function list() {
  const kept = await drafts.kept();
  by("no-drafts").hidden = kept.length > 0;
  by("draft-list").replaceChildren(
    ...kept.map(({ name, when }) => {
      const row = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      const date = document.createElement("small");
      date.className = "pale";
      date.textContent = new Date(when).toLocaleString([], { dateStyle: "short", timeStyle: "short" });
      button.append(name, " ", date);
      button.addEventListener("click", () => {
        box.close();
        attempt(() => openKept(name));
      });
      const bin = iconButton("trash-2", t("drafts.delete", { name }), () => attempt(() => drafts.discard(name).then(list)));
      row.append(button, bin);
      return row;
    }),
  );
}
