// One map as numbers: a class for every pixel, 255 where nothing is painted. Every change is made of whole
// pixels, so a saved map has exactly the palette's colours. Steps can be taken back and made again.

export const BARE = 255;
const LONGEST = 1600; // a map may be smaller than its picture
const MOST_STEPS = 80;
const GAP = 6; // map pixels: as wide as a gap may be that nobody sees

// Pixels that hang together with `start` and fit; `start` itself always does.
function flood(start, width, height, fits) {
  const seen = new Uint8Array(width * height);
  const found = [start];
  seen[start] = 1;
  const visit = (k) => {
    if (seen[k] || !fits(k)) return;
    seen[k] = 1;
    found.push(k);
  };
  for (let next = 0; next < found.length; next++) {
    const k = found[next];
    const column = k % width;
    if (column > 0) visit(k - 1);
    if (column < width - 1) visit(k + 1);
    if (k >= width) visit(k - width);
    if (k < seen.length - width) visit(k + width);
  }
  return found;
}

// What is marked, grown by `reach` pixels to every side: along the rows, then along the columns.
function thickened(marks, width, height, reach) {
  const grow = (from, stride, length, lines, step) => {
    const grown = new Uint8Array(from.length);
    for (let line = 0; line < lines; line++) {
      for (let place = 0; place < length; place++) {
        if (!from[line * step + place * stride]) continue;
        const last = Math.min(length - 1, place + reach);
        for (let near = Math.max(0, place - reach); near <= last; near++) grown[line * step + near * stride] = 1;
      }
    }
    return grown;
  };
  return grow(grow(marks, 1, width, height, width), width, height, width, 1);
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
    const box = this.touched;
    if (this.open && box) {
      const before = this.#cut(this.open, box);
      const after = this.#cut(this.data, box);
      if (before.some((label, k) => label !== after[k])) {
        this.done.push({ box, before, after });
        if (this.done.length > MOST_STEPS) this.done.shift();
        this.undone = [];
      }
    }
    this.open = null;
  }

  // Take back what the step being made has done so far, as if it had not begun.
  cancel() {
    if (this.open && this.touched) {
      const box = this.touched;
      this.#paste(this.#cut(this.open, box), box);
    }
    this.open = null;
  }

  undo() {
    return this.#step(this.done, this.undone, "before");
  }

  redo() {
    return this.#step(this.undone, this.done, "after");
  }

  #step(from, to, which) {
    if (this.open) this.end();
    const step = from.pop();
    if (!step) return false;
    to.push(step);
    this.#paste(step[which], step.box);
    return true;
  }

  #paste(part, [left, top, right, bottom]) {
    const width = right - left;
    for (let y = top; y < bottom; y++) {
      this.data.set(part.subarray((y - top) * width, (y - top + 1) * width), y * this.width + left);
    }
    this.#touch(left, top, right, bottom);
  }

  #cut(data, [left, top, right, bottom]) {
    const width = right - left;
    const part = new Uint8Array(width * (bottom - top));
    for (let y = top; y < bottom; y++) {
      part.set(data.subarray(y * this.width + left, y * this.width + right), (y - top) * width);
    }
    return part;
  }

  #touch(left, top, right, bottom) {
    const join = (box) =>
      box
        ? [Math.min(box[0], left), Math.min(box[1], top), Math.max(box[2], right), Math.max(box[3], bottom)]
        : [left, top, right, bottom];
    this.dirty = join(this.dirty);
    this.touched = join(this.touched);
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
    const [r, g, b] = colours ? colours.subarray(start * 4, start * 4 + 3) : [0, 0, 0];
    const limit = tolerance * tolerance * 3;
    const alike = (k) => {
      if (data[k] !== from) return false;
      if (!colours) return true;
      const dr = colours[4 * k] - r;
      const dg = colours[4 * k + 1] - g;
      const db = colours[4 * k + 2] - b;
      return dr * dr + dg * dg + db * db <= limit;
    };
    const region = flood(start, width, height, alike);
    for (const k of region) data[k] = label;
    this.#touch(0, 0, width, height);
    return region.length;
  }

  // Whether the fill of the open step, `count` pixels from here, got through a gap of an outline: with every gap
  // of GAP pixels closed it would have stayed less than half as large.
  leaked(x, y, count) {
    const { width, height, open } = this;
    const start = Math.floor(y) * width + Math.floor(x);
    if (!count) return false;
    const wall = new Uint8Array(open.length);
    for (let k = 0; k < open.length; k++) wall[k] = Number(open[k] !== open[start]);
    const thick = thickened(wall, width, height, GAP >> 1);
    // A place so narrow that the thicker outline covers it tells nothing.
    return !thick[start] && flood(start, width, height, (k) => !thick[k]).length < count / 2;
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
