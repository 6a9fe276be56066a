// Elements of the page, and the way in which Streamlit brings views and charts to it. Text from
// outside is only ever set as text.

// Returns what Streamlit calls for every update and every change of theme, always with the same
// parentElement: there the first call puts a View, which later calls show other data. What that
// returns may run while the view still stands, so only a view that is gone is told to leave.
export function connect(View) {
  const views = new WeakMap();
  return (update) => {
    const { parentElement } = update;
    if (!views.has(parentElement)) {
      const view = new View();
      parentElement.append(view.root);
      views.set(parentElement, view);
    }
    const view = views.get(parentElement);
    view.report = update;
    view.show(update.data);
    return () => {
      setTimeout(() => view.root.isConnected || view.leave());
    };
  };
}

export function element(tag, className = "", attributes = {}, text = "") {
  const node = withAttributes(document.createElement(tag), attributes);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
}

export function svgElement(tag, attributes = {}) {
  return withAttributes(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes);
}

function withAttributes(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

// Sets left, top, width or height in pixels.
export function place(node, pixels) {
  for (const [name, value] of Object.entries(pixels)) node.style[name] = `${value}px`;
}
