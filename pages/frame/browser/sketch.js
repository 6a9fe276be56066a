// The picture of a lesson in which a prediction is drawn.

import { areSame, inflate, parse } from "./decoding.js";
import { connect, element } from "./dom.js";
import { makeDrawable } from "./drawing.js";
import { loadStyle } from "./loading.js";

class Sketch {
  constructor() {
    this.root = element("div", "sketch", { "data-testid": "sketch", "data-state": "waiting" });
  }

  async show(data) {
    if (areSame(data, this.data)) return;
    this.data = data;
    try {
      const [content] = await Promise.all([inflate(data).then(parse), loadStyle()]);
      if (data === this.data) this.draw(content);
    } catch {
      if (data === this.data) this.report.setStateValue("failed", true);
    }
  }

  draw({ picture, words, most, side }) {
    // Drawn by the server from numbers alone.
    this.root.innerHTML = picture;
    const keys = element("p", "sketch-keys", {}, words.keys);
    const spoken = element("p", "sketch-spoken", { role: "status", "aria-live": "polite" });
    const button = element("button", "sketch-clear", { type: "button" }, words.clear);
    this.root.append(button, keys, spoken);
    const svg = this.root.querySelector("svg");
    svg.style.maxWidth = `${side}px`;
    const clear = makeDrawable(svg, {
      words,
      most,
      say: (text) => (spoken.textContent = text),
      report: (line) => this.report.setStateValue("line", line),
    });
    button.addEventListener("click", clear);
    this.root.dataset.state = "ready";
  }

  leave() {
    this.data = undefined;
  }
}

export default connect(Sketch);
