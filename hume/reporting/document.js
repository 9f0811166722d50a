"use strict";
// Draws every figure of the page in the page's own colours, and again when these change or for paper.
(function () {
  const PAPER = 640; // pixels that fit between the margins of A4 and of Letter
  const LOWER = 0.75; // so that two figures fit on a sheet
  const CONFIG = { displaylogo: false, modeBarButtons: [["toImage"]], responsive: true };
  const root = document.documentElement;

  const printing = () => root.classList.contains("printing");

  function template() {
    const style = getComputedStyle(root);
    const color = (name) => style.getPropertyValue(name).trim();
    const axis = { gridcolor: color("--line"), linecolor: color("--line"), tickcolor: color("--line"), title: { standoff: 12 } };
    return {
      layout: {
        font: { color: color("--text"), family: getComputedStyle(document.body).fontFamily, size: printing() ? 11 : 13 },
        paper_bgcolor: color("--page"),
        plot_bgcolor: color("--page"),
        xaxis: axis,
        yaxis: axis,
        hoverlabel: { font: { size: 13 } },
      },
    };
  }

  function draw() {
    for (const place of document.querySelectorAll(".plot")) {
      const figure = JSON.parse(place.nextElementSibling.textContent);
      const layout = Object.assign(figure.layout, { template: template() });
      if (printing()) Object.assign(layout, { width: PAPER, height: LOWER * layout.height });
      place.style.height = `${layout.height}px`;
      const saved = { format: "svg", filename: place.id };
      Plotly.react(place, figure.data, layout, Object.assign({ toImageButtonOptions: saved }, CONFIG));
      if (!printing()) Plotly.Plots.resize(place);
    }
  }

  function forPaper(yes) {
    root.classList.toggle("printing", yes);
    draw();
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  addEventListener("beforeprint", () => forPaper(true));
  addEventListener("afterprint", () => forPaper(false));
  draw();
})();
