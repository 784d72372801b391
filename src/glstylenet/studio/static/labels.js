// One map as numbers: a class for every pixel, 255 where nothing is painted. Every change is made of whole
// pixels, so a saved map has exactly the palette's colours. Steps can be taken back and made again.

export const BARE = 255;
const LONGEST = 1600; // a map may be smaller than its picture
const MOST_STEPS = 80;
const MOST_BYTES = 24 * 2 ** 20; // of all steps: noise is the one thing whose runs are many
const GAP = 6; // map pixels: as wide as a gap may be that nobody sees

// Give `mark` to every pixel that has the value of `start` and hangs together with it, row by row, until there are
// `enough`. Returns their number and the box around them.
function flood(map, start, mark, width, height, enough = Infinity) {
  const value = map[start];
  const open = [start];
  const box = [width, height, 0, 0];
  let count = 0;
  while (open.length && count < enough) {
    const from = open.pop();
    if (map[from] !== value) continue;
    const y = Math.floor(from / width);
    const first = y * width;
    let left = from;
    while (left > first && map[left - 1] === value) left--;
    let right = from + 1;
    while (right < first + width && map[right] === value) right++;
    map.fill(mark, left, right);
    count += right - left;
    box[0] = Math.min(box[0], left - first);
    box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], right - first);
    box[3] = Math.max(box[3], y + 1);
    // One seed for each run above and below that goes on.
    if (y > 0) seeds(map, value, left - width, right - width, open);
    if (y < height - 1) seeds(map, value, left + width, right + width, open);
  }
  return { count, box };
}

function seeds(map, value, first, last, open) {
  for (let k = first; k < last; k++) {
    if (map[k] !== value) continue;
    open.push(k);
    while (k < last && map[k] === value) k++;
  }
}

// Where a closed outline crosses a row, from left to right: [x, 1 downwards or -1 upwards].
function crossings(outline, y) {
  const found = [];
  for (let k = 0; k < outline.length; k++) {
    const [x0, y0] = outline[k];
    const [x1, y1] = outline[(k + 1) % outline.length];
    if (y0 <= y === y1 <= y) continue;
    found.push([x0 + ((y - y0) / (y1 - y0)) * (x1 - x0), y0 < y1 ? 1 : -1]);
  }
  return found.sort((a, b) => a[0] - b[0]);
}

// What a step changed: runs of pixels that follow each other and changed alike.
class Difference {
  // `before` and `after` are whole maps; they differ within `box` only.
  constructor(before, after, width, [left, top, right, bottom]) {
    const starts = [];
    const lengths = [];
    const labels = []; // of each run, before and after
    for (let y = top; y < bottom; y++) {
      for (let k = y * width + left, end = y * width + right; k < end; ) {
        if (before[k] === after[k]) {
          k++;
          continue;
        }
        const from = k;
        const [was, is] = [before[k], after[k]];
        while (k < end && before[k] === was && after[k] === is) k++;
        starts.push(from);
        lengths.push(k - from);
        labels.push(was, is);
      }
    }
    this.box = [left, top, right, bottom];
    this.starts = Uint32Array.from(starts);
    this.lengths = Uint16Array.from(lengths); // a row has at most LONGEST pixels
    this.labels = Uint8Array.from(labels);
  }

  get bytes() {
    return this.starts.byteLength + this.lengths.byteLength + this.labels.byteLength;
  }

  // Mark the pixels that it changed.
  mark(map) {
    for (let k = 0; k < this.starts.length; k++) map.fill(1, this.starts[k], this.starts[k] + this.lengths[k]);
  }

  // `side`: 0 as it was before, 1 as it was after.
  apply(data, side) {
    for (let k = 0; k < this.starts.length; k++) {
      data.fill(this.labels[2 * k + side], this.starts[k], this.starts[k] + this.lengths[k]);
    }
  }
}

export class Labels {
  constructor(width, height) {
    const shrink = Math.min(1, LONGEST / Math.max(width, height));
    this.width = Math.max(1, Math.round(width * shrink));
    this.height = Math.max(1, Math.round(height * shrink));
    this.scale = this.width / width; // map pixels for each picture pixel
    this.data = new Uint8Array(this.width * this.height).fill(BARE);
    this.done = [];
    this.undone = [];
    this.open = null; // copy of `data` before the step being made
    this.dirty = null;
  }

  get painted() {
    return this.data.some((label) => label !== BARE);
  }

  begin() {
    if (this.open) this.end();
    this.open = this.data.slice();
    this.touched = null;
  }

  end() {
    if (this.open && this.touched) {
      const step = new Difference(this.open, this.data, this.width, this.touched);
      if (step.starts.length) this.#keep(step);
    }
    this.open = null;
  }

  #keep(step) {
    this.done.push(step);
    this.undone = [];
    while (this.done.length > 1 && (this.done.length > MOST_STEPS || this.stepBytes > MOST_BYTES)) this.done.shift();
  }

  // Bytes of all that can be taken back.
  get stepBytes() {
    return this.done.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  forgetSteps() {
    this.done = [];
    this.undone = [];
  }

  // Take back what the step being made has done so far, as if it had not begun.
  cancel() {
    if (this.open && this.touched) {
      this.data.set(this.open);
      this.#touch(...this.touched);
    }
    this.open = null;
  }

  undo() {
    return this.#step(this.done, this.undone, 0);
  }

  redo() {
    return this.#step(this.undone, this.done, 1);
  }

  #step(from, to, side) {
    if (this.open) this.end();
    const step = from.pop();
    if (!step) return false;
    to.push(step);
    step.apply(this.data, side);
    this.#touch(...step.box);
    return true;
  }

  #touch(left, top, right, bottom) {
    const join = (box) =>
      box
        ? [Math.min(box[0], left), Math.min(box[1], top), Math.max(box[2], right), Math.max(box[3], bottom)]
        : [left, top, right, bottom];
    this.dirty = join(this.dirty);
    this.touched = join(this.touched);
  }

  // Everything is to be drawn again.
  refresh() {
    this.dirty = [0, 0, this.width, this.height];
  }

  // The changed box since it was last asked for.
  takeDirty() {
    const box = this.dirty;
    this.dirty = null;
    return box;
  }

  // A round brush moved from one place to another, all in map pixels.
  stroke(x0, y0, x1, y1, diameter, label) {
    const radius = Math.max(0.5, diameter / 2);
    const left = Math.max(0, Math.floor(Math.min(x0, x1) - radius));
    const right = Math.min(this.width, Math.ceil(Math.max(x0, x1) + radius) + 1);
    const top = Math.max(0, Math.floor(Math.min(y0, y1) - radius));
    const bottom = Math.min(this.height, Math.ceil(Math.max(y0, y1) + radius) + 1);
    if (left >= right || top >= bottom) return;
    const dx = x1 - x0;
    const dy = y1 - y0;
    const length2 = dx * dx + dy * dy;
    for (let y = top; y < bottom; y++) {
      const py = y + 0.5 - y0;
      for (let x = left; x < right; x++) {
        const px = x + 0.5 - x0;
        const t = length2 ? Math.min(1, Math.max(0, (px * dx + py * dy) / length2)) : 0;
        const ex = px - t * dx;
        const ey = py - t * dy;
        if (ex * ex + ey * ey <= radius * radius) this.data[y * this.width + x] = label;
      }
    }
    const cx = Math.floor(x1);
    const cy = Math.floor(y1);
    if (cx >= 0 && cy >= 0 && cx < this.width && cy < this.height) this.data[cy * this.width + cx] = label;
    this.#touch(left, top, right, bottom);
  }

  // The pixels within a closed outline of [x, y], in map pixels, as {left, top, width, height, mask}; null for none. What
  // is gone around twice is within, too.
  within(outline) {
    const [xs, ys] = [0, 1].map((k) => outline.map((place) => place[k]));
    const least = (values) => Math.max(0, Math.floor(Math.min(...values)));
    const left = least(xs);
    const top = least(ys);
    const width = Math.min(this.width, Math.ceil(Math.max(...xs))) - left;
    const height = Math.min(this.height, Math.ceil(Math.max(...ys))) - top;
    if (width <= 0 || height <= 0) return null;
    const mask = new Uint8Array(width * height);
    for (let row = 0; row < height; row++) {
      let turns = 0; // of the outline around the pixels that follow
      let from = 0;
      for (const [x, way] of crossings(outline, top + row + 0.5)) {
        const to = Math.min(width, Math.max(0, Math.ceil(x - left - 0.5)));
        if (turns) mask.fill(1, row * width + from, row * width + to);
        turns += way;
        from = to;
      }
    }
    return mask.includes(1) ? { left, top, width, height, mask } : null;
  }

  // Give a class to the pixels of an area, all or those that are free.
  paint(area, label, isFree = () => true) {
    this.#each(area, (k) => isFree(k) && (this.data[k] = label));
    this.#touch(area.left, area.top, area.left + area.width, area.top + area.height);
  }

  // The step that was made last.
  get lastStep() {
    return this.done.at(-1) ?? null;
  }

  // Let a step that gave `label` to `before` have given it to `after` instead. The last step becomes another one; where
  // something was painted since, that stays, and the change is a step of its own. A step taken back stays so.
  amend(step, before, after, label) {
    const place = this.done.indexOf(step);
    if (place < 0) return;
    const later = this.done.slice(place + 1);
    const since = new Uint8Array(this.data.length);
    for (const each of later) each.mark(since);
    const former = this.data.slice();
    step.apply(former, 0);
    if (!later.length) this.done.pop();
    this.begin();
    if (!later.length) this.open = former;
    this.#each(before, (k) => since[k] || (this.data[k] = former[k]));
    this.#touch(...step.box);
    this.paint(after, label, (k) => !since[k]);
    this.end();
  }

  #each({ left, top, width, height, mask }, act) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) if (mask[y * width + x]) act((top + y) * this.width + left + x);
    }
  }

  // Everything of one class that hangs together with the given place; with `colours` (RGBA of the picture at
  // map size) only where the picture looks alike.
  fill(x, y, label, colours = null, tolerance = 0) {
    const { width, height, data } = this;
    x = Math.floor(x);
    y = Math.floor(y);
    if (x < 0 || y < 0 || x >= width || y >= height) return 0;
    const start = y * width + x;
    const from = data[start];
    if (from === label) return 0;
    const { count, box } = colours
      ? this.#fillAlike(start, label, colours, tolerance)
      : flood(data, start, label, width, height);
    this.#touch(...box);
    return count;
  }

  // The same where the colours look like the one at `start`.
  #fillAlike(start, label, colours, tolerance) {
    const { width, height, data } = this;
    const [r, g, b] = colours.subarray(start * 4, start * 4 + 3);
    const limit = tolerance * tolerance * 3;
    const alike = new Uint8Array(data.length);
    for (let k = 0; k < data.length; k++) {
      if (data[k] !== data[start]) continue;
      const dr = colours[4 * k] - r;
      const dg = colours[4 * k + 1] - g;
      const db = colours[4 * k + 2] - b;
      if (dr * dr + dg * dg + db * db <= limit) alike[k] = 1;
    }
    const found = flood(alike, start, 2, width, height);
    for (let k = 0; k < data.length; k++) if (alike[k] === 2) data[k] = label;
    return found;
  }

  // Whether the fill of the open step, `count` pixels from here, got through a gap of an outline: with every gap
  // of GAP pixels closed it would have stayed less than half as large.
  leaked(x, y, count) {
    const { width, height, open } = this;
    const start = Math.floor(y) * width + Math.floor(x);
    if (!count || count === open.length) return false; // nothing, or without an outline
    const map = open.slice();
    this.#thicken(map, open[start], GAP >> 1);
    // A place so narrow that the thicker outline covers it tells nothing.
    if (map[start] !== open[start]) return false;
    return flood(map, start, (open[start] + 1) & 255, width, height, count / 2).count < count / 2;
  }

  // Around the fill of the open step, of class `from` before, let the outline in `map` grow by `reach` pixels to
  // every side. What grows is the pixels beside the fill: no other wall is nearer to it.
  #thicken(map, from, reach) {
    const { width, height, open, data } = this;
    const [left, top, right, bottom] = this.touched;
    const wall = (from + 1) & 255;
    const isFilled = (k) => open[k] === from && data[k] !== from;
    for (let y = Math.max(0, top - 1); y < Math.min(height, bottom + 1); y++) {
      for (let x = Math.max(0, left - 1); x < Math.min(width, right + 1); x++) {
        const k = y * width + x;
        if (open[k] === from) continue;
        const isBeside =
          (x > 0 && isFilled(k - 1)) ||
          (x < width - 1 && isFilled(k + 1)) ||
          (y > 0 && isFilled(k - width)) ||
          (y < height - 1 && isFilled(k + width));
        if (!isBeside) continue;
        const last = Math.min(width, x + reach + 1);
        for (let row = Math.max(0, y - reach); row <= Math.min(height - 1, y + reach); row++) {
          map.fill(wall, row * width + Math.max(0, x - reach), row * width + last);
        }
      }
    }
  }

  at(x, y) {
    x = Math.floor(x);
    y = Math.floor(y);
    return x < 0 || y < 0 || x >= this.width || y >= this.height ? BARE : this.data[y * this.width + x];
  }

  // Another map in this one's place, of any size: nearest pixels.
  replace(data, width, height) {
    this.begin();
    for (let y = 0; y < this.height; y++) {
      const row = Math.min(height - 1, Math.floor(((y + 0.5) * height) / this.height)) * width;
      for (let x = 0; x < this.width; x++) {
        this.data[y * this.width + x] = data[row + Math.min(width - 1, Math.floor(((x + 0.5) * width) / this.width))];
      }
    }
    this.#touch(0, 0, this.width, this.height);
    this.end();
  }

  clear() {
    this.begin();
    this.data.fill(BARE);
    this.#touch(0, 0, this.width, this.height);
    this.end();
  }

  counts() {
    const counts = new Uint32Array(256);
    for (const label of this.data) counts[label]++;
    return counts;
  }
}
