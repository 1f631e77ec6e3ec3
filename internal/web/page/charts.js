// Charts: a question, the answer in words, the picture, and the same as a table.

import uPlot from "./uplot/uPlot.esm.js";
import { fill, keep, make, say, show, table } from "./dom.js";
import { figure, moment, short, tick } from "./words.js";

const dashes = [[], [6, 3], [2, 3]];
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const lineColour = (i) => colour(`--line-${(i % 3) + 1}`);

/** Past holds the samples of every series, by name. */
export class Past {
  constructor() {
    this.series = new Map();
    this.span = 3600;
  }

  /** Takes what the history knows. */
  load(list, span) {
    this.span = span;
    for (const s of list) {
      const old = this.series.get(s.name) ?? [];
      const samples = s.samples.map((x) => ({ at: Date.parse(x.at) / 1000, mean: x.mean, max: x.max }));
      const last = samples.at(-1)?.at ?? 0;
      this.series.set(s.name, [...samples, ...old.filter((x) => x.live && x.at > last)]);
    }
  }

  /** Adds the newest value of each series. */
  add(at, latest) {
    for (const [name, value] of Object.entries(latest)) {
      const samples = this.series.get(name) ?? [];
      if ((samples.at(-1)?.at ?? 0) < at) samples.push({ at, mean: value, max: value, live: true });
      while (samples.length > 5000) samples.shift();
      this.series.set(name, samples);
    }
  }

  /** Where the charts begin: with the span, or with the first sample where nothing is older. */
  begin(now) {
    const least = 300;
    const from = now - this.span;
    let first = now - least;
    for (const samples of this.series.values()) {
      const oldest = samples.find((x) => x.at >= from);
      if (oldest) first = Math.min(first, oldest.at);
    }
    return Math.max(from, first);
  }

  /** Lays the series of a chart on one axis of time. A value holds until the next one is due; where none came there is a gap. */
  table(chart, from, now) {
    const lists = chart.lines.map((l) => (this.series.get(l.series) ?? []).filter((x) => x.at >= from && x.at <= now + 60));
    const times = [...new Set(lists.flat().map((x) => x.at))].sort((a, b) => a - b);
    const data = [times];
    for (const list of lists) {
      const holds = 3 * usual(list) + 1;
      const mean = [], max = [];
      let i = -1;
      for (const t of times) {
        while (i + 1 < list.length && list[i + 1].at <= t) i++;
        const fresh = i >= 0 && t - list[i].at <= holds;
        mean.push(fresh ? list[i].mean : null);
        max.push(fresh ? list[i].max : null);
      }
      data.push(mean, max);
    }
    return data;
  }
}

/** The usual distance of samples: the median. */
function usual(list) {
  const steps = list.slice(1).map((x, i) => x.at - list[i].at).sort((a, b) => a - b);
  return steps[Math.floor(steps.length / 2)] ?? 0;
}

/** Draws all charts. */
export function drawCharts(container, charts, past, now) {
  const from = past.begin(now);
  keep(container, charts, (c) => c.id, create, (node, chart) => update(node, chart, past.table(chart, from, now), [from, now]));
}

/** Draws again in other colours. */
export function recolour(container) {
  for (const node of container.children) {
    node.plot?.redraw(false, true);
    for (const [i, stroke] of [...node.querySelectorAll(".legend line")].entries()) stroke.setAttribute("stroke", lineColour(i));
  }
}

function create(chart) {
  const title = `chart-${chart.id}`;
  const svg = (i) => {
    const ns = "http://www.w3.org/2000/svg";
    const root = document.createElementNS(ns, "svg");
    const stroke = document.createElementNS(ns, "line");
    for (const [k, v] of Object.entries({ width: 22, height: 4, "aria-hidden": true })) root.setAttribute(k, v);
    for (const [k, v] of Object.entries({ x1: 0, x2: 22, y1: 2, y2: 2, stroke: lineColour(i), "stroke-width": 2.5, "stroke-dasharray": dashes[i].join(" ") })) stroke.setAttribute(k, v);
    root.append(stroke);
    return root;
  };
  const legend = chart.lines.map((l, i) => make("li", {}, svg(i), make("span", {}, l.label), make("span", { class: "value" }, make("b", {}, "–"), make("span"))));
  const node = make("article", { class: "chart", "aria-labelledby": title },
    make("h3", { id: title }, chart.question),
    make("p", { class: "answer" }),
    make("div", { class: "plot", role: "img" }, make("p", { class: "nothing" }, "Nothing seen in this span yet.")),
    make("ul", { class: "legend" }, ...legend),
    make("details", {}, make("summary", { "aria-label": `As a table: ${chart.question}` }, "As a table"),
      table(`Table: ${chart.question}`, ["Until", ...chart.lines.map((l) => `Most: ${l.label}`)], (i) => i > 0)));
  node.querySelector("details").addEventListener("toggle", () => drawTable(node));
  new ResizeObserver(() => fit(node)).observe(node.querySelector(".plot"));
  return node;
}

function update(node, chart, data, [from, now]) {
  node.chart = chart;
  node.values = data;
  say(node.querySelector(".answer"), chart.answer);
  const box = node.querySelector(".plot");
  const some = data.slice(1).some((values) => values.some((v) => v != null));
  show(box.querySelector(".nothing"), !some);
  node.span = [from, now];
  if (some && !node.plot) node.plot = new uPlot(options(node, chart, box), data, box);
  else if (node.plot) node.plot.setData(data, true);
  node.plot?.setScale("x", { min: from, max: now });
  const peaks = chart.lines.map((l, i) => `${l.label}: now ${figure(last(data[1 + 2 * i]), chart.unit)}, peak ${figure(peak(data[2 + 2 * i]), chart.unit)}`);
  box.setAttribute("aria-label", `${chart.question} ${chart.answer} ${peaks.join("; ")}.`);
  legend(node, null);
  drawTable(node);
}

const last = (values) => values.findLast((v) => v != null);
const peak = (values) => values.reduce((m, v) => (v != null && (m == null || v > m) ? v : m), null);

/** Writes the values under the pointer into the legend, or the newest and the peak. */
function legend(node, index) {
  const { chart, values } = node;
  for (const [i, item] of [...node.querySelectorAll(".legend .value")].entries()) {
    const mean = values[1 + 2 * i], max = values[2 + 2 * i];
    const [now, beside] = index == null
      ? [last(mean), `, peak ${figure(peak(max), chart.unit)}`]
      : [max[index], ` at ${moment(new Date(values[0][index] * 1000))}`];
    say(item.firstElementChild, figure(now, chart.unit));
    say(item.lastElementChild, beside);
  }
}

function options(node, chart, box) {
  const font = "12px system-ui, sans-serif";
  const grid = { stroke: () => colour("--grid"), width: 1 };
  const axis = { stroke: () => colour("--faint"), font, grid, ticks: { show: false } };
  const series = [{}];
  const bands = [];
  for (const i of chart.lines.keys()) {
    const base = { stroke: () => lineColour(i), points: { show: (u, at) => u.data[at].filter((v) => v != null).length < 3, size: 6 }, spanGaps: false };
    series.push({ ...base, width: 2, dash: dashes[i] }, { ...base, points: { show: false }, width: 0 });
    bands.push({ series: [2 + 2 * i, 1 + 2 * i], fill: () => `${lineColour(i)}33` });
  }
  const least = chart.unit === "count" ? 5 : 1;
  return {
    width: box.clientWidth, height: box.clientHeight, series, bands,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: {
      x: { time: true },
      y: { range: (_, __, max) => [0, Math.max(chart.limit ? 1.06 * chart.limit : least, 1.12 * (max || 0))] },
    },
    axes: [
      { ...axis, size: 26, space: 70, values: (_, ticks) => ticks.map((t) => tick(new Date(t * 1000), node.span)) },
      { ...axis, size: 52, space: 34, values: (_, ticks) => ticks.map((v) => short(v, chart.unit)) },
    ],
    hooks: {
      setCursor: [(u) => legend(node, u.cursor.idx ?? null)],
      draw: [(u) => drawLimit(u, chart)],
    },
  };
}

/** Draws where the scale ends being well. */
function drawLimit(u, chart) {
  if (!chart.limit) return;
  const y = u.valToPos(chart.limit, "y", true);
  const { ctx, bbox } = u;
  ctx.save();
  ctx.strokeStyle = colour("--bad");
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}

function fit(node) {
  const box = node.querySelector(".plot");
  if (node.plot && box.clientWidth > 0 && node.plot.width !== box.clientWidth) {
    node.plot.setSize({ width: box.clientWidth, height: box.clientHeight });
  }
}

/** Writes the chart as a table of at most so many rows, while it is open. */
function drawTable(node) {
  const details = node.querySelector("details");
  if (!details.open || !node.values) return;
  const most = 24;
  const { chart, values } = node;
  const times = values[0];
  const step = Math.max(1, Math.ceil(times.length / most));
  const rows = [];
  for (let end = times.length; end > 0; end -= step) {
    const begin = Math.max(0, end - step);
    const row = [moment(new Date(times[end - 1] * 1000))];
    for (const i of chart.lines.keys()) row.push(figure(peak(values[2 + 2 * i].slice(begin, end)), chart.unit));
    rows.push(row);
  }
  fill(details.querySelector(".scroll"), rows);
}
