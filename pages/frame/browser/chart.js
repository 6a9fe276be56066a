// A page's figures in the browser, drawn one after the other: first those in sight, then the
// others, while the page has nothing else to do. Text from outside reaches the screen through
// Plotly, for which Python has escaped it.

import { areSame, inflate, parse } from "./decoding.js";
import { connect, element } from "./dom.js";
import { load } from "./loading.js";
import { savingButtons } from "./saving.js";
import { fitToPage, readTheme, recolour } from "./theme.js";

// Milliseconds that a figure out of sight waits at most for the page to have nothing else to do.
const PATIENCE_MS = 150;

const FULL_SCREEN = {
  name: "fullscreen",
  title: "Full screen",
  icon: {
    width: 24,
    height: 24,
    path: "M3 3h7v2.5H5.5V10H3zM14 3h7v7h-2.5V5.5H14zM3 14h2.5v4.5H10V21H3zM18.5 14H21v7h-7v-2.5h4.5z",
  },
  click: (plot) => {
    if (document.fullscreenElement) document.exitFullscreen();
    else plot.parentElement.requestFullscreen().catch(() => {});
  },
};

const waiting = new Set();

// ------------------------------------------------------------------------------ queue

// Each that asks brings a task that draws one, though not always itself: so the page can
// answer, and show what is drawn, after every figure.
function ask(chart) {
  waiting.add(chart);
  if (isInSight(chart)) setTimeout(drawNext);
  else if (window.requestIdleCallback) requestIdleCallback(drawNext, { timeout: PATIENCE_MS });
  else setTimeout(drawNext, PATIENCE_MS);
}

function drawNext() {
  const isBefore = Node.DOCUMENT_POSITION_PRECEDING;
  const inOrder = [...waiting].sort((one, other) =>
    one.root.compareDocumentPosition(other.root) & isBefore ? 1 : -1,
  );
  const next = inOrder.find(isInSight) ?? inOrder[0];
  waiting.delete(next);
  next?.draw();
}

function isInSight(chart) {
  const { top, bottom } = chart.root.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
}

// ------------------------------------------------------------------------------ chart

class Chart {
  constructor() {
    const attributes = { role: "figure", "data-testid": "chart", "data-state": "waiting" };
    this.root = element("div", "chart", attributes);
    this.plot = element("div", "chart-plot");
    this.root.append(this.plot);
    this.resizing = new ResizeObserver(() => this.askIfDue());
    this.resizing.observe(this.plot);
  }

  async show(data) {
    // A page may run again for other reasons than this figure, or change its theme.
    if (areSame(data, this.data)) return this.askIfDue();
    this.data = data;
    this.root.dataset.state = "waiting";
    try {
      const [plotly, content] = await Promise.all([load(), this.read(data)]);
      if (data !== this.data) return;
      Object.assign(this, { plotly, content });
      this.askIfDue();
    } catch {
      if (data === this.data) this.sayFailed();
    }
  }

  async read(data) {
    const content = parse(await inflate(data));
    if (data === this.data) {
      this.root.setAttribute("aria-label", content.label);
      this.root.dataset.setting = content.setting;
      this.root.style.height = `${content.figure.layout.height}px`;
    }
    return content;
  }

  // What is drawn depends on this, and on the figure.
  readLook() {
    const { dark, background } = readTheme(this.root);
    return { dark, background, width: this.plot.clientWidth, height: this.plot.clientHeight };
  }

  // What is hidden has no width, and is drawn when it gets one.
  askIfDue() {
    if (!this.content || !this.plot.clientWidth) return;
    const isNew = this.content !== this.drawn?.content;
    if (isNew || JSON.stringify(this.readLook()) !== JSON.stringify(this.drawn.look)) ask(this);
  }

  async draw() {
    // Hidden in the meantime, or gone: then it has no colours either.
    if (!this.plot.clientWidth) return;
    const { content } = this;
    const look = this.readLook();
    this.drawn = { content, look };
    try {
      await this.plotly.react(this.plot, ...prepare(content, look), configure(content.name));
      if (content === this.content) this.root.dataset.state = "drawn";
    } catch {
      if (content === this.content) this.sayFailed();
    }
  }

  sayFailed() {
    this.report.setStateValue("failed", true);
  }

  leave() {
    this.data = undefined;
    waiting.delete(this);
    this.resizing.disconnect();
    this.plotly?.purge(this.plot);
  }
}

// Returns traces and layout as they are to be drawn, as copies: Plotly writes into them.
function prepare({ name, figure, dark }, look) {
  const { data, layout } = recolour(figure, look, dark);
  layout.legend = hang(layout, look.height);
  layout.width = look.width;
  layout.height = look.height;
  fitToPage(layout, look);
  // Zoom and hidden traces stay as long as it is the same figure that changes.
  layout.uirevision = name;
  return [data, layout];
}

// A legend below the axes stays near them on a full screen: its place is a share of the height.
export function hang({ legend, margin, height }, newHeight) {
  if (!(legend?.y < 0)) return legend;
  const inside = height - margin.t - margin.b;
  return { ...legend, y: (legend.y * inside) / (newHeight - margin.t - margin.b) };
}

function configure(name) {
  const buttons = [...savingButtons(name), "zoom2d", "resetScale2d"];
  return {
    displaylogo: false,
    modeBarButtons: [document.fullscreenEnabled ? [...buttons, FULL_SCREEN] : buttons],
  };
}

export default connect(Chart);
