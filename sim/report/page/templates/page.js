"use strict";
// Draws the charts, moves the slider, and gets charts and tables ready for paper.
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const charts = read("charts");
  const config = { displayModeBar: false, responsive: true };
  // On a telephone a legend is one name below the other: the plot gets that much more room.
  const narrow = innerWidth < 640;
  const fitted = (plot, { data, layout }) => {
    if (!narrow) return layout;
    const names = layout.showlegend === false ? 0 : data.filter((trace) => trace.showlegend !== false).length;
    plot.style.height = `${plot.clientHeight + 16 * Math.max(names - 2, 0)}px`;
    const small = { size: 11 };
    const axes = Object.entries(layout).filter(([name, axis]) => name.startsWith("xaxis") && !axis.tickvals);
    const fewer = Object.fromEntries(axes.map(([name, axis]) => [name, { ...axis, nticks: 4 }]));
    return { ...layout, ...fewer, font: { ...layout.font, ...small }, margin: { ...layout.margin, l: 56 } };
  };
  const drawn = Object.entries(charts).map(([id, figure]) => {
    const plot = document.getElementById(id);
    return Plotly.newPlot(plot, figure.data, fitted(plot, figure), config);
  });

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
