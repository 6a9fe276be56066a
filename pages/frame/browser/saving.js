// Saves what is drawn: as a picture with a title and a caption that carries the setting, or its
// numbers as CSV. Nothing leaves the browser.

import { restoreName } from "./legend.js";
import { load } from "./loading.js";

// Pixels of a line of the caption, and about those of a letter.
const LINE = 17;
const LETTER = 6.4;
// A spreadsheet would run a text that begins so as a formula.
const FORMULA = /^[=+\-@\t\r]/;

const PICTURE = "M4 3h16v14H4zM6 5v8l4-4 4 4 2-2 2 2V5zM11 18h2v3h-2z";
const TABLE = "M3 4h18v16H3zM5 9v3h4V9zM11 9v3h8V9zM5 14v4h4v-4zM11 14v4h8v-4z";

// Of each figure the same buttons every time: with other ones Plotly would begin anew, unzoomed.
const made = new Map();

// Returns buttons for a figure's bar; its words are those for people who do not see it.
export function savingButtons(name) {
  const save = (format) => (plot) => saveImage(plot, format, name);
  if (!made.has(name)) {
    made.set(name, [
      button("savePng", "Save as PNG", PICTURE, save("png")),
      button("saveSvg", "Save as SVG", PICTURE, save("svg")),
      button("saveCsv", "Save the numbers as CSV", TABLE, (plot) => saveTable(plot, name)),
    ]);
  }
  return made.get(name);
}

function button(name, title, path, click) {
  return { name, title, icon: { width: 24, height: 24, path }, click };
}

async function saveImage(plot, format, filename) {
  const plotly = await load();
  const root = plot.closest("[role=figure]");
  const words = root?.getAttribute("aria-label") ?? "";
  const { data, layout } = makePicture(plot, words, root?.dataset.setting || location.href);
  const { width, height } = layout;
  const scale = format === "png" ? 2 : 1;
  await plotly.downloadImage({ data, layout }, { format, width, height, scale, filename });
}

// Returns a figure with its title above and its caption below; texts are escaped for Plotly.
export function makePicture({ data, layout, clientWidth, clientHeight }, words, address) {
  const width = Math.max(clientWidth, 480);
  const [, title, rest] = words.match(/^(.*?\.(?= |$)|.*$)\s*(.*)$/s);
  const above = wrap(title, (width - 24) / (LETTER * 1.12));
  const below = [rest, `Setting: ${address}`].flatMap((text) => wrap(text, (width - 24) / LETTER));
  const { t = 100, b = 80, l = 80 } = layout.margin ?? {};
  const top = above.length * (LINE + 2) + 12;
  // A legend that stands outside of the picture on the page needs a place in it.
  const legend = layout.showlegend === false ? 4 * LINE : 0;
  const bottom = below.length * LINE + 14;
  const text = (lines, more) => ({
    ...{ text: lines.map(escape).join("<br>"), showarrow: false, align: "left" },
    ...{ xref: "paper", yref: "paper", x: 0, xanchor: "left", xshift: 12 - l, ...more },
  });
  const annotations = [
    ...(layout.annotations ?? []),
    text(above, { y: 1, yanchor: "bottom", yshift: t + 6, font: { size: 14 } }),
    text(below, { y: 0, yanchor: "top", yshift: -b - legend - 6, font: { size: 11 } }),
  ];
  const own = layout.title?.text;
  if (own) {
    const place = { xshift: 0, y: 1, yanchor: "bottom", yshift: 6, font: { size: 13 } };
    annotations.push({ ...text([], place), text: own });
  }
  const inside = clientHeight - t - b;
  const shown = legend
    ? { showlegend: true, legend: { orientation: "h", x: 0, y: -b / inside, yanchor: "top" } }
    : {};
  return {
    data,
    layout: {
      ...layout,
      ...shown,
      title: undefined,
      annotations,
      width,
      height: clientHeight + top + legend + bottom,
      margin: { ...layout.margin, t: t + top, b: b + legend + bottom, l },
    },
  };
}

// Returns lines of at most so many letters; what has no spaces is cut.
export function wrap(text, letters) {
  const size = Math.max(8, Math.floor(letters));
  const lines = [];
  let line = "";
  for (const word of text.split(/\s+/).filter(Boolean)) {
    for (let start = 0; start < word.length; start += size) {
      const part = word.slice(start, start + size);
      const joined = line ? `${line} ${part}` : part;
      if (joined.length > size) lines.push(line);
      line = joined.length > size ? part : joined;
    }
  }
  return line ? [...lines, line] : lines;
}

function escape(text) {
  const signs = { "&": "&amp;", "<": "&lt;", ">": "&gt;", "%": "&#37;" };
  return text.replace(/[&<>%]/g, (sign) => signs[sign]);
}

function saveTable(plot, name) {
  const url = URL.createObjectURL(new Blob([tabulate(plot._fullData)], { type: "text/csv" }));
  const link = document.createElement("a");
  Object.assign(link, { href: url, download: `${name}.csv` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

// Returns the numbers of all traces as CSV: a row for each point, or each cell of a ground.
export function tabulate(traces) {
  const rows = [["trace", "x", "y", "value"]];
  for (const trace of traces) {
    const name = restoreName(trace.name ?? "");
    const { z } = trace;
    const at = (axis, i) => trace[axis]?.[i] ?? (trace[`${axis}0`] ?? 0) + i * (trace[`d${axis}`] ?? 1);
    if (z) {
      for (let r = 0; r < z.length; r++) {
        for (let c = 0; c < z[r].length; c++) {
          rows.push([name, at("x", c), at("y", r), readCell(trace, r, c)]);
        }
      }
    } else {
      const n = Math.max(trace.x?.length ?? 0, trace.y?.length ?? 0);
      for (let i = 0; i < n; i++) rows.push([name, at("x", i), at("y", i), trace.text?.[i] ?? ""]);
    }
  }
  return rows.map((row) => row.map(writeCell).join(",") + "\n").join("");
}

// Returns what a cell of a ground stands for: an answer in words, or a probability that was sent
// as 0 to 255.
function readCell({ z, zmax, hovertext }, r, c) {
  const words = hovertext?.[r]?.[c];
  if (words) return words;
  return zmax === 255 ? Math.round((1000 * z[r][c]) / 255) / 1000 : z[r][c];
}

function writeCell(value) {
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "";
  const plain = restoreName(String(value ?? ""));
  const safe = FORMULA.test(plain) ? `'${plain}` : plain;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
