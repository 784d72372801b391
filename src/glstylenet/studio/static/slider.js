// Before and after: the content to the left of a divider, the result to its right.

const figure = document.getElementById("compare");
const before = document.getElementById("before");
const after = document.getElementById("after");
const range = document.getElementById("divider");
const waiting = document.getElementById("waiting");
const line = figure.querySelector(".divider");
let showing = "";

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
  place();
}

function place() {
  const share = range.value / 10;
  before.style.clipPath = `inset(0 ${100 - share}% 0 0)`;
  line.style.left = `${share}%`;
  figure.classList.toggle("left-shown", share > 12);
  figure.classList.toggle("right-shown", share < 88);
  range.setAttribute("aria-valuetext", `${Math.round(share)} % content`);
}

// `earlierUrl`: the result that a run goes on from. It, or else the content, fills the place until the first
// preview, without the divider and its words: it is no result yet.
export function start(job, contentUrl, earlierUrl) {
  showing = "";
  const layers = [earlierUrl, contentUrl].filter(Boolean).map((url) => `url(${JSON.stringify(url)})`);
  figure.style.backgroundImage = layers.join(", ");
  figure.classList.add("bare");
  after.removeAttribute("src");
  after.hidden = true;
  waiting.hidden = false;
  before.hidden = !contentUrl;
  if (contentUrl) before.src = contentUrl;
  else before.removeAttribute("src");
  range.hidden = line.hidden = !contentUrl;
  range.value = 0;
  setShape(job.width, job.height);
  place();
}

export function setShape(width, height) {
  if (!width || !height) return;
  figure.style.aspectRatio = `${width} / ${height}`;
  figure.style.setProperty("--shape", String(width / height));
}

// Nothing stands in for the result any more: it is there, or will not come.
export function clear() {
  figure.style.backgroundImage = "";
  figure.classList.remove("bare");
}

// Swap the result's picture once it is decoded: no flash between two previews.
export async function show(url) {
  if (url === showing) return;
  showing = url;
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
  } catch {
    return;
  }
  if (url !== showing) return;
  after.src = url;
  after.hidden = false;
  clear();
  waiting.hidden = true;
  setShape(image.naturalWidth, image.naturalHeight);
}
