// The plane in Plotly's plot: where it is on the screen, what is clicked on it, and what lies
// over it for a while.

import { element, place, svgElement } from "./dom.js";

// Pixels that a pointer may move in a click.
const CLICK_PIXELS = 4;
// Milliseconds in which a second click makes a double click.
export const DOUBLE_CLICK_MS = 300;
// What an arrow key does, and how far the mark goes, as shares of the side; farther with Shift.
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const NEAR = 0.025;
const FAR = 0.125;
// Milliseconds until the line before has faded.
const FADE_MS = 450;

export class Plane {
  constructor(plot, report) {
    this.plot = plot;
    this.watchClicks(report);
    this.watchKeys(report);
  }

  // Where the plane lies in the plot, in pixels, and the range of it that is shown.
  measure() {
    const { xaxis, yaxis } = this.plot._fullLayout;
    const [width, height] = [xaxis._length, yaxis._length];
    const range = [...xaxis.range, ...yaxis.range];
    return { left: xaxis._offset, top: yaxis._offset, width, height, range };
  }

  // Lays an element over the plane.
  cover(node) {
    const { range, ...pixels } = this.measure();
    place(node, pixels);
    this.plot.append(node);
  }

  // --------------------------------------------------------------------- transition

  findLine(uid) {
    return this.plot.querySelector(`.scatterlayer .trace${uid} .js-line`);
  }

  // A line as it is drawn now, for `fade`.
  copy(uid) {
    const path = this.findLine(uid);
    if (!path || matchMedia("(prefers-reduced-motion: reduce)").matches) return null;
    return { uid, path: path.cloneNode(), box: this.measure() };
  }

  // The new line stands already; the old one fades above it and shows what has moved. Where
  // more than the line has changed, nothing fades; nothing does without a line before.
  fade(before) {
    this.ghost?.remove();
    const now = before && this.findLine(before.uid);
    if (!now || JSON.stringify(before.box) !== JSON.stringify(this.measure())) return;
    if (before.path.getAttribute("d") === now.getAttribute("d")) return;
    before.path.removeAttribute("clip-path");
    const ghost = (this.ghost = svgElement("svg", { class: "bv-ghost" }));
    ghost.append(before.path);
    this.cover(ghost);
    ghost.animate([{ opacity: 0.55 }, { opacity: 0 }], FADE_MS).onfinish = () => ghost.remove();
  }

  // ------------------------------------------------------------------------- clicks

  // Plotly reports clicks on drawn points only, and snapped to them.
  watchClicks(report) {
    let previous;
    let waiting;
    const ends = ["pointerup", "pointercancel"];
    this.plot.addEventListener(
      "pointerdown",
      (down) => {
        if (down.button !== 0 || down.target.closest(".modebar")) return;
        const release = (up) => {
          for (const end of ends) window.removeEventListener(end, release, true);
          const at = this.findPlace(down);
          if (up.type !== "pointerup" || measureWay(up, down) > CLICK_PIXELS || !at) return;
          clearTimeout(waiting);
          const soon = previous && up.timeStamp - previous.timeStamp < DOUBLE_CLICK_MS;
          const second = soon && measureWay(up, previous) <= CLICK_PIXELS;
          previous = up;
          if (second) return;
          // Zoomed in, a second click may follow that means "back to the whole".
          waiting = setTimeout(() => report(at), this.isZoomed() ? DOUBLE_CLICK_MS : 0);
        };
        for (const end of ends) window.addEventListener(end, release, true);
      },
      true,
    );
  }

  // By keyboard a place is chosen with a mark that the arrow keys move.
  watchKeys(report) {
    const { plot } = this;
    Object.assign(plot, { tabIndex: 0, role: "application" });
    plot.setAttribute("aria-label", "Picture: arrow keys move a mark, Enter asks every model there.");
    plot.addEventListener("keydown", (event) => {
      if (event.target !== plot || !plot._fullLayout?.xaxis) return;
      const way = ARROWS[event.key];
      if (way) this.moveMark(way, event.shiftKey ? FAR : NEAR);
      else if (this.mark && ["Enter", " "].includes(event.key)) report(snap(this.at, this.ground));
      else if (event.key === "Escape") this.removeMark();
      else return;
      event.preventDefault();
    });
    plot.addEventListener("blur", () => this.removeMark());
  }

  moveMark([across, up], share) {
    const { left, top, width, height, range } = this.measure();
    const [[u0, u1], [v0, v1]] = [range.slice(0, 2), range.slice(2)];
    if (!this.mark) {
      this.mark = element("output", "bv-mark");
      this.plot.append(this.mark);
      this.at ??= { u: (u0 + u1) / 2, v: (v0 + v1) / 2 };
    }
    this.at = {
      u: Math.min(u1, Math.max(u0, this.at.u + across * share * (u1 - u0))),
      v: Math.min(v1, Math.max(v0, this.at.v + up * share * (v1 - v0))),
    };
    const { u, v } = snap(this.at, this.ground);
    const x = left + (width * (u - u0)) / (u1 - u0);
    place(this.mark, { left: x, top: top + (height * (v1 - v)) / (v1 - v0) });
    this.mark.textContent = namePlace(u, v, this.plot.layout.meta?.units).join(", ");
  }

  removeMark() {
    this.mark?.remove();
    this.mark = undefined;
  }

  findPlace({ clientX, clientY }) {
    const layout = this.plot._fullLayout;
    if (!layout?.xaxis) return null;
    const { left, top, width, height } = this.measure();
    const box = this.plot.getBoundingClientRect();
    const [x, y] = [clientX - box.left - left, clientY - box.top - top];
    if (x < 0 || x > width || y < 0 || y > height) return null;
    return snap({ u: layout.xaxis.p2d(x), v: layout.yaxis.p2d(y) }, this.ground);
  }

  // Whether less is shown than `whole`, the range in which the figure came.
  isZoomed() {
    const [low, high] = this.measure().range;
    const [from, to] = this.whole;
    return Math.abs(high - low) < 0.999 * (to - from);
  }
}

// A place in words: in the units of the axes' own where they have some.
export function namePlace(u, v, units) {
  if (!units) return [`u ${u.toFixed(2)}`, `v ${v.toFixed(2)}`];
  return [u, v].map((value, i) => {
    const [mean, scale] = units[i];
    // Two digits of a standard deviation.
    const digits = Math.ceil(2 - Math.log10(scale));
    return (mean + scale * value).toFixed(Math.max(0, Math.min(100, digits)));
  });
}

// Has the hover over the ground name places likewise; Plotly itself knows the numbers of its axes.
export function nameHover(ground, { meta, xaxis, yaxis }) {
  if (!ground || !meta?.units) return;
  const { x0, dx, y0, dy, customdata } = ground;
  const [rows, columns, depth = 1] = customdata.shape.split(",").map(Number);
  const told = new Uint8Array(customdata.bdata);
  ground.customdata = Array.from({ length: rows }, (_, r) =>
    Array.from({ length: columns }, (_, c) => {
      const at = (r * columns + c) * depth;
      return [...told.subarray(at, at + depth), ...namePlace(x0 + c * dx, y0 + r * dy, meta.units)];
    }),
  );
  const place = [xaxis, yaxis].map(({ title }, i) => `${title.text} %{customdata[${depth + i}]}`);
  ground.hovertemplate = ground.hovertemplate.replace("u %{x:.2f}, v %{y:.2f}", place.join("<br>"));
}

// The point of the ground's grid next to a place: the one of which Plotly speaks on hover, so
// that a click asks about what was read.
export function snap({ u, v }, ground) {
  if (!ground) return { u, v };
  const { x0, dx, y0, dy, z } = ground;
  const [rows, columns] = z.shape.split(",").map(Number);
  return { u: nearest(u, x0, dx, columns), v: nearest(v, y0, dy, rows) };
}

function nearest(value, start, step, n) {
  return start + step * Math.max(0, Math.min(n - 1, Math.round((value - start) / step)));
}

// Pixels between two pointer events.
function measureWay(a, b) {
  return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
}
