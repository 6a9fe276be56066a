// The page's theme, and figures in its colours.

export function readTheme(root) {
  const style = getComputedStyle(root);
  const [red, green, blue] = style.color.match(/[\d.]+/g).map(Number);
  return {
    text: style.color,
    background: style.backgroundColor,
    font: style.fontFamily,
    dark: 0.3 * red + 0.59 * green + 0.11 * blue > 128,
  };
}

// Returns a copy of a part of a figure; on a dark page `dark` says what becomes of a colour.
export function recolour(value, theme, dark) {
  if (typeof value === "string") {
    return theme.dark && Object.hasOwn(dark, value) ? dark[value] : value;
  }
  if (Array.isArray(value)) return value.map((item) => recolour(item, theme, dark));
  if (value?.constructor !== Object) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, recolour(item, theme, dark)]);
  return Object.fromEntries(entries);
}

// Sets what the page decides in the layout of a figure.
export function fitToPage(layout, { background }) {
  // Not transparent: a saved picture shall be readable on any ground.
  layout.paper_bgcolor = background;
  // On touch screens a finger on the figure must be able to scroll the page.
  if (matchMedia("(pointer: coarse)").matches) layout.dragmode = false;
}
