// A picture with its map above it, to be painted on: by mouse, pen, fingers or keys.
import { drawOutline, outline, resizeBrush } from "./brush.js";
import { BARE, Labels } from "./labels.js";
import { choose, classes, ground } from "./palette.js";
import { emit, on, state, watch } from "./store.js";
import { say } from "./say.js";
import { Viewport } from "./viewport.js";
import { t } from "./words.js";

const WAIT = 100; // ms
// Opacities, of 255, while the maps show one class: of the others, and of what is bare if that is the class.
const DIMMED = 40;
const BARE_SHOWN = 160;

export class Painter {
  constructor(canvas, role, onChange) {
    this.canvas = canvas;
    this.role = role;
    this.onChange = onChange;
    this.pen = canvas.getContext("2d");
    this.image = null;
    this.labels = null;
    this.view = new Viewport(canvas);
    this.pointers = new Map();
    this.hover = null; // pointer over the canvas, in picture pixels
    this.cursor = null; // of the keyboard
    this.keyed = false; // the keyboard's cursor is shown
    this.penDown = false;
    this.lineFrom = null;
    this.lineTo = null;
    this.outline = null; // of the lasso
    this.#listen();
    new ResizeObserver(() => this.#resized()).observe(canvas);
    watch(() => [state.opacity, state.brush, state.classIndex], () => this.draw());
    watch(() => state.tool, (tool) => {
      canvas.dataset.tool = tool;
      this.#dropLine();
    });
    watch(() => state.pointed, () => {
      this.labels?.refresh();
      this.draw();
    });
    on("palette", () => this.draw());
  }

  // Whether a step is being painted.
  get painting() {
    return Boolean(this.labels?.open);
  }

  // Show a picture (an image, or null for a bare sheet) with an empty map.
  open(image, width, height) {
    this.image = image;
    this.width = width;
    this.height = height;
    this.labels = new Labels(width, height);
    this.overlay = document.createElement("canvas");
    this.overlay.width = this.labels.width;
    this.overlay.height = this.labels.height;
    this.colours = null;
    this.cursor = { x: width / 2, y: height / 2 };
    this.lineFrom = null;
    this.penDown = false;
    this.fit();
  }

  // Show what another painter shows, with all that can be taken back on it; that one shows nothing then.
  adopt(other) {
    for (const each of ["image", "width", "height", "labels", "overlay", "colours", "cursor"]) this[each] = other[each];
    this.lineFrom = null;
    this.penDown = false;
    other.close();
    this.fit();
  }

  close() {
    this.image = this.labels = null;
    this.draw();
  }

  #resized() {
    const ratio = window.devicePixelRatio || 1;
    const box = this.canvas.getBoundingClientRect();
    if (!box.width || !box.height) return;
    const fitted = this.view.fitted;
    this.view.resize(Math.round(box.width * ratio), Math.round(box.height * ratio), this.width, this.height);
    this.ratio = ratio;
    if (fitted) this.fit();
    this.draw();
  }

  fit() {
    if (!this.labels || !this.canvas.width) return;
    this.view.fit(this.width, this.height);
    this.draw();
  }

  // Zoom about a place of the canvas, by default its middle.
  zoomBy(factor, x, y) {
    if (!this.labels) return;
    this.view.zoomBy(factor, x, y);
    this.draw();
  }

  panBy(dx, dy) {
    this.view.panBy(dx, dy);
    this.draw();
  }

  #listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("pointercancel", (event) => this.#up(event, true));
    canvas.addEventListener("pointerleave", () => {
      this.hover = null;
      this.draw();
    });
    // Two fingers are the picture's even where one scrolls the page.
    canvas.addEventListener("touchstart", (event) => event.touches.length > 1 && event.preventDefault(), { passive: false });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("focus", () => {
      emit("painter", this);
      this.draw();
    });
    canvas.addEventListener("blur", () => {
      this.keyed = false;
      this.#liftPen();
      this.draw();
    });
  }

  #down(event) {
    if (!this.labels) return;
    this.canvas.focus({ preventScroll: true });
    this.keyed = false;
    const at = this.view.locate(event);
    this.pointers.set(event.pointerId, at);
    this.canvas.setPointerCapture(event.pointerId);
    if (this.pointers.size === 2) {
      // A second finger: what the first one had begun to paint is taken back, the two move the picture.
      this.labels.cancel();
      this.#changed();
      this.stroking = false;
      this.#dropLine();
      this.gesture = "pinch";
      return;
    }
    if (this.pointers.size > 2) return;
    if (event.button === 1 || state.tool === "hand") {
      // A picture that is seen whole does not move under one finger: the page does.
      this.gesture = event.pointerType === "touch" && this.view.fitted ? null : "pan";
      return;
    }
    if (event.button !== 0) return;
    if (event.altKey) {
      const label = this.labels.at(at.x * this.labels.scale, at.y * this.labels.scale);
      if (label !== BARE) choose(label);
      return;
    }
    this.gesture = "paint";
    this.#begin(at);
  }

  #move(event) {
    if (!this.labels) return;
    const at = this.view.locate(event);
    const before = this.pointers.get(event.pointerId);
    this.hover = event.pointerType === "touch" && !before ? null : at;
    if (!before) return this.draw();
    if (this.gesture === "pinch") {
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
      if (other) {
        const gap = (p) => Math.hypot(p.sx - other.sx, p.sy - other.sy) || 1;
        this.panBy((at.sx - before.sx) / 2, (at.sy - before.sy) / 2);
        this.zoomBy(gap(at) / gap(before), (at.sx + other.sx) / 2, (at.sy + other.sy) / 2);
      }
    } else if (this.gesture === "pan") {
      this.panBy(at.sx - before.sx, at.sy - before.sy);
    } else if (this.gesture === "paint") {
      // The browser joins several movements into one event; the stroke wants them all.
      const events = event.getCoalescedEvents?.() ?? [];
      for (const each of events.length ? events : [event]) this.#go(this.view.locate(each));
    }
    this.pointers.set(event.pointerId, at);
    this.draw();
  }

  #up(event, cancelled = false) {
    if (!this.pointers.delete(event.pointerId)) return;
    if (this.gesture === "paint") {
      if (cancelled) this.#dropLine();
      this.#finish();
    }
    if (!this.pointers.size || this.gesture !== "pinch") this.gesture = null;
  }

  #wheel(event) {
    if (!this.labels) return;
    event.preventDefault();
    const { sx, sy } = this.view.locate(event);
    if (event.ctrlKey || event.metaKey) this.zoomBy(Math.exp(-event.deltaY / 300), sx, sy);
    else if (event.shiftKey) this.panBy(-event.deltaY - event.deltaX, 0);
    else resizeBrush(event.deltaY < 0 ? 1 : -1);
  }

  // What the tools do: begin at a place, go to others, finish.
  #begin(at) {
    const { labels } = this;
    const label = state.tool === "eraser" ? BARE : state.classIndex;
    const scale = labels.scale;
    this.last = at;
    this.stroking = false;
    labels.begin();
    if (state.tool === "fill" || state.tool === "wand") {
      const colours = state.tool === "wand" ? this.#pictureColours() : null;
      const count = labels.fill(at.x * scale, at.y * scale, label, colours, state.tolerance);
      if (state.tool === "fill" && labels.leaked(at.x * scale, at.y * scale, count)) emit("leaked", this);
      labels.end();
      this.#changed();
    } else if (state.tool === "line") {
      this.lineFrom = at;
      this.lineTo = at;
    } else if (state.tool === "lasso") {
      this.outline = [at];
    } else {
      this.stroking = true;
      labels.stroke(at.x * scale, at.y * scale, at.x * scale, at.y * scale, state.brush * scale, label);
      this.#changed();
    }
  }

  #go(at) {
    const { labels } = this;
    if (this.lineFrom) {
      this.lineTo = at;
    } else if (this.outline) {
      this.outline.push(at);
    } else if (this.stroking) {
      const label = state.tool === "eraser" ? BARE : state.classIndex;
      const s = labels.scale;
      labels.stroke(this.last.x * s, this.last.y * s, at.x * s, at.y * s, state.brush * s, label);
      this.#changed();
    }
    this.last = at;
  }

  #finish() {
    const { labels } = this;
    if (this.lineFrom) {
      const s = labels.scale;
      const { x, y } = this.lineFrom;
      labels.stroke(x * s, y * s, this.lineTo.x * s, this.lineTo.y * s, state.brush * s, state.classIndex);
    }
    const area = this.outline && labels.within(this.outline.map(({ x, y }) => [x * labels.scale, y * labels.scale]));
    if (area) labels.paint(area, state.classIndex);
    this.#dropLine();
    this.stroking = false;
    const before = labels.lastStep;
    labels.end();
    this.#changed();
    if (area && labels.lastStep !== before) emit("outlined", { painter: this, labels, area, step: labels.lastStep, label: state.classIndex });
  }

  // What was outlined in a step, brought to edges. A stroke that is being painted ends first.
  amend({ labels, area, step, label }, snapped) {
    if (labels !== this.labels) return;
    if (labels.open) {
      setTimeout(() => this.amend({ labels, area, step, label }, snapped), WAIT);
      return;
    }
    labels.amend(step, area, snapped, label);
    this.#changed();
  }

  #dropLine() {
    this.lineFrom = this.lineTo = this.outline = null;
    this.draw();
  }

  #liftPen() {
    if (this.penDown || this.lineFrom || this.outline) {
      this.penDown = false;
      this.#dropLine();
      this.stroking = false;
      this.labels?.end();
      this.#changed();
    }
  }

  #key(event) {
    if (!this.labels || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? 1 : Math.max(1, state.brush / 2);
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const move = moves[event.key];
    if (move) {
      this.cursor.x = Math.min(this.width - 0.5, Math.max(0.5, this.cursor.x + move[0]));
      this.cursor.y = Math.min(this.height - 0.5, Math.max(0.5, this.cursor.y + move[1]));
      this.keyed = true;
      if (this.penDown || this.lineFrom || this.outline) this.#go({ ...this.cursor });
      this.view.reveal(this.cursor);
      this.#tellSoon();
    } else if (event.key === " ") {
      this.keyed = true;
      if (state.tool === "line" || state.tool === "lasso") {
        if (this.lineFrom || this.outline) {
          this.#finish();
          say(t(`paint.${state.tool}Drawn`));
        } else {
          this.#begin({ ...this.cursor });
          say(t(`paint.${state.tool}Begins`));
        }
      } else if (state.tool !== "hand" && !this.penDown) {
        this.#begin({ ...this.cursor });
        if (this.stroking) this.#finish();
        say(state.tool === "eraser" ? t("paint.erased") : t("paint.painted", { name: classes[state.classIndex].name }));
      }
    } else if (event.key === "Enter") {
      this.keyed = true;
      if (this.penDown) {
        this.#liftPen();
        say(t("paint.lifted"));
      } else if (state.tool === "brush" || state.tool === "eraser") {
        this.#begin({ ...this.cursor });
        this.penDown = true;
        say(t("paint.down"));
      }
    } else return;
    event.preventDefault();
    event.stopPropagation();
    this.draw();
  }

  #tellSoon() {
    clearTimeout(this.telling);
    this.telling = setTimeout(() => {
      if (!this.labels) return;
      const label = this.labels.at(this.cursor.x * this.labels.scale, this.cursor.y * this.labels.scale);
      const across = Math.round((100 * this.cursor.x) / this.width);
      const down = Math.round((100 * this.cursor.y) / this.height);
      say(t("paint.place", { across, down, name: label === BARE ? t("paint.bare") : classes[label].name }));
    }, 400);
  }

  #pictureColours() {
    if (!this.image) return null;
    if (!this.colours) {
      const { width, height } = this.labels;
      const sheet = document.createElement("canvas");
      sheet.width = width;
      sheet.height = height;
      const pen = sheet.getContext("2d", { willReadFrequently: true });
      pen.drawImage(this.image, 0, 0, width, height);
      this.colours = pen.getImageData(0, 0, width, height).data;
    }
    return this.colours;
  }

  undo() {
    this.#liftPen();
    if (this.labels?.undo()) this.#changed();
    else say(t("paint.noUndo"));
  }

  redo() {
    if (this.labels?.redo()) this.#changed();
    else say(t("paint.noRedo"));
  }

  clear() {
    this.labels?.clear();
    this.#changed();
  }

  // Nothing is painted, and nothing can be taken back.
  reset() {
    this.restore(new Uint8Array(1).fill(BARE), 1, 1);
  }

  // A map as it was left; what was painted before cannot be taken back.
  restore(data, width, height) {
    this.labels.replace(data, width, height);
    this.labels.forgetSteps();
    this.#changed();
  }

  // A whole map of palette indices, as one step. A stroke that is being painted ends before it.
  load(data, width, height) {
    if (this.gesture === "paint") {
      this.gesture = null;
      this.#finish();
    }
    this.#liftPen();
    this.labels.replace(data, width, height);
    this.#changed();
  }

  #changed() {
    this.draw();
    this.onChange(this);
  }

  #renderOverlay() {
    const box = this.labels.takeDirty();
    if (!box) return;
    const [left, top, right, bottom] = box;
    const part = new ImageData(right - left, bottom - top);
    const words = new Uint32Array(part.data.buffer);
    const table = new Uint32Array(256);
    const { pointed } = state;
    const word = ({ colour: [red, green, blue] }, alpha) => ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
    for (const [k, each] of classes.entries()) table[k] = word(each, pointed === null || pointed === k ? 255 : DIMMED);
    if (pointed === ground && this.labels.painted) table[BARE] = word(classes[ground], BARE_SHOWN);
    let k = 0;
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) words[k++] = table[this.labels.data[y * this.labels.width + x]];
    }
    this.overlay.getContext("2d").putImageData(part, left, top);
  }

  draw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.#paint();
    });
  }

  #paint() {
    const { pen, canvas, view } = this;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    canvas.toggleAttribute("data-fitted", view.fitted);
    if (!this.labels) return;
    this.#renderOverlay();
    pen.setTransform(view.zoom, 0, 0, view.zoom, view.x, view.y);
    pen.imageSmoothingEnabled = view.zoom < 3;
    if (this.image) pen.drawImage(this.image, 0, 0, this.width, this.height);
    else {
      pen.fillStyle = "#ffffff";
      pen.fillRect(0, 0, this.width, this.height);
    }
    pen.imageSmoothingEnabled = false;
    pen.globalAlpha = state.opacity;
    pen.drawImage(this.overlay, 0, 0, this.width, this.height);
    pen.globalAlpha = 1;
    if (this.lineFrom) {
      pen.lineCap = "round";
      pen.lineWidth = Math.max(state.brush, 1);
      pen.strokeStyle = `rgb(${classes[state.classIndex].colour.join(" ")} / 0.8)`;
      pen.beginPath();
      pen.moveTo(this.lineFrom.x, this.lineFrom.y);
      pen.lineTo(this.lineTo.x, this.lineTo.y);
      pen.stroke();
    }
    pen.setTransform(1, 0, 0, 1, 0, 0);
    if (this.outline) drawOutline(pen, this.outline.map((place) => view.onScreen(place)), classes[state.classIndex].colour, this.ratio || 1);
    const keyed = this.keyed && document.activeElement === canvas;
    const place = keyed ? this.cursor : state.tool === "hand" ? null : this.hover;
    if (place) outline(pen, view.onScreen(place), view.zoom, this.ratio || 1, keyed);
  }
}
