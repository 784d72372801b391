// One map as numbers: a class for every pixel, 255 where nothing is painted. Every change is made of whole
// pixels, so a saved map has exactly the palette's colours. Steps can be taken back and made again.

export const BARE = 255;
const LONGEST = 1600; // a map may be smaller than its picture
const MOST_STEPS = 80;

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
    if (from === label && !colours) return 0;
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
    const seen = new Uint8Array(width * height);
    const stack = [start];
    seen[start] = 1;
    let count = 0;
    while (stack.length) {
      const k = stack.pop();
      data[k] = label;
      count++;
      const column = k % width;
      if (column > 0 && !seen[k - 1] && alike(k - 1)) (seen[k - 1] = 1), stack.push(k - 1);
      if (column < width - 1 && !seen[k + 1] && alike(k + 1)) (seen[k + 1] = 1), stack.push(k + 1);
      if (k >= width && !seen[k - width] && alike(k - width)) (seen[k - width] = 1), stack.push(k - width);
      if (k < data.length - width && !seen[k + width] && alike(k + width)) (seen[k + width] = 1), stack.push(k + width);
    }
    this.#touch(0, 0, width, height);
    return count;
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
