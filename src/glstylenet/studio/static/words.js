// The words of the page, in the reader's language. A language is a file in words/, and a line here.
import { recall, remember } from "./store.js";
import english from "./words/en.js";

const LANGUAGES = ["en", "de"]; // each is a file; the first is what the others fall back on

// The chosen one, or the first of the browser's that there is.
export const language = [recall("language", ""), ...navigator.languages.map((tag) => tag.slice(0, 2))].find((each) => LANGUAGES.includes(each)) ?? LANGUAGES[0];

const table = language === LANGUAGES[0] ? english : (await import(`./words/${language}.js`)).default;

// The words of that name; `values` fill its {places}.
export function t(name, values = {}) {
  const text = table[name] ?? english[name];
  if (text === undefined) throw new Error(`The page has no words “${name}”.`);
  return text.replace(/\{(\w+)\}/g, (_, place) => values[place]);
}

export const hasWords = (name) => name in table || name in english;

// Fill `element` with words in which **this** is bold.
export function fill(element, text) {
  element.replaceChildren(
    ...text.split("**").map((part, k) => {
      if (k % 2 === 0) return part;
      const bold = document.createElement("b");
      bold.textContent = part;
      return bold;
    }),
  );
}

// The words that the page's file only names.
export function setup(root = document) {
  document.documentElement.lang = language;
  for (const each of root.querySelectorAll("[data-words]")) fill(each, t(each.dataset.words));
  for (const each of root.querySelectorAll("[data-label]")) each.setAttribute("aria-label", t(each.dataset.label));
  for (const each of root.querySelectorAll("[data-alt]")) each.alt = t(each.dataset.alt);
  for (const each of root.querySelectorAll("button[data-label]")) each.title = t(each.dataset.label);
}

// The menu of languages. Another one is read with the page; what is worked on is kept as a draft.
export function setupMenu(menu) {
  for (const each of LANGUAGES) menu.add(new Option(each.toUpperCase(), each));
  menu.value = language;
  menu.addEventListener("change", () => {
    remember("language", menu.value);
    location.reload();
  });
}
