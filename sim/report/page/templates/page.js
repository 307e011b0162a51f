"use strict";
// Draws the charts, moves the slider, and gets charts and tables ready for paper.
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const charts = read("charts");
  const config = { displayModeBar: false, responsive: true };
  const drawn = Object.entries(charts).map(([id, figure]) =>
    Plotly.newPlot(document.getElementById(id), figure.data, figure.layout, config),
  );

  const timelines = read("timelines");
  for (const box of document.querySelectorAll("[data-timeline]")) {
    const id = box.dataset.timeline;
    const timeline = timelines[id];
    const plot = document.getElementById(id);
    const rule = charts[id].layout.shapes.length - 1; // the upright line is the last shape
    const slider = box.querySelector("input");
    const output = box.querySelector("output");
    const texts = box.querySelectorAll("dd");
    const events = box.querySelector(".events");
    const show = () => {
      const k = Number(slider.value);
      output.textContent = `${timeline.at[k]} UTC`;
      slider.setAttribute("aria-valuetext", output.textContent);
      timeline.readings.forEach((reading, n) => { texts[n].textContent = reading[k]; });
      const lines = timeline.events[k] ?? ["none"];
      events.replaceChildren(...lines.map((line) => {
        const item = document.createElement("li");
        item.textContent = line;
        return item;
      }));
      Plotly.relayout(plot, { [`shapes[${rule}].x0`]: timeline.at[k], [`shapes[${rule}].x1`]: timeline.at[k] });
    };
    slider.addEventListener("input", show);
    drawn.push(Promise.resolve().then(show));
  }

  // On paper: source tables open, charts as wide as the paper.
  const PAPER = 680; // px: A4 less its margins
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details.source:not([open])")];
    for (const one of opened) one.open = true;
    for (const id of Object.keys(charts)) Plotly.relayout(id, { width: PAPER });
  });
  addEventListener("afterprint", () => {
    for (const one of opened) one.open = false;
    for (const id of Object.keys(charts)) Plotly.relayout(id, { width: null, autosize: true });
  });

  Promise.all(drawn).then(() => { document.documentElement.dataset.drawn = "yes"; });
})();
