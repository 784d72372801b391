// Before and after: the content to the left of a divider, the result to its right.
import { t } from "./words.js";

const figure = document.getElementById("compare");
const before = document.getElementById("before");
const after = document.getElementById("after");
const range = document.getElementById("divider");
const waiting = document.getElementById("waiting");
const line = figure.querySelector(".divider");
let showing = ""; // address of the newest picture of the result
let fetching = false;
let sized = false; // the run, or its result, has told its size

export function setup() {
  range.addEventListener("input", place);
  range.addEventListener("keydown", (event) => {
    // A step that is seen; the browser's own is a thousandth.
    const step = { ArrowLeft: -25, ArrowDown: -25, ArrowRight: 25, ArrowUp: 25 }[event.key];
    if (!step) return;
    event.preventDefault();
    range.value = Number(range.value) + step;
    place();
  });
  // Until then the place has the content's shape.
  before.addEventListener("load", () => sized || setShape(before.naturalWidth, before.naturalHeight));
  place();
}

function place() {
  const share = range.value / 10;
  before.style.clipPath = `inset(0 ${100 - share}% 0 0)`;
  line.style.left = `${share}%`;
  figure.classList.toggle("left-shown", share > 12);
  figure.classList.toggle("right-shown", share < 88);
  range.setAttribute("aria-valuetext", t("result.share", { share: Math.round(share) }));
}

// Another run than the one before. The result that it goes on from, or else the content, fills the place until the
// first preview, without the divider and its words: it is no result yet.
export function start({ content, standIn, size }) {
  showing = "";
  sized = Boolean(size);
  const layers = [standIn, content].filter(Boolean).map((url) => `url(${JSON.stringify(url)})`);
  figure.style.backgroundImage = layers.join(", ");
  figure.classList.add("bare");
  after.removeAttribute("src");
  after.hidden = true;
  waiting.hidden = false;
  before.hidden = !content;
  if (content) before.src = content;
  else before.removeAttribute("src");
  range.hidden = line.hidden = !content;
  range.value = 0;
  place();
}

// The run's picture as far as it is: nothing while `picture` is null, and nothing ever if it is over by then.
export function show({ picture, size, active }) {
  if (size) {
    sized = true;
    setShape(...size);
  }
  if (picture) showPicture(picture);
  else if (!active) unfill();
}

function setShape(width, height) {
  figure.style.aspectRatio = `${width} / ${height}`;
  figure.style.setProperty("--shape", String(width / height));
}

// Nothing stands in for the result any more: it is there, or will not come.
function unfill() {
  figure.style.backgroundImage = "";
  figure.classList.remove("bare");
}

// Swap the result's picture once it is decoded: no flash between two previews. While one is fetched, only the
// newest of those that follow waits.
async function showPicture(url) {
  if (url === showing) return;
  showing = url;
  if (fetching) return;
  fetching = true;
  while (after.getAttribute("src") !== showing && showing) {
    const wanted = showing;
    const image = new Image();
    image.src = wanted;
    const whole = await image.decode().then(() => true, () => false);
    if (wanted !== showing) continue;
    if (!whole) break;
    after.src = wanted;
    after.hidden = false;
    unfill();
    waiting.hidden = true;
    sized = true;
    setShape(image.naturalWidth, image.naturalHeight);
  }
  fetching = false;
}
