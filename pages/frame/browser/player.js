// The playback bar: a button, a slider and the words of the moment. It says which frame is due;
// what a frame shows is its owner's business.

import { element } from "./dom.js";

// Milliseconds that a whole playback takes, as long as its frames are neither too short to be
// seen nor so long that it seems to stand still.
const PLAYBACK_MS = 3600;
const SHORTEST_FRAME_MS = 90;
const LONGEST_FRAME_MS = 350;

export function timeFrame(nFrames) {
  return Math.min(LONGEST_FRAME_MS, Math.max(SHORTEST_FRAME_MS, PLAYBACK_MS / nFrames));
}

export class Player {
  // `draw(index)` may return a promise; `pace` are milliseconds per frame, if they are fixed.
  constructor(draw, { what = "training", moment = "Moment in the student's training", pace } = {}) {
    Object.assign(this, { draw, what, pace, labels: [] });
    this.button = element("button", "bv-play", { type: "button" });
    this.range = element("input", "bv-range", { type: "range", min: 0, step: 1, "aria-label": moment });
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
    const pace = this.pace ?? timeFrame(this.labels.length);
    const from = this.range.valueAsNumber;
    const step = async (index) => {
      const mine = this.timer;
      const began = performance.now();
      await this.go(index);
      if (this.timer !== mine) return;
      if (index >= end) return this.pause();
      const rest = Math.max(0, pace - (performance.now() - began));
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
