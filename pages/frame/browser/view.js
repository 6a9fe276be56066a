// The live view in the browser: draws what encoding.py wrote with Plotly.react on one and the
// same node, and brings together what belongs to it: playback, legend, preview, clicks.

import { areSame, decodeAddressed } from "./decoding.js";
import { connect, element, place } from "./dom.js";
import { Legend } from "./legend.js";
import { load } from "./loading.js";
import { drawPlane } from "./marks.js";
import { DOUBLE_CLICK_MS, nameHover, Plane } from "./plane.js";
import { Player } from "./player.js";
import { Preview } from "./preview.js";
import { savingButtons } from "./saving.js";
import { fitToPage, readTheme, recolour } from "./theme.js";

// Pixels of a page below which the picture has narrow margins, and of the smallest square.
const NARROW = 480;
const SMALLEST = 120;
// Pixels of the bar of buttons where it would cover what stands above the picture.
const BAR = 22;
const FAILURE = "The live view could not be drawn; a plain chart is shown instead.";

const STANDING_STILL =
  "Only the student’s line is of this epoch: its twin and all numbers are those of the end.";

const CONFIG = {
  displaylogo: false,
  doubleClick: "reset",
  doubleClickDelay: DOUBLE_CLICK_MS,
  scrollZoom: false,
  showTips: false,
  modeBarButtons: [
    ["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"],
    savingButtons("decision-boundary"),
  ],
};

class View {
  constructor() {
    this.root = element("div", "boundary-view", { role: "figure", "data-testid": "boundary-view" });
    this.plot = element("div", "bv-plot");
    this.plane = new Plane(this.plot, (at) => this.report.setTriggerValue("clicked", at));
    this.player = new Player((index) => this.drawFrame(index));
    this.legend = new Legend((uid, visible) => this.restyle({ visible }, uid));
    this.preview = new Preview(this.root, this.plane, (uid) => this.findStyle(uid));
    const picture = element("div", "bv-picture");
    picture.append(this.plot, element("div", "bv-badge", { "aria-hidden": "true" }, "training"));
    this.still = element("p", "bv-still", {}, STANDING_STILL);
    this.root.append(picture, this.player.bar, this.still, this.legend.root);
    this.latest = 0;
    this.drawing = Promise.resolve();
    this.resizing = new ResizeObserver(() => this.refit());
    this.resizing.observe(this.root);
  }

  async show(data) {
    // A page may run again for other reasons: what is shown, even a frame, then stays.
    const look = JSON.stringify(readTheme(this.root));
    if (look === this.look && areSame(data, this.data)) return;
    Object.assign(this, { look, data });
    const mine = ++this.latest;
    if (!data?.length) return this.sayFailed();
    // Already now, beside the decoding; whether it worked is asked below.
    load().catch(() => {});
    try {
      const content = await decodeAddressed(data);
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
      this.report.setStateValue("failed", true);
    }
  }

  async draw(content, mine) {
    this.player.pause();
    this.content = content;
    const theme = readTheme(this.root);
    const { data: traces, layout } = recolour(content.figure, theme, content.dark);
    for (const trace of traces) if (this.legend.isHidden(trace.uid)) trace.visible = false;
    Object.assign(layout, this.makeRoom(), { showlegend: false });
    fitToPage(layout, theme);
    layout.font = { ...layout.font, color: theme.text, family: theme.font };
    layout.hoverlabel.font.family = theme.font;
    const isNew = content.state === "ready" && this.isElsewhere(content, traces);
    this.traces = traces;
    this.isFinal = true;
    this.root.classList.remove("bv-early");
    this.plane.ground = find(traces, "field");
    nameHover(this.plane.ground, layout);
    this.plane.whole = content.figure.layout.xaxis.range;
    if (isNew) await this.sketch(content.student, layout);
    // A line that is in its place already has nothing to fade from.
    const before = this.preview.student === content.student ? null : this.plane.copy("student");
    await this.Plotly.react(this.plot, traces, layout, CONFIG);
    this.preview.giveWay(content.student);
    this.plane.fade(before);
    this.legend.draw(traces, theme.dark);
    this.player.offer(content.frames.map((frame) => frame.label));
    this.root.setAttribute("aria-label", content.label);
    this.root.classList.toggle("bv-training", content.state === "training");
    this.root.classList.add("bv-drawn");
    await new Promise(requestAnimationFrame);
    if (mine !== this.latest) return;
    this.root.dataset.state = content.state;
    // A page that comes late draws below the line of a setting that the slider is at already.
    this.root.dataset.student = this.preview.student ?? content.student;
    if (content.frames.length) this.root.dataset.frame = content.frames.length - 1;
    else delete this.root.dataset.frame;
    this.preview.offer(content.preview);
  }

  // Whether another setting is drawn on another ground; then all of the picture is new.
  isElsewhere({ student }, traces) {
    if (!this.traces || [this.root.dataset.student, this.preview.student].includes(student)) return false;
    const [now, next] = [this.traces, traces].map((all) => find(all, "field").z.bdata);
    return !areSame(new Uint8Array(now), new Uint8Array(next));
  }

  // Shows a whole new picture at once, until Plotly has built it.
  sketch(student, layout) {
    const box = this.plane.measure();
    // A zoom outlives a new picture of the same window; the axes of another would be wrong.
    const isSame = this.plot._fullLayout.uirevision === layout.uirevision;
    if (!isSame) box.range = [...layout.xaxis.range, ...layout.yaxis.range];
    return this.preview.cover(student, drawPlane(this.traces, box), !isSame);
  }

  // The square as wide as the page allows, with room for axes and colour bar around it.
  measure() {
    const { margin } = this.content.figure.layout;
    const width = this.root.clientWidth;
    const around = { ...margin, autoexpand: false };
    if (width < NARROW) {
      // On top the bar of buttons has a line of its own: it is as wide as the picture.
      Object.assign(around, { l: margin.l - 8, r: margin.r - 6, t: margin.t + BAR });
    }
    const side = Math.max(SMALLEST, Math.min(width - around.l - around.r, this.content.height));
    return {
      margin: around,
      width: side + around.l + around.r,
      height: side + around.t + around.b,
    };
  }

  // So that nothing moves when the picture comes or changes its size.
  makeRoom() {
    const size = this.measure();
    place(this.plot, { width: size.width, height: size.height });
    return size;
  }

  refit() {
    if (!this.traces || !this.root.isConnected) return;
    const { width, height } = this.plot._fullLayout;
    const size = this.measure();
    if (size.width === width && size.height === height) return;
    this.plane.fade(null);
    this.Plotly.relayout(this.plot, this.makeRoom());
  }

  // Changes how layers look, as far as the picture has them.
  async restyle(look, ...uids) {
    const layers = this.traces.flatMap(({ uid }, index) => (uids.includes(uid) ? [index] : []));
    if (layers.length) await this.Plotly.restyle(this.plot, look, layers);
  }

  // How a layer's line is drawn, if it is to be seen.
  findStyle(uid) {
    return this.legend.isHidden(uid) ? undefined : find(this.traces, uid)?.line;
  }

  drawFrame(index) {
    const mine = this.latest;
    this.wanted = index;
    this.drawing = this.drawing.then(async () => {
      // An update or a later frame has overtaken this one.
      if (mine !== this.latest || index !== this.wanted) return;
      const { frames, figure } = this.content;
      const last = index === frames.length - 1;
      const line = last ? find(figure.data, "student") : frames[index];
      if (!find(this.traces, "student")) return;
      await this.restyle({ x: [line.x], y: [line.y] }, "student");
      // What belongs to the final student would be wrong beside an earlier one.
      if (last !== this.isFinal) await this.restyle({ opacity: last ? 1 : 0 }, "levels", "disagreement");
      this.isFinal = last;
      this.root.classList.toggle("bv-early", !last);
      this.root.dataset.frame = index;
    });
    return this.drawing;
  }

  sayFailed() {
    this.player.pause();
    this.root.dataset.state = "failed";
    this.root.replaceChildren(element("p", "bv-failure", {}, FAILURE));
  }

  leave() {
    this.latest++;
    this.player.pause();
    this.preview.leave();
    this.resizing.disconnect();
    this.Plotly?.purge(this.plot);
  }
}

function find(traces, uid) {
  return traces.find((trace) => trace.uid === uid);
}

export default connect(View);
