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
export function themed(value, theme, dark) {
  if (typeof value === "string") {
    return theme.dark && Object.hasOwn(dark, value) ? dark[value] : value;
  }
  if (Array.isArray(value)) return value.map((item) => themed(item, theme, dark));
  if (value?.constructor !== Object) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, themed(item, theme, dark)]);
  return Object.fromEntries(entries);
}
