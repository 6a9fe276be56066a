// Strokes that are drawn in a picture, by finger, mouse or keys. Their text is that of
// distill_core/lessons/drawings.py: four hexadecimal digits a point, a dot between strokes. The
// learner's page of a room uses it, too, so it imports nothing.

// Of the side, which is 1: what an arrow key moves, alone and with Shift, and how far apart the
// points of a stroke are at least.
const STEP = 1 / 20;
const FINE_STEP = 1 / 100;
const APART = 1 / 200;
// Of the picture's own units, in which it is a square.
const SIDE = 400;

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const clamp = (share) => Math.min(1, Math.max(0, share));

// Makes a picture, an SVG of 400 by 400, one that is drawn in, and returns what clears it. `words`
// has `label`, `keys` and `at`, a sentence with {across}, {up} and {count}; `most` is how many
// strokes there are, and points in one; `say` is told where the cross is, `report` the text, or
// "" while nothing is drawn.
export function makeDrawable(picture, { words, most: [mostStrokes, mostPoints], say, report }) {
  // The last stroke is the one that grows.
  let strokes = [[]];
  let drawing = null;
  let cross = [0.5, 0.5];
  const shape = (name) => {
    const node = document.createElementNS(picture.namespaceURI, "path");
    node.setAttribute("class", name);
    picture.append(node);
    return node;
  };
  const [lines, mark] = [shape("drawing-line"), shape("drawing-cross")];
  picture.removeAttribute("aria-hidden");
  picture.classList.add("drawing");
  for (const [name, value] of Object.entries({
    tabindex: "0",
    role: "application",
    "aria-label": `${words.label}. ${words.keys}`,
  })) {
    picture.setAttribute(name, value);
  }

  function show() {
    const at = ([x, y]) => [SIDE * x, SIDE * (1 - y)].map((one) => one.toFixed(1)).join(" ");
    // A point alone is drawn, too: its line goes nowhere.
    const path = (points) => `M${at(points[0])}L${points.map(at).join("L")}`;
    lines.setAttribute("d", strokes.filter((points) => points.length).map(path).join(""));
    mark.setAttribute("d", `M${at(cross)}m-14 0h28m-14 -14v28`);
  }

  function finish() {
    strokes = strokes.map((points) => thin(points, mostPoints));
    show();
    report(write(strokes.filter((points) => points.length > 1)));
  }

  // A new stroke; of too many the first goes.
  function begin(points) {
    strokes = [...strokes.filter((one) => one.length > 1), points].slice(-mostStrokes);
  }

  function locate({ clientX, clientY }) {
    const { x, y } = new DOMPoint(clientX, clientY).matrixTransform(picture.getScreenCTM().inverse());
    return [clamp(x / SIDE), clamp(1 - y / SIDE)];
  }

  function leave(event, isWhole) {
    if (event.pointerId !== drawing?.id) return;
    // A tap is no stroke: what was drawn before stays.
    if (!isWhole || strokes.at(-1).length < 2) strokes = drawing.before;
    drawing = null;
    finish();
  }

  picture.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button > 0) return;
    event.preventDefault();
    picture.setPointerCapture(event.pointerId);
    drawing = { id: event.pointerId, before: strokes };
    begin([locate(event)]);
    show();
  });
  picture.addEventListener("pointermove", (event) => {
    if (event.pointerId !== drawing?.id) return;
    const point = locate(event);
    if (distance(point, strokes.at(-1).at(-1)) >= APART) strokes.at(-1).push(point);
    show();
  });
  picture.addEventListener("pointerup", (event) => leave(event, true));
  picture.addEventListener("pointercancel", (event) => leave(event, false));
  picture.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || drawing) return;
    if (event.key in ARROWS) {
      const step = event.shiftKey ? FINE_STEP : STEP;
      cross = cross.map((share, i) => clamp(share + step * ARROWS[event.key][i]));
      show();
    } else if (event.key === "Enter" || event.key === " ") {
      const last = strokes.at(-1);
      if (last.length < mostPoints) strokes = [...strokes.slice(0, -1), [...last, cross]];
      finish();
    } else if (event.key === "n" || event.key === "N") {
      begin([]);
    } else if (event.key === "Backspace") {
      if (!strokes.at(-1).length && strokes.length > 1) strokes = strokes.slice(0, -1);
      strokes = [...strokes.slice(0, -1), strokes.at(-1).slice(0, -1)];
      finish();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    const [across, up] = cross.map((share) => Math.round(100 * share));
    const numbers = { across, up, count: strokes.flat().length };
    say(words.at.replace(/\{(\w+)\}/g, (gap, name) => numbers[name] ?? gap));
  });
  show();
  return () => {
    strokes = [[]];
    finish();
  };
}

// Returns at most so many points, evenly along a stroke.
export function thin(points, most) {
  if (points.length <= most) return points;
  const along = [0];
  for (let i = 1; i < points.length; i++) along.push(along[i - 1] + distance(points[i], points[i - 1]));
  const kept = [];
  let next = 0;
  for (let n = 0; n < most; n++) {
    const at = (along.at(-1) * n) / (most - 1);
    while (next < along.length - 2 && along[next + 1] < at) next += 1;
    const share = (at - along[next]) / (along[next + 1] - along[next] || 1);
    kept.push(points[next].map((one, i) => one + clamp(share) * (points[next + 1][i] - one)));
  }
  return kept;
}

export function write(strokes) {
  const digits = (share) => Math.round(255 * clamp(share)).toString(16).padStart(2, "0");
  return strokes.map((points) => points.flat().map(digits).join("")).join(".");
}

function distance([x, y], [u, v]) {
  return Math.hypot(x - u, y - v);
}
