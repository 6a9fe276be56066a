// The legend below a picture: a small picture and a name for each layer, and buttons that hide
// and show layers.

import { element, svgElement } from "./dom.js";
import { findShape, isOpen } from "./marks.js";

const [WIDTH, HEIGHT] = [26, 14];
// Stripes of a colour scale.
const N_STRIPES = 5;

export class Legend {
  constructor(toggle) {
    this.toggle = toggle;
    this.hidden = new Set();
    this.root = element("div", "bv-legend", { role: "group", "aria-label": "Layers of the picture" });
  }

  isHidden(uid) {
    return this.hidden.has(uid);
  }

  draw(traces, isDark) {
    const items = list(traces);
    const state = JSON.stringify([isDark, items.map(({ uid, name }) => [uid, name])]);
    if (state === this.state) return;
    this.state = state;
    const focused = document.activeElement?.dataset?.layer;
    this.root.replaceChildren(...items.map((trace) => this.makeButton(trace)));
    if (focused) this.root.querySelector(`[data-layer="${CSS.escape(focused)}"]`)?.focus();
  }

  makeButton(trace) {
    const { uid } = trace;
    const button = element("button", "bv-layer", {
      type: "button",
      "data-layer": uid,
      "aria-pressed": String(!this.isHidden(uid)),
    });
    button.append(drawSwatch(trace), element("span", "", {}, restoreName(trace.name)));
    button.addEventListener("click", () => {
      const show = this.hidden.delete(uid);
      if (!show) this.hidden.add(uid);
      button.setAttribute("aria-pressed", String(show));
      this.toggle(uid, show);
    });
    return button;
  }
}

// The traces that have a place in the legend, in its order.
export function list(traces) {
  const items = traces.filter(({ showlegend }) => showlegend !== false);
  return items.sort((a, b) => a.legendrank - b.legendrank);
}

// Undoes `figures.escape`, for places that show text as it is.
export function restoreName(name) {
  const signs = { "&lt;": "<", "&gt;": ">", "&#37;": "%", "&amp;": "&" };
  return name.replace(/&(lt|gt|amp|#37);/g, (entity) => signs[entity]);
}

// A small picture of a layer: its line, its marker or its area, in its own colours.
export function drawSwatch({ line = {}, marker, mode, fillpattern, colorscale, contours }) {
  const svg = svgElement("svg", { class: "bv-swatch", viewBox: `0 0 ${WIDTH} ${HEIGHT}` });
  const add = (tag, attributes) => svg.append(svgElement(tag, attributes));
  const draw = (d, { color, width }, more) =>
    add("path", { d, stroke: color, "stroke-width": width, ...more });
  if (colorscale) {
    const width = WIDTH / N_STRIPES;
    for (let i = 0; i < N_STRIPES; i++) {
      const [, fill] = colorscale[Math.round((i / (N_STRIPES - 1)) * (colorscale.length - 1))];
      add("rect", { x: i * width, y: 1, width: width + 0.3, height: 12, fill });
    }
  } else if (fillpattern) {
    add("rect", { x: 0.5, y: 0.5, width: 25, height: 13, rx: 2, fill: fillpattern.bgcolor });
    for (let x = 0; x < WIDTH; x += 6) {
      draw(`M${x} 13.5 l7 -13`, { color: fillpattern.fgcolor, width: 1.4 });
    }
  } else if (contours) {
    for (const y of [3, 7, 11]) draw(`M0 ${y}H${WIDTH}`, line);
  } else if (mode === "markers") {
    // Where every marker has its own look, the first one stands for all.
    const [symbol, colour] = [marker.symbol, marker.color].map((look) => [look].flat()[0]);
    const rim = marker.line.color;
    const width = rim ? 0.8 : isOpen(symbol) ? 1.6 : 0;
    draw(findShape(symbol), { color: rim ?? colour, width }, { fill: isOpen(symbol) ? "none" : colour });
  } else {
    const dash = { dot: "2 3", solid: "none" }[line.dash] ?? "7 4";
    draw(`M0 7H${WIDTH}`, { ...line, width: Math.max(1.2, line.width) }, { "stroke-dasharray": dash });
  }
  return svg;
}
