// The student while the hand still moves a slider: its line is asked for at every stop that
// the slider passes and drawn over the picture, without waiting for the page to run again.
// The page follows when the slider rests; without this module it would be only slower.

import { read } from "./decoding.js";
import { sketch } from "./sketch.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
const LINES = ["twin", "student"];
// When a page has rested for so long, what lies one stop further is fetched, if it is stored.
const REST_MS = 300;
const MOST_KNOWN = 400;
const AGAIN_MS = 250;

export class Preview {
  constructor(view) {
    this.view = view;
    this.svg = document.createElementNS(NAMESPACE, "svg");
    this.svg.classList.add("bv-preview");
    this.note = document.createElement("div");
    this.note.className = "bv-note";
    this.note.setAttribute("aria-hidden", "true");
    this.observer = new MutationObserver((changes) => this.look(changes));
    this.known = new Map();
  }

  // Takes what the page has just drawn: the setting, and which sliders change what in it.
  offer(setting) {
    this.setting = setting;
    this.observer.disconnect();
    if (!setting) return this.end();
    // Streamlit reports a slider when it is let go; for those who cannot see it, the slider
    // itself says at every moment where it stands.
    const options = { attributes: true, attributeFilter: ["aria-valuetext"], subtree: true };
    this.observer.observe(document.body, options);
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.readAhead(setting), REST_MS);
    this.follow();
  }

  leave() {
    clearTimeout(this.resting);
    this.setting = undefined;
    this.observer.disconnect();
    this.asking?.abort();
  }

  look(changes) {
    const moved = changes.some(({ target }) => target.ariaLabel in this.setting.sliders);
    if (moved && this.view.root.isConnected) this.follow();
  }

  follow() {
    const wanted = JSON.stringify(this.wanted());
    if (wanted === JSON.stringify(this.setting.picture)) this.end();
    else this.ask(wanted);
  }

  // The setting at which the sliders stand now.
  wanted() {
    const picture = structuredClone(this.setting.picture);
    for (const [label, { way }] of Object.entries(this.setting.sliders)) {
      const slider = document.querySelector(`input[type=range][aria-label="${CSS.escape(label)}"]`);
      const value = Number.parseFloat(slider?.ariaValueText);
      if (!Number.isNaN(value)) change(picture, way, value);
    }
    return picture;
  }

  async ask(text, isSecond = false) {
    if (text === this.asked) return;
    this.asked = text;
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    const content = this.known.get(text) ?? (await this.fetched(text, {}, asking.signal));
    if (this.asking !== asking) return;
    if (content) {
      this.draw(content);
      if (this.isWhole(content)) return;
      const whole = await this.fetched(text, { whole: 1 }, asking.signal);
      if (whole && this.asking === asking) this.draw(whole);
      return;
    }
    // An older request that came late may have replaced this one. Without a second answer the
    // page will draw, or say why it cannot.
    this.asked = undefined;
    const again = () => this.setting && this.asking === asking && this.ask(text, true);
    if (!isSecond) setTimeout(again, AGAIN_MS);
  }

  // The student's line comes as soon as it is trained; the twin's then still lacks, unless the
  // one that is drawn already is the same.
  isWhole({ lines, twin }) {
    return lines.twin !== undefined || twin === this.setting.twin;
  }

  // One stop to each side of every slider.
  async readAhead(setting) {
    for (const { way, stops } of Object.values(setting.sliders)) {
      const here = stops.indexOf(way.reduce((part, key) => part[key], setting.picture));
      for (const stop of [stops[here - 1], stops[here + 1]]) {
        if (this.setting !== setting) return;
        if (here < 0 || stop === undefined) continue;
        const picture = structuredClone(setting.picture);
        change(picture, way, stop);
        const text = JSON.stringify(picture);
        if (!this.known.has(text)) await this.fetched(text, { ahead: 1 });
      }
    }
  }

  async fetched(text, more, signal) {
    const query = new URLSearchParams({ visitor: this.setting.visitor, picture: text, ...more });
    const content = await answer(new URL(`../student?${query}`, import.meta.url), signal);
    if (content?.lines.twin) this.known.set(text, content);
    if (this.known.size > MOST_KNOWN) this.known.delete(this.known.keys().next().value);
    return content;
  }

  draw(content) {
    const { view } = this;
    const [width, height, ...range] = this.cover(this.svg);
    const isSameTwin = content.twin === this.setting.twin;
    const lines = LINES.filter((uid) => content.lines[uid] && view.indexOf(uid) >= 0)
      .filter((uid) => !view.hidden.has(uid) && !(uid === "twin" && isSameTwin));
    const place = { width, height, range };
    this.svg.replaceChildren(...lines.map((uid) => path(content.lines[uid], view.trace(uid), place)));
    this.note.textContent = content.note;
    view.plot.append(this.svg, this.note);
    view.root.classList.add("bv-moving");
    view.root.classList.toggle("bv-same-twin", isSameTwin);
    this.say(content.student);
  }

  // Draws a whole new picture at once, and returns when it is on the screen.
  async sketch(student, traces, layout) {
    const { _fullLayout: now } = this.view.plot;
    const [, , width, height] = this.view.planePlace();
    // A zoom outlives a new picture of the same window; the axes of another would be wrong.
    const isSame = now.uirevision === layout.uirevision;
    const { xaxis, yaxis } = isSame ? now : layout;
    this.view.root.classList.toggle("bv-elsewhere", !isSame);
    this.canvas?.remove();
    this.canvas = sketch(traces, { width, height, range: [...xaxis.range, ...yaxis.range] });
    this.canvas.className = "bv-preview";
    this.cover(this.canvas);
    this.view.plot.append(this.canvas);
    await this.say(student);
    await new Promise(requestAnimationFrame);
  }

  // Lays a preview over the plane, and returns the plane's size and what it shows.
  cover(node) {
    const [left, top, width, height, ...range] = this.view.planePlace();
    const place = { left, top, width, height };
    for (const [name, pixels] of Object.entries(place)) node.style[name] = `${pixels}px`;
    return [width, height, ...range];
  }

  // Says whose preview stands there, in the frame in which it is painted.
  async say(student) {
    const { dataset } = this.view.root;
    dataset.preview = student;
    await new Promise(requestAnimationFrame);
    if (dataset.preview === student) dataset.student = student;
  }

  // Plotly has drawn a student: what stood for it goes.
  drawn(student) {
    this.canvas?.remove();
    this.view.root.classList.remove("bv-elsewhere");
    if (this.view.root.dataset.preview === student) this.clear();
  }

  end() {
    this.asking?.abort();
    this.asking = this.asked = undefined;
    this.clear();
  }

  clear() {
    const { root, content } = this.view;
    if (!root.dataset.preview) return;
    this.svg.remove();
    this.note.remove();
    root.classList.remove("bv-moving");
    delete root.dataset.preview;
    root.dataset.student = content.student;
  }
}

function change(picture, way, value) {
  const inner = way.slice(0, -1).reduce((part, key) => part[key], picture);
  inner[way.at(-1)] = value;
}

// By XMLHttpRequest: the steps of `fetch` would each wait behind what the page draws meanwhile.
function answer(url, signal) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.responseType = "arraybuffer";
    request.open("GET", url);
    request.onload = () => resolve(request.status === 200 ? read(request.response) : undefined);
    request.onerror = request.onabort = () => resolve(undefined);
    signal?.addEventListener("abort", () => request.abort());
    request.send();
  });
}

function path({ x, y }, { line }, { width, height, range: [left, right, bottom, top] }) {
  const across = width / (right - left);
  const up = height / (top - bottom);
  let d = "";
  let pen = "M";
  for (let i = 0; i < x.length; i++) {
    if (Number.isNaN(x[i])) {
      pen = "M";
    } else {
      d += `${pen}${((x[i] - left) * across).toFixed(1)} ${((top - y[i]) * up).toFixed(1)}`;
      pen = "L";
    }
  }
  const node = document.createElementNS(NAMESPACE, "path");
  const dash = line.dash && line.dash !== "solid" ? line.dash.replaceAll("px", "") : "none";
  const look = { d, fill: "none", stroke: line.color, "stroke-width": line.width };
  for (const [name, value] of Object.entries({ ...look, "stroke-dasharray": dash })) {
    node.setAttribute(name, value);
  }
  return node;
}
