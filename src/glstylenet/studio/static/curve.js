// The loss by term over the evaluations: a plot by uPlot, and the numbers in a table for all who do not see it.
import uPlot from "./vendor/uplot.js";

export const TERMS = ["content", "local", "global", "smoothness"];
const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3]]; // not told apart by colour alone

const box = document.getElementById("curve");
const body = document.getElementById("terms");
let points = [];
let plot = null;

// A colour of the style sheet as the theme has it now.
function ink(name) {
  box.style.color = `var(${name})`;
  const colour = getComputedStyle(box).color;
  box.style.color = "";
  return colour;
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
  points.push([evaluation, ...TERMS.map((term) => losses[term] ?? 0)]);
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
  for (const [k, term] of TERMS.entries()) {
    const row = body.insertRow();
    const head = document.createElement("th");
    head.scope = "row";
    const key = document.createElement("span");
    key.className = `key key-${term}`;
    head.append(key, term);
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
  ...TERMS.map((_, k) => points.map((point) => (point[k + 1] > 0 ? point[k + 1] : null))),
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
  const grid = { stroke: ink("--line"), width: 1 };
  const axis = { stroke: ink("--pale"), grid, ticks: grid, font: "12px system-ui, sans-serif" };
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
        ...TERMS.map((term, k) => ({ stroke: ink(`--term-${term}`), width: 2, dash: DASHES[k], points: { show: false } })),
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
