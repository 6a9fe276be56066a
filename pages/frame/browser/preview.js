// The student while the hand still moves a slider: its line is asked for at every stop that
// the slider passes and drawn over the picture, without waiting for the page to run again.
// The page follows when the slider rests; without this module it would be only slower.

import { read, readParts } from "./decoding.js";
import { element, svgElement } from "./dom.js";
import { makeScales, readDashes, writePath } from "./marks.js";

const LINES = ["twin", "student"];
// Milliseconds a page must rest before what lies one stop further is fetched, if it is stored.
const REST_MS = 300;
// Milliseconds until a setting without an answer is asked for once more.
const AGAIN_MS = 250;
// Students whose lines are kept.
const MOST_KNOWN = 400;

export class Preview {
  // `findStyle(uid)` says how the line of a layer is drawn, if it is to be seen.
  constructor(root, plane, findStyle) {
    Object.assign(this, { root, plane, findStyle });
    this.svg = svgElement("svg", { class: "bv-preview" });
    this.note = element("div", "bv-note", { "aria-hidden": "true" });
    this.observer = new MutationObserver((changes) => this.notice(changes));
    this.known = new Map();
  }

  // Whose preview stands over the picture, if any does.
  get student() {
    return this.root.dataset.preview;
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

  notice(changes) {
    const moved = changes.some(({ target }) => target.ariaLabel in this.setting.sliders);
    if (moved && this.root.isConnected) this.follow();
  }

  follow() {
    const wanted = JSON.stringify(this.readWanted());
    if (wanted === JSON.stringify(this.setting.picture)) this.end();
    else this.ask(wanted);
  }

  // The setting at which the sliders stand now.
  readWanted() {
    let { picture } = this.setting;
    for (const [label, { way }] of Object.entries(this.setting.sliders)) {
      const slider = document.querySelector(`input[type=range][aria-label="${CSS.escape(label)}"]`);
      const value = Number.parseFloat(slider?.ariaValueText);
      if (!Number.isNaN(value)) picture = change(picture, way, value);
    }
    return picture;
  }

  async ask(text, isSecond = false) {
    if (text === this.asked) return;
    this.asked = text;
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    const content = this.known.get(text) ?? (await this.fetch(text, {}, asking.signal));
    if (this.asking !== asking) return;
    if (content) {
      this.draw(content);
      if (this.isWhole(content)) return;
      const whole = await this.fetch(text, { whole: 1 }, asking.signal);
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

  async readAhead(setting) {
    const query = new URLSearchParams({ visitor: setting.visitor, student: this.drawn });
    const parts = await load(new URL(`../beside?${query}`, import.meta.url), readParts);
    for (const [label, stop, content] of parts ?? []) {
      const picture = change(setting.picture, setting.sliders[label].way, stop);
      this.keep(JSON.stringify(picture), content);
    }
  }

  async fetch(text, more, signal) {
    const query = new URLSearchParams({ visitor: this.setting.visitor, picture: text, ...more });
    const content = await load(new URL(`../student?${query}`, import.meta.url), read, signal);
    if (content?.lines.twin) this.keep(text, content);
    return content;
  }

  keep(text, content) {
    this.known.set(text, content);
    if (this.known.size > MOST_KNOWN) this.known.delete(this.known.keys().next().value);
  }

  draw(content) {
    const isSameTwin = content.twin === this.setting.twin;
    const [x, y] = makeScales(this.plane.measure());
    const paths = LINES.flatMap((uid) => {
      const [line, look] = [content.lines[uid], this.findStyle(uid)];
      if (!line || !look || (uid === "twin" && isSameTwin)) return [];
      return svgElement("path", {
        d: writePath(line, x, y),
        fill: "none",
        stroke: look.color,
        "stroke-width": look.width,
        "stroke-dasharray": readDashes(look).join() || "none",
      });
    });
    this.svg.replaceChildren(...paths);
    this.note.textContent = content.note;
    this.plane.cover(this.svg);
    this.svg.after(this.note);
    this.root.classList.add("bv-moving");
    this.root.classList.toggle("bv-same-twin", isSameTwin);
    this.say(content.student);
  }

  // Lays a whole new picture over the plane, and returns when it is on the screen. Elsewhere,
  // the numbers at the axes would be wrong.
  async cover(student, canvas, isElsewhere) {
    this.drawn = student;
    this.root.classList.toggle("bv-elsewhere", isElsewhere);
    this.canvas?.remove();
    this.canvas = canvas;
    canvas.className = "bv-preview";
    this.plane.cover(canvas);
    await this.say(student);
    await new Promise(requestAnimationFrame);
  }

  // Says whose preview stands there, in the frame in which it is painted.
  async say(student) {
    const { dataset } = this.root;
    dataset.preview = student;
    await new Promise(requestAnimationFrame);
    if (dataset.preview === student) dataset.student = student;
  }

  // Plotly has drawn a student: what stood for it goes.
  giveWay(student) {
    this.drawn = student;
    this.canvas?.remove();
    this.root.classList.remove("bv-elsewhere");
    if (this.student === student) this.clear();
  }

  end() {
    this.asking?.abort();
    this.asking = this.asked = undefined;
    this.clear();
  }

  clear() {
    if (!this.student) return;
    this.svg.remove();
    this.note.remove();
    this.root.classList.remove("bv-moving");
    delete this.root.dataset.preview;
    this.root.dataset.student = this.drawn;
  }
}

// Returns a copy of a setting with another value at the end of a way of keys.
export function change(picture, [key, ...inner], value) {
  return { ...picture, [key]: inner.length ? change(picture[key], inner, value) : value };
}

// By XMLHttpRequest: the steps of `fetch` would each wait behind what the page draws meanwhile.
function load(url, read, signal) {
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
