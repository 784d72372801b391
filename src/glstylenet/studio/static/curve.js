// The loss by term over the evaluations: a plot by uPlot, and a table of numbers, also for screen readers.
import uPlot from "./vendor/uplot.js";

const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3]]; // lines differ in more than their colour; page.css has the same

const box = document.getElementById("curve");
const body = document.getElementById("terms");
let terms = []; // of GET /api/settings, in the order of the points' values
let points = []; // [evaluation, value of each term]
let plot = null;

export function setup(listed) {
  terms = listed;
}

const colourOf = (term) => `light-dark(${term.colour}, ${term.dark_colour})`;

// A colour as the theme has it now, in a form that a canvas takes.
function ink(colour) {
  box.style.color = colour;
  const found = getComputedStyle(box).color;
  box.style.color = "";
  return found;
}
const short = (value) => {
  if (value === 0 || (value >= 0.01 && value < 1e7)) return value.toLocaleString("en", { maximumSignificantDigits: 3 });
  return value.toExponential(2).replace("e+", "e");
};
const powers = (_, ticks) => ticks.map((tick) => (tick && Number.isInteger(Math.log10(tick)) ? tick : null));
const power = (value) => (value && Number.isInteger(Math.log10(value)) ? value.toExponential(0).replace("e+", "e") : "");

export function clear() {
  points = [];
  render();
}

export function setAll(all) {
  points = all.slice();
  render();
}

export function add(evaluation, losses) {
  const last = points.at(-1);
  if (last && last[0] >= evaluation) return;
  points.push([evaluation, ...terms.map(({ name }) => losses[name] ?? 0)]);
  render();
}

let waiting = false;
function render() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    table();
    draw();
  });
}

function table() {
  body.replaceChildren();
  for (const [k, term] of terms.entries()) {
    const row = body.insertRow();
    const head = document.createElement("th");
    head.scope = "row";
    const key = document.createElement("span");
    key.className = "key";
    key.style.color = colourOf(term);
    head.append(key, term.label);
    row.append(head);
    for (const point of [points[0], points.at(-1)]) {
      const cell = row.insertCell();
      cell.className = "number";
      cell.textContent = point ? short(point[k + 1]) : "–";
    }
  }
}

// A logarithmic axis has no place for 0.
const columns = () => [
  points.map((point) => point[0]),
  ...terms.map((_, k) => points.map((point) => (point[k + 1] > 0 ? point[k + 1] : null))),
];

function draw() {
  const width = box.clientWidth;
  if (!width) return;
  if (points.length < 2) {
    plot?.destroy();
    plot = null;
    return;
  }
  if (plot && plot.width === width) {
    plot.setData(columns());
    return;
  }
  plot?.destroy();
  const grid = { stroke: ink("var(--line)"), width: 1 };
  const axis = { stroke: ink("var(--pale)"), grid, ticks: grid, font: "12px system-ui, sans-serif" };
  plot = new uPlot(
    {
      width,
      height: 180,
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false }, y: { distr: 3 } },
      axes: [
        { ...axis, size: 28 },
        { ...axis, size: 48, filter: powers, grid: { ...grid, filter: powers }, ticks: { ...grid, filter: powers }, values: (_, ticks) => ticks.map(power) },
      ],
      series: [
        {},
        ...terms.map((term, k) => ({
          stroke: ink(colourOf(term)),
          width: 2,
          dash: DASHES[k % DASHES.length],
          points: { show: false },
        })),
      ],
    },
    columns(),
    box,
  );
}

export function repaint() {
  plot?.destroy();
  plot = null;
  render();
}

new ResizeObserver(() => plot?.width !== box.clientWidth && render()).observe(box);
