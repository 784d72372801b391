// Links to the giant pictures that the studio was started with.
import * as api from "./api.js";
import { attempt } from "./say.js";
import { t } from "./words.js";

export async function setup() {
  const answer = await attempt(api.giants);
  if (!answer?.pictures.length) return;
  const list = document.getElementById("giants");
  list.append(`${t("giant.title")}:`);
  for (const { number, name } of answer.pictures) {
    const link = document.createElement("a");
    link.href = `/giant/${number}`;
    link.textContent = name;
    list.append(link);
  }
  list.hidden = false;
}
