// The live view in the browser: draws what encoding.py wrote with Plotly.react on one and
// the same node, plays frames back and reports clicks. Text from outside is only ever set
// as text.

import { decode } from "./decoding.js";
import { load } from "./loading.js";
import { Preview } from "./preview.js";
import { SHAPES } from "./sketch.js";
import { readTheme, themed } from "./theme.js";

const CLICK_PIXELS = 4;
const DOUBLE_CLICK_MS = 300;
const PLAYBACK_MS = 3600;
const SHORTEST_FRAME_MS = 90;
const LONGEST_FRAME_MS = 350;
const FADE_MS = 450;
const FAILURE = "The live view could not be drawn; a plain chart is shown instead.";

const CONFIG = {
  displaylogo: false,
  doubleClick: "reset",
  doubleClickDelay: DOUBLE_CLICK_MS,
  scrollZoom: false,
  showTips: false,
  modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d", "toImage"]],
  toImageButtonOptions: { filename: "decision-boundary", scale: 2 },
};

const views = new WeakMap();

// Called by Streamlit for every update and every change of theme, always with the same
// parentElement. What it returns may run while the view still stands: see `leave`.
export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  if (!views.has(parentElement)) views.set(parentElement, new View(parentElement));
  const view = views.get(parentElement);
  view.report = {
    clicked: (place) => setTriggerValue("clicked", place),
    failed: () => setStateValue("failed", true),
  };
  view.show(data);
  return () => view.leave();
}

// ------------------------------------------------------------------------------ view

class View {
  constructor(parent) {
    this.root = element("div", "boundary-view", { role: "figure", "data-testid": "boundary-view" });
    this.picture = element("div", "bv-picture");
    this.plot = element("div", "bv-plot");
    this.badge = element("div", "bv-badge", { "aria-hidden": "true" }, "training");
    this.legend = element("div", "bv-legend", { role: "group", "aria-label": "Layers of the picture" });
    this.picture.append(this.plot, this.badge);
    this.player = new Player((index) => this.drawFrame(index));
    this.preview = new Preview(this);
    this.root.append(this.picture, this.player.bar, this.legend);
    parent.append(this.root);
    this.hidden = new Set();
    this.latest = 0;
    this.drawing = Promise.resolve();
    this.watchClicks();
    this.resizing = new ResizeObserver(() => this.refit());
    this.resizing.observe(this.root);
  }

  async show(data) {
    // A page may run again for other reasons: what is shown, even a frame, then stays.
    const look = JSON.stringify(readTheme(this.root));
    if (look === this.look && sameBytes(data, this.data)) return;
    Object.assign(this, { look, data });
    const mine = ++this.latest;
    if (!data?.length) return this.sayFailed();
    // Already now, beside the decoding; whether it worked is asked below.
    load().catch(() => {});
    try {
      const content = await decode(data);
      if (mine !== this.latest) return;
      if (!this.content) {
        this.content = content;
        this.makeRoom();
      }
      this.Plotly = await load();
      // One at a time, and of those that wait only the newest.
      this.drawing = this.drawing.then(() => mine === this.latest && this.draw(content, mine));
      await this.drawing;
    } catch {
      this.drawing = Promise.resolve();
      if (mine !== this.latest) return;
      this.sayFailed();
      this.report.failed();
    }
  }

  async draw(content, mine) {
    const { figure } = content;
    this.player.pause();
    this.content = content;
    this.theme = readTheme(this.root);
    const traces = this.themed(figure.data);
    for (const trace of traces) if (this.hidden.has(trace.uid)) trace.visible = false;
    const layout = { ...this.themed(figure.layout), ...this.makeRoom(), showlegend: false };
    layout.paper_bgcolor = this.theme.background;
    layout.font = { ...layout.font, color: this.theme.text, family: this.theme.font };
    layout.hoverlabel.font.family = this.theme.font;
    // On touch screens a finger on the picture must be able to scroll the page.
    if (matchMedia("(pointer: coarse)").matches) layout.dragmode = false;
    const isNew = content.state === "ready" && this.isElsewhere(content, traces);
    this.traces = traces;
    this.isFinal = true;
    if (isNew) await this.preview.sketch(content.student, traces, layout);
    // A line that is in its place already has nothing to fade from.
    const isThere = this.root.dataset.preview === content.student;
    const before = isThere ? null : this.studentPath();
    await this.Plotly.react(this.plot, traces, layout, CONFIG);
    this.preview.drawn(content.student);
    this.fadeOut(before);
    this.drawLegend();
    this.player.offer(content.frames.map((frame) => frame.label));
    this.root.setAttribute("aria-label", content.label);
    this.root.classList.toggle("bv-training", content.state === "training");
    this.root.classList.add("bv-drawn");
    await new Promise(requestAnimationFrame);
    if (mine !== this.latest) return;
    this.root.dataset.state = content.state;
    // A page that comes late draws below the line of a setting that the slider is at already.
    this.root.dataset.student = this.root.dataset.preview ?? content.student;
    if (content.frames.length) this.root.dataset.frame = content.frames.length - 1;
    else delete this.root.dataset.frame;
    this.preview.offer(content.preview);
  }

  // Whether another setting is drawn on another ground; then all of the picture is new.
  isElsewhere({ student }, traces) {
    if (!this.traces || [this.root.dataset.student, this.root.dataset.preview].includes(student)) return false;
    const [now, next] = [this.traces, traces].map((all) => all.find(({ uid }) => uid === "field").z.bdata);
    return !sameBytes(new Uint8Array(now), new Uint8Array(next));
  }

  // Colours of a light page become those of a dark one.
  themed(value) {
    return themed(value, this.theme, this.content.dark);
  }

  // The square as wide as the page allows, with room for axes and colour bar around it.
  size() {
    const { margin } = this.content.figure.layout;
    const width = this.root.clientWidth;
    const narrow = width < 480;
    const around = { ...margin, autoexpand: false };
    if (narrow) Object.assign(around, { l: margin.l - 8, r: margin.r - 6 });
    const side = Math.max(120, Math.min(width - around.l - around.r, this.content.height));
    return {
      margin: around,
      width: side + around.l + around.r,
      height: side + around.t + around.b,
    };
  }

  // So that nothing moves when the picture comes or changes its size.
  makeRoom() {
    const size = this.size();
    this.plot.style.width = `${size.width}px`;
    this.plot.style.height = `${size.height}px`;
    return size;
  }

  refit() {
    if (!this.traces || !this.root.isConnected) return;
    const { width, height } = this.plot._fullLayout;
    const size = this.size();
    if (size.width === width && size.height === height) return;
    this.ghost?.remove();
    this.Plotly.relayout(this.plot, this.makeRoom());
  }

  // ------------------------------------------------------------------------- legend

  drawLegend() {
    const items = this.traces.filter((trace) => trace.showlegend !== false);
    items.sort((a, b) => a.legendrank - b.legendrank);
    const state = JSON.stringify([this.theme.dark, items.map((trace) => [trace.uid, trace.name])]);
    if (state === this.legendState) return;
    this.legendState = state;
    const focused = document.activeElement?.dataset?.layer;
    this.legend.replaceChildren(...items.map((trace) => this.legendItem(trace)));
    if (focused) this.legend.querySelector(`[data-layer="${CSS.escape(focused)}"]`)?.focus();
  }

  legendItem(trace) {
    const button = element("button", "bv-layer", {
      type: "button",
      "data-layer": trace.uid,
      "aria-pressed": String(!this.hidden.has(trace.uid)),
    });
    button.append(swatch(trace), element("span", "", {}, plain(trace.name)));
    button.addEventListener("click", () => {
      const show = this.hidden.delete(trace.uid);
      if (!show) this.hidden.add(trace.uid);
      button.setAttribute("aria-pressed", String(show));
      const index = this.indexOf(trace.uid);
      if (index >= 0) this.Plotly.restyle(this.plot, { visible: show }, [index]);
    });
    return button;
  }

  indexOf(uid) {
    return this.traces.findIndex((trace) => trace.uid === uid);
  }

  trace(uid) {
    return this.traces[this.indexOf(uid)];
  }

  // ----------------------------------------------------------------------- playback

  drawFrame(index) {
    const mine = this.latest;
    this.wanted = index;
    this.drawing = this.drawing.then(async () => {
      // An update or a later frame has overtaken this one.
      if (mine !== this.latest || index !== this.wanted) return;
      const { frames, figure } = this.content;
      const line = this.indexOf("student");
      if (line < 0) return;
      const last = index === frames.length - 1;
      const { x, y } = last ? figure.data[line] : frames[index];
      await this.Plotly.restyle(this.plot, { x: [x], y: [y] }, [line]);
      if (last !== this.isFinal) await this.showFinalLayers(last);
      this.root.dataset.frame = index;
    });
    return this.drawing;
  }

  // What belongs to the final student would be wrong beside an earlier one.
  async showFinalLayers(show) {
    this.isFinal = show;
    const layers = ["levels", "disagreement"].map((uid) => this.indexOf(uid)).filter((i) => i >= 0);
    if (layers.length) await this.Plotly.restyle(this.plot, { opacity: show ? 1 : 0 }, layers);
  }

  // --------------------------------------------------------------------- transition

  // The student's line as it is drawn now, where nothing but the line will change.
  studentPath() {
    const path = this.plot.querySelector(".scatterlayer .tracestudent .js-line");
    if (!path || matchMedia("(prefers-reduced-motion: reduce)").matches) return null;
    return { path: path.cloneNode(), place: this.planePlace() };
  }

  // The new line stands already; the old one fades above it and shows what has moved.
  fadeOut(before) {
    this.ghost?.remove();
    const now = this.plot.querySelector(".scatterlayer .tracestudent .js-line");
    if (!before || !now || JSON.stringify(before.place) !== JSON.stringify(this.planePlace())) return;
    if (before.path.getAttribute("d") === now.getAttribute("d")) return;
    const [left, top, width, height] = before.place;
    this.ghost = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.ghost.classList.add("bv-ghost");
    Object.assign(this.ghost.style, {
      left: `${left}px`,
      top: `${top}px`,
      width: `${width}px`,
      height: `${height}px`,
    });
    before.path.removeAttribute("clip-path");
    this.ghost.append(before.path);
    this.plot.append(this.ghost);
    const ghost = this.ghost;
    ghost.animate([{ opacity: 0.55 }, { opacity: 0 }], FADE_MS).onfinish = () => ghost.remove();
  }

  planePlace() {
    const { xaxis, yaxis } = this.plot._fullLayout;
    return [xaxis._offset, yaxis._offset, xaxis._length, yaxis._length, ...xaxis.range, ...yaxis.range];
  }

  // ------------------------------------------------------------------------- clicks

  // Plotly reports clicks on drawn points only, and snapped to them.
  watchClicks() {
    let previous;
    let waiting;
    this.plot.addEventListener(
      "pointerdown",
      (down) => {
        if (down.button !== 0 || down.target.closest(".modebar")) return;
        const release = (up) => {
          window.removeEventListener("pointerup", release, true);
          window.removeEventListener("pointercancel", release, true);
          const place = this.placeAt(down);
          if (up.type !== "pointerup" || way(up, down) > CLICK_PIXELS || !place) return;
          clearTimeout(waiting);
          const soon = previous && up.timeStamp - previous.timeStamp < DOUBLE_CLICK_MS;
          const second = soon && way(up, previous) <= CLICK_PIXELS;
          previous = up;
          if (second) return;
          // Zoomed in, a second click may follow that means "back to the whole".
          waiting = setTimeout(() => this.report.clicked(place), this.isZoomed() ? DOUBLE_CLICK_MS : 0);
        };
        window.addEventListener("pointerup", release, true);
        window.addEventListener("pointercancel", release, true);
      },
      true,
    );
  }

  placeAt({ clientX, clientY }) {
    const layout = this.plot._fullLayout;
    if (!layout?.xaxis) return null;
    const { xaxis, yaxis } = layout;
    const box = this.plot.getBoundingClientRect();
    const x = clientX - box.left - xaxis._offset;
    const y = clientY - box.top - yaxis._offset;
    if (x < 0 || x > xaxis._length || y < 0 || y > yaxis._length) return null;
    return { u: xaxis.p2d(x), v: yaxis.p2d(y) };
  }

  isZoomed() {
    const [low, high] = this.plot._fullLayout.xaxis.range;
    const [from, to] = this.content.figure.layout.xaxis.range;
    return Math.abs(high - low) < 0.999 * (to - from);
  }

  // ---------------------------------------------------------------------------- end

  sayFailed() {
    this.player.pause();
    this.root.dataset.state = "failed";
    this.root.replaceChildren(element("p", "bv-failure", {}, FAILURE));
  }

  leave() {
    setTimeout(() => {
      if (this.root.isConnected) return;
      this.latest++;
      this.player.pause();
      this.preview.leave();
      this.resizing.disconnect();
      this.Plotly?.purge(this.plot);
    });
  }
}

export class Player {
  constructor(draw, { what = "training", moment = "Moment in the student's training", pace } = {}) {
    this.draw = draw;
    this.what = what;
    this.pace = pace;
    this.labels = [];
    this.button = element("button", "bv-play", { type: "button" });
    this.range = element("input", "bv-range", { type: "range", min: 0, step: 1 });
    this.range.setAttribute("aria-label", moment);
    this.output = element("span", "bv-moment", { "aria-hidden": "true" });
    this.bar = element("div", "bv-player", { role: "group", "aria-label": `Playback of the ${what}` });
    this.bar.append(this.button, this.range, this.output);
    this.bar.hidden = true;
    this.button.addEventListener("click", () => (this.timer ? this.pause() : this.play()));
    this.range.addEventListener("input", () => {
      this.pause();
      this.go(this.range.valueAsNumber);
    });
    this.pause();
  }

  // Takes new frames, and stands at the end of them.
  offer(labels) {
    this.labels = labels;
    this.bar.hidden = labels.length < 2;
    if (!this.bar.hidden) this.bar.classList.add("bv-known");
    this.range.max = Math.max(0, labels.length - 1);
    this.say(labels.length - 1);
  }

  say(index) {
    this.range.value = index;
    this.range.setAttribute("aria-valuetext", this.labels[index] ?? "");
    this.output.textContent = this.labels[index] ?? "";
  }

  go(index) {
    this.say(index);
    return this.draw(index);
  }

  play() {
    this.button.classList.add("bv-playing");
    this.button.setAttribute("aria-label", "Pause");
    const end = this.labels.length - 1;
    const pause =
      this.pace ??
      Math.min(LONGEST_FRAME_MS, Math.max(SHORTEST_FRAME_MS, PLAYBACK_MS / this.labels.length));
    const from = this.range.valueAsNumber;
    const step = async (index) => {
      const mine = this.timer;
      const began = performance.now();
      await this.go(index);
      if (this.timer !== mine) return;
      if (index >= end) return this.pause();
      const rest = Math.max(0, pause - (performance.now() - began));
      this.timer = setTimeout(step, rest, index + 1);
    };
    this.timer = -1;
    step(from >= end ? 0 : from + 1);
  }

  pause() {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.button.classList.remove("bv-playing");
    this.button.setAttribute("aria-label", `Play the ${this.what}`);
  }
}

// ----------------------------------------------------------------------------- pieces

function sameBytes(a, b) {
  return a?.length === b?.length && a?.every((byte, i) => byte === b[i]);
}

export function element(tag, className = "", attributes = {}, text = "") {
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text) node.textContent = text;
  return node;
}

// How many pixels lie between two pointer events.
function way(a, b) {
  return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
}

// Undoes `figures.escaped`, for places that show text as it is.
function plain(name) {
  const signs = { "&lt;": "<", "&gt;": ">", "&#37;": "%", "&amp;": "&" };
  return name.replace(/&(lt|gt|amp|#37);/g, (entity) => signs[entity]);
}

// A small picture of a layer: its line, its marker or its area, in its own colours.
function swatch(trace) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "bv-swatch");
  svg.setAttribute("viewBox", "0 0 26 14");
  const add = (tag, attributes) => {
    const node = document.createElementNS(svg.namespaceURI, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    svg.append(node);
  };
  const { line = {}, marker, fillpattern, colorscale, contours } = trace;
  if (colorscale) {
    const strip = 26 / 5;
    for (let i = 0; i < 5; i++) {
      const [, fill] = colorscale[Math.round((i / 4) * (colorscale.length - 1))];
      add("rect", { x: i * strip, y: 1, width: strip + 0.3, height: 12, fill });
    }
  } else if (fillpattern) {
    add("rect", { x: 0.5, y: 0.5, width: 25, height: 13, rx: 2, fill: fillpattern.bgcolor });
    for (let x = 0; x < 26; x += 6) {
      add("path", { d: `M${x} 13.5 l7 -13`, stroke: fillpattern.fgcolor, "stroke-width": 1.4 });
    }
  } else if (contours) {
    for (const y of [3, 7, 11]) {
      add("path", { d: `M0 ${y}H26`, stroke: line.color, "stroke-width": line.width });
    }
  } else if (trace.mode === "markers") {
    // Where every marker has its own look, the first one stands for all.
    const [symbol, colour] = [marker.symbol, marker.color].map((look) => [look].flat()[0]);
    const open = symbol.endsWith("-open");
    const colours = { fill: open ? "none" : colour, stroke: marker.line.color ?? colour };
    const d = SHAPES[symbol] ?? SHAPES[symbol.replace("-open", "")] ?? SHAPES.circle;
    add("path", { d, ...colours, "stroke-width": marker.line.color ? 0.8 : 1.6 });
  } else {
    const dash = { dot: "2 3" }[line.dash] ?? (line.dash === "solid" ? "none" : "7 4");
    add("path", {
      d: "M0 7H26",
      stroke: line.color,
      "stroke-width": Math.max(1.2, line.width),
      "stroke-dasharray": dash,
    });
  }
  return svg;
}
