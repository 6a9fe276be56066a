// Plotly and the style, loaded once however many views and charts of a page ask for them.

let plotly;
let style;

export function load() {
  return Promise.all([loadPlotly(), loadStyle()]).then(([loaded]) => loaded);
}

function loadPlotly() {
  plotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("plotly-cartesian.min.js", import.meta.url).href;
    // Taken at once: another Plotly on the page may put itself in this place later.
    script.onload = () => (window.Plotly ? resolve(window.Plotly) : reject(new Error("no Plotly")));
    script.onerror = () => reject(new Error("plotly-cartesian.min.js did not load"));
    document.head.append(script);
  });
  return plotly;
}

export function loadStyle() {
  style ??= new Promise((resolve) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = new URL("view.css", import.meta.url).href;
    link.onload = link.onerror = resolve;
    document.head.append(link);
  });
  return style;
}
