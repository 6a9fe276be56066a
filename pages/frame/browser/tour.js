// A tour in the browser: plays planes back on a canvas, step by step, and reports the one to
// keep. Text from outside is only ever drawn or set as text.

import { areSame, decode } from "./decoding.js";
import { connect, element, place } from "./dom.js";
import { drawSwatch } from "./legend.js";
import { loadStyle } from "./loading.js";
import { drawLine, drawMarker, makeScales, paintCells } from "./marks.js";
import { Player } from "./player.js";
import { readTheme } from "./theme.js";

// Milliseconds per step: faster than the eye follows single pictures, slow enough to follow the
// points.
const PACE_MS = 36;
// Pixels along the side of the picture at most and at least.
const LARGEST = 560;
const SMALLEST = 160;
// Pixels of lines, of points and of the rim of hollow ones.
const LINE_WIDTHS = { ensemble: 3.4, student: 2.2 };
const POINT_SIZE = 7.8;
const HOLLOW_WIDTH = 1.6;
// Pixels of the circle in which the features are drawn, and of the gap around it.
const AXES_RADIUS = 44;
const AXES_GAP = 14;
// Features that are named at most, and the share of the circle that they must reach across.
const NAMED_AXES = 3;
const SHORTEST_NAMED = 0.45;

class Tour {
  constructor() {
    this.root = element("div", "boundary-view tour-view", { role: "figure", "data-testid": "tour-view" });
    this.canvas = element("canvas", "tv-canvas");
    this.player = new Player((index) => this.drawStep(index), {
      what: "tour",
      moment: "Place on the tour",
      pace: PACE_MS,
    });
    const button = element("button", "tv-keep", { type: "button" }, "Keep this plane");
    button.addEventListener("click", () => {
      this.player.pause();
      this.report.setTriggerValue("kept", this.index);
    });
    this.said = element("p", "tv-said");
    this.legend = element("div", "bv-legend", { role: "group", "aria-label": "What is drawn" });
    this.player.bar.append(button);
    this.root.append(this.canvas, this.player.bar, this.said, this.legend);
    this.resizing = new ResizeObserver(() => this.refit());
    this.resizing.observe(this.root);
  }

  async show(data) {
    const look = JSON.stringify(readTheme(this.root));
    const same = areSame(data, this.data);
    if (look === this.look && same) return;
    Object.assign(this, { look, data });
    const [content] = await Promise.all([decode(data), loadStyle()]);
    if (data !== this.data) return;
    this.player.pause();
    this.content = content;
    this.theme = readTheme(this.root);
    this.index = same ? this.index : 0;
    this.prepare();
    this.root.setAttribute("aria-label", content.label);
    this.player.offer(content.steps.map((step) => step.label));
    this.player.go(this.index);
    this.root.dataset.tour = content.digest;
  }

  // Everything that is the same in all steps.
  prepare() {
    const { arrays, resolution, colours } = this.content;
    const page = this.theme.dark ? 1 : 0;
    this.colour = (name) => colours[name][page];
    this.classes = colours.classes.map(({ name, symbol, colours }) => ({
      name,
      symbol,
      colour: colours[page],
    }));
    this.values = new Uint8Array(arrays.ground.bdata);
    const table = new Uint8Array(arrays[page ? "dark" : "light"].bdata);
    this.pixels = Uint32Array.from({ length: table.length / 3 }, (_, i) => {
      return table[3 * i] | (table[3 * i + 1] << 8) | (table[3 * i + 2] << 16) | (255 << 24);
    });
    this.ground = new OffscreenCanvas(resolution, resolution);
    // The longest shadow of all steps fills the circle.
    this.longest = Math.max(...arrays.axes_u.map((a, i) => Math.hypot(a, arrays.axes_v[i])));
    this.drawLegend();
    this.refit();
  }

  refit() {
    if (!this.content) return;
    const side = Math.max(SMALLEST, Math.min(this.root.clientWidth - 2, LARGEST));
    const { half } = this.content;
    [this.x, this.y] = makeScales({ width: side, height: side, range: [-half, half, -half, half] });
    if (side !== this.side || this.ratio !== devicePixelRatio) {
      this.side = side;
      this.ratio = devicePixelRatio;
      this.canvas.width = this.canvas.height = Math.round(side * this.ratio);
      place(this.canvas, { width: side, height: side });
    }
    this.drawStep(this.index);
  }

  drawStep(index) {
    this.index = index;
    const context = this.canvas.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.side, this.side);
    this.drawGround(context, index);
    this.drawBoundary(context, index, "ensemble");
    this.drawPoints(context, index);
    this.drawBoundary(context, index, "student");
    this.drawAxes(context, index);
    context.strokeStyle = this.colour("frame");
    context.lineWidth = 1;
    context.strokeRect(0.5, 0.5, this.side - 1, this.side - 1);
    this.said.textContent = this.content.steps[index].said;
    this.root.dataset.step = index;
  }

  // The values stand for the corners of the picture too, so half a cell lies outside.
  drawGround(context, index) {
    const { resolution } = this.content;
    const start = index * resolution ** 2;
    const image = paintCells(this.values, resolution, resolution, this.pixels, start);
    this.ground.getContext("2d").putImageData(image, 0, 0);
    const cell = this.side / (resolution - 1);
    context.imageSmoothingQuality = "high";
    context.drawImage(this.ground, -cell / 2, -cell / 2, this.side + cell, this.side + cell);
  }

  drawBoundary(context, index, name) {
    const { arrays, cuts } = this.content;
    const line = { x: arrays[`${name}_x`], y: arrays[`${name}_y`] };
    drawLine(context, this.styleLine(name), line, this.x, this.y, ...cuts[name].slice(index, index + 2));
  }

  styleLine(name) {
    return { color: this.colour(name), width: LINE_WIDTHS[name], dash: "solid" };
  }

  // What belongs to one point lies together, step by step.
  drawPoints(context, index) {
    const { arrays, steps } = this.content;
    const n = steps.length;
    const names = ["opacity", "own", "classes"];
    const [opacity, own, y] = names.map((name) => new Uint8Array(arrays[name].bdata ?? arrays[name]));
    for (let point = 0; point < y.length; point++) {
      const at = point * n + index;
      const { symbol, colour } = this.classes[y[point]];
      const drawn = own[at] ? symbol : `${symbol}-open`;
      const rim = own[at] ? 0 : HOLLOW_WIDTH;
      context.globalAlpha = opacity[at] / 255;
      context.fillStyle = context.strokeStyle = colour;
      drawMarker(context, drawn, POINT_SIZE, rim, this.x(arrays.u[at]), this.y(arrays.v[at]));
    }
    context.globalAlpha = 1;
  }

  // The shadows of the features: where each of them points on this plane.
  drawAxes(context, index) {
    const { arrays, axes, steps } = this.content;
    const n = steps.length;
    const centre = AXES_RADIUS + AXES_GAP;
    const middle = this.side - centre;
    context.save();
    context.globalAlpha = 0.82;
    context.fillStyle = this.theme.background;
    context.beginPath();
    context.arc(centre, middle, AXES_RADIUS, 0, 2 * Math.PI);
    context.fill();
    context.globalAlpha = 1;
    context.strokeStyle = context.fillStyle = this.colour("muted");
    context.lineWidth = 1;
    context.stroke();
    const shadows = axes.map((name, i) => {
      const a = arrays.axes_u[i * n + index] / this.longest;
      const b = arrays.axes_v[i * n + index] / this.longest;
      return { name, a, b, length: Math.hypot(a, b) };
    });
    context.font = `11px ${this.theme.font}`;
    context.textBaseline = "middle";
    shadows.sort((one, other) => other.length - one.length);
    shadows.forEach(({ name, a, b, length }, rank) => {
      const [x, y] = [centre + AXES_RADIUS * a, middle - AXES_RADIUS * b];
      context.beginPath();
      context.moveTo(centre, middle);
      context.lineTo(x, y);
      context.stroke();
      if (rank >= NAMED_AXES || length < SHORTEST_NAMED) return;
      // Where an arrow is steep the name stands at its end, else above or below it.
      const below = Math.abs(b) > 0.3 === b < 0 ? -8 : 8;
      context.textAlign = "center";
      context.fillText(name, Math.max(x, 6 + context.measureText(name).width / 2), y + below);
    });
    context.restore();
  }

  drawLegend() {
    const item = (name, trace) => {
      const part = element("span", "tv-item");
      part.append(drawSwatch(trace), element("span", "", {}, name));
      return part;
    };
    const marker = (symbol, color) => ({ mode: "markers", marker: { symbol, color, line: {} } });
    const [first] = this.classes;
    this.legend.replaceChildren(
      ...Object.keys(LINE_WIDTHS).map((name) => item(name, { line: this.styleLine(name) })),
      ...this.classes.map(({ name, symbol, colour }) => item(name, marker(symbol, colour))),
      item("hollow: on a colour not its own", marker(`${first.symbol}-open`, first.colour)),
    );
  }

  leave() {
    this.player.pause();
    this.resizing.disconnect();
  }
}

export default connect(Tour);
