// Lines, markers and grounds as Plotly draws them, but on a canvas or as one path: in a few
// milliseconds, while Plotly would build the whole picture anew.

// Pixels across a ground with contours; the browser makes a larger picture of it.
const GROUND = 300;
// Pixels of a line and of the gap after it.
const DASHES = { dot: [3, 3], dash: [9, 9] };

// Pixels across a circle, and its middle, in the box of 26 by 14 that Plotly's shapes stand in.
const SIZE = 10;
const MIDDLE = { x: 13, y: 7 };

const SHAPES = {
  circle: "M18 7a5 5 0 1 1-10 0a5 5 0 1 1 10 0z",
  "circle-cross-open": "M18 7a5 5 0 1 1-10 0a5 5 0 1 1 10 0zM13 0V14M6 7H20",
  "triangle-up": "M13 2l5.77 7.5h-11.54z",
  "triangle-down": "M13 12l5.77-7.5h-11.54z",
  square: "M8 2h10v10h-10z",
  diamond: "M13 .5l6.5 6.5l-6.5 6.5l-6.5-6.5z",
  cross: "M19 5v4h-4v4h-4v-4h-4v-4h4v-4h4v4z",
  x: "M13 9.83l2.83 2.83 2.83-2.83-2.83-2.83 2.83-2.83-2.83-2.83-2.83 2.83-2.83-2.83-2.83 2.83 2.83 2.83-2.83 2.83 2.83 2.83z",
  pentagon: "M17.76 5.46L15.94 11.05H10.06L8.24 5.46L13 2z",
  hexagon: "M17.33 4.5V9.5L13 12L8.67 9.5V4.5L13 2z",
  star: "M14.58 4.84H19.66L15.54 7.83L17.12 12.66L13 9.67L8.88 12.66L10.46 7.83L6.34 4.84H11.42L13 0z",
};

export function isOpen(symbol) {
  return symbol.endsWith("-open");
}

// The outline of a marker; that of an open one is the closed one's, if it has none of its own.
export function findShape(symbol) {
  return SHAPES[symbol] ?? SHAPES[symbol.replace("-open", "")] ?? SHAPES.circle;
}

// Returns a canvas of the plane: its ground, lines and markers. Fills, texts and thin levels
// are left to Plotly.
export function drawPlane(traces, box) {
  const { width, height } = box;
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * devicePixelRatio);
  canvas.height = Math.round(height * devicePixelRatio);
  const context = canvas.getContext("2d");
  context.scale(canvas.width / width, canvas.height / height);
  const [x, y] = makeScales(box);
  for (const trace of traces) {
    if (trace.visible === false) continue;
    if (trace.uid === "field") drawGround(context, trace, x, y);
    if (!trace.mode || trace.fill) continue;
    if (trace.mode.includes("lines")) {
      context.setLineDash(readDashes(trace.line));
      drawLine(context, trace.line, trace, x, y);
      context.setLineDash([]);
    }
    if (trace.mode.includes("markers")) drawMarkers(context, trace, x, y);
  }
  return canvas;
}

// Returns what turns places on a plane into pixels of a box that shows this range of it.
export function makeScales({ width, height, range: [left, right, bottom, top] }) {
  return [
    (u) => ((u - left) / (right - left)) * width,
    (v) => ((top - v) / (top - bottom)) * height,
  ];
}

// --------------------------------------------------------------------- lines and markers

// Draws a line, or the part of it that is wanted.
export function drawLine(context, { color, width }, line, x, y, from, to) {
  context.strokeStyle = color;
  context.lineWidth = width;
  context.lineJoin = "round";
  context.beginPath();
  follow(context, line, x, y, from, to);
  context.stroke();
}

// Returns a line as the `d` of an SVG path.
export function writePath(line, x, y) {
  let d = "";
  const add = (letter) => (...at) => (d += letter + at.map((n) => n.toFixed(1)).join(" "));
  follow({ moveTo: add("M"), lineTo: add("L") }, line, x, y);
  return d;
}

// Leads a pen along a line; where its numbers are NaN it has a gap.
function follow(pen, { x: us, y: vs }, x, y, from = 0, to = us.length) {
  let isDown = false;
  for (let i = from; i < to; i++) {
    const isGap = Number.isNaN(us[i]);
    if (!isGap) pen[isDown ? "lineTo" : "moveTo"](x(us[i]), y(vs[i]));
    isDown = !isGap;
  }
}

// The dashes of a line in pixels, none for a solid one.
export function readDashes({ dash }) {
  return DASHES[dash] ?? (dash?.includes("px") ? dash.split(",").map(Number.parseFloat) : []);
}

// Draws a marker in the colours of the context, with a rim so many pixels wide; `-open` ones
// are rim only.
export function drawMarker(context, symbol, size, rim, x, y) {
  if (!paths.has(symbol)) paths.set(symbol, new Path2D(findShape(symbol)));
  const before = context.getTransform();
  context.translate(x, y);
  context.scale(size / SIZE, size / SIZE);
  context.translate(-MIDDLE.x, -MIDDLE.y);
  if (!isOpen(symbol)) context.fill(paths.get(symbol));
  context.lineWidth = (rim * SIZE) / size;
  if (rim) context.stroke(paths.get(symbol));
  context.setTransform(before);
}

const paths = new Map();

function drawMarkers(context, { x: us, y: vs, marker }, x, y) {
  const { symbol, size, color, opacity = 1, line = {} } = marker;
  const own = (look, i) => (Array.isArray(look) || ArrayBuffer.isView(look) ? look[i] : look);
  for (let i = 0; i < us.length; i++) {
    context.globalAlpha = own(opacity, i);
    context.fillStyle = own(color, i);
    context.strokeStyle = line.color ?? context.fillStyle;
    drawMarker(context, own(symbol, i), own(size, i), line.width ?? 0, x(us[i]), y(vs[i]));
  }
  context.globalAlpha = 1;
}

// ---------------------------------------------------------------------------- the ground

function drawGround(context, trace, x, y) {
  const { z, x0, dx, y0, dy, contours } = trace;
  const [rows, columns] = z.shape.split(",").map(Number);
  const values = new Uint8Array(z.bdata);
  const image = contours
    ? paintBands(values, rows, columns, trace)
    : paintCells(values, rows, columns, mixColours(trace.colorscale, trace.zmax + 1));
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  // A cell of a heatmap lies around its place, contours between the places.
  const beyond = contours ? 0 : 0.5;
  const [left, right] = [x(x0 - beyond * dx), x(x0 + (columns - 1 + beyond) * dx)];
  const [bottom, top] = [y(y0 - beyond * dy), y(y0 + (rows - 1 + beyond) * dy)];
  context.imageSmoothingEnabled = Boolean(contours);
  context.drawImage(canvas, left, top, right - left, bottom - top);
}

// One pixel per value: the colour with this number. The first row of values, which may begin
// anywhere among them, is the lowest.
export function paintCells(values, rows, columns, colours, start = 0) {
  const image = new ImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  for (let row = 0; row < rows; row++) {
    const from = start + (rows - 1 - row) * columns;
    for (let i = 0; i < columns; i++) pixels[row * columns + i] = colours[values[from + i]];
  }
  return image;
}

// Values in between are linear, as Plotly's are, and so are the edges of the bands.
function paintBands(values, rows, columns, { colorscale, contours: { start, end, size } }) {
  const image = new ImageData(GROUND, GROUND);
  const pixels = new Uint32Array(image.data.buffer);
  const n = Math.round((end - start) / size) + 2;
  const colours = mixColours(colorscale, n);
  const colour = Uint32Array.from({ length: 256 }, (_, value) => {
    return colours[Math.min(n - 1, Math.max(0, Math.floor((value - start) / size) + 1))];
  });
  const line = new Float32Array(columns);
  for (let row = 0; row < GROUND; row++) {
    const height = (1 - (row + 0.5) / GROUND) * (rows - 1);
    const low = Math.min(rows - 2, Math.floor(height));
    for (let i = 0; i < columns; i++) {
      const below = values[low * columns + i];
      line[i] = below + (height - low) * (values[(low + 1) * columns + i] - below);
    }
    for (let i = 0; i < GROUND; i++) {
      const along = ((i + 0.5) / GROUND) * (columns - 1);
      const before = Math.floor(along);
      const value = line[before] + (along - before) * (line[before + 1] - line[before]);
      pixels[row * GROUND + i] = colour[Math.round(value)];
    }
  }
  return image;
}

// Returns n colours from the first to the last of a scale, as pixels.
function mixColours(scale, n) {
  const context = new OffscreenCanvas(n, 1).getContext("2d", { willReadFrequently: true });
  const gradient = context.createLinearGradient(0.5, 0, n - 0.5, 0);
  for (const [place, colour] of scale) gradient.addColorStop(place, colour);
  context.fillStyle = gradient;
  context.fillRect(0, 0, n, 1);
  return new Uint32Array(context.getImageData(0, 0, n, 1).data.buffer);
}
