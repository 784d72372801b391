// Which part of a picture a canvas shows: screen = picture * zoom + (x, y), in the canvas' own pixels.
const NEAREST = 24; // most screen pixels for one of the picture

export class Viewport {
  constructor(canvas) {
    this.canvas = canvas;
    this.zoom = 1;
    this.x = this.y = 0;
  }

  // Show a whole picture of this size.
  fit(width, height) {
    this.whole = Math.min(this.canvas.width / width, this.canvas.height / height);
    this.zoom = this.whole;
    this.x = (this.canvas.width - width * this.zoom) / 2;
    this.y = (this.canvas.height - height * this.zoom) / 2;
  }

  // Nothing was shown yet, or a whole picture is.
  get fitted() {
    return !(this.whole > 0) || this.zoom === this.whole;
  }

  // The canvas has another size; what was in its middle stays there.
  resize(across, down, width, height) {
    this.panBy((across - this.canvas.width) / 2, (down - this.canvas.height) / 2);
    this.canvas.width = across;
    this.canvas.height = down;
    if (!this.fitted) this.whole = Math.min(across / width, down / height);
  }

  // Zoom about a place of the canvas, by default its middle.
  zoomBy(factor, x = this.canvas.width / 2, y = this.canvas.height / 2) {
    const zoom = Math.min(Math.max(this.zoom * factor, Math.min(this.whole / 2, 1)), Math.max(NEAREST, this.whole));
    const ratio = zoom / this.zoom;
    this.zoom = zoom;
    this.x = x - (x - this.x) * ratio;
    this.y = y - (y - this.y) * ratio;
  }

  panBy(dx, dy) {
    this.x += dx;
    this.y += dy;
  }

  // Move the picture just so far that a place of it is seen.
  reveal(place, margin = 12) {
    const { sx, sy } = this.onScreen(place);
    this.panBy(
      Math.max(0, margin - sx) - Math.max(0, sx - this.canvas.width + margin),
      Math.max(0, margin - sy) - Math.max(0, sy - this.canvas.height + margin),
    );
  }

  onScreen({ x, y }) {
    return { sx: x * this.zoom + this.x, sy: y * this.zoom + this.y };
  }

  // Where a pointer is: on the canvas (sx, sy), and on the picture (x, y).
  locate(event) {
    const box = this.canvas.getBoundingClientRect();
    const sx = (event.clientX - box.left) * (this.canvas.width / box.width);
    const sy = (event.clientY - box.top) * (this.canvas.height / box.height);
    return { sx, sy, x: (sx - this.x) / this.zoom, y: (sy - this.y) / this.zoom };
  }
}
