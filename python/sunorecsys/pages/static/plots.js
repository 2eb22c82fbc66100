// Draws what the tables of the page hold.
"use strict";

const names = ["item_cf", "content", "prompt", "user_cf"];
const style = () => getComputedStyle(document.documentElement);
const color = (name) => style().getPropertyValue(`--${name}`).trim();
const hues = () => ({
  blended: color("accent"),
  discover_weekly: color("text"),
  popularity: color("quality"),
  ...Object.fromEntries(names.map((name) => [name, color(name)])),
});

const seconds = (week) => Date.parse(`${week}T00:00:00Z`) / 1000;

/** The rows of a table as texts and numbers. */
function rows(name) {
  const found = document.querySelectorAll(`[data-values=${name}] tbody tr`);
  return [...found].map((row) =>
    [...row.cells].map((cell) => cell.dataset.value ?? cell.textContent),
  );
}

/** Lines with intervals: one line per recommender, one interval per point. */
function quality() {
  const table = rows("quality");
  const weeks = [...new Set(table.map(([week]) => week))];
  const who = [...new Set(table.map(([, name]) => name))];
  const at = new Map(table.map((row) => [`${row[0]} ${row[1]}`, row]));
  const number = (row, column) => (row?.[column] ? Number(row[column]) : null);
  const label = (name) =>
    document.querySelector(`[data-values=quality] td[data-value=${CSS.escape(name)}]`).textContent;
  const values = (name, column) =>
    weeks.map((week) => number(at.get(`${week} ${name}`), column));
  return {
    weeks,
    series: who.map((name) => ({
      name: label(name),
      color: hues()[name] ?? color("dim"),
      values: values(name, 2),
      low: values(name, 3),
      high: values(name, 4),
    })),
  };
}

/** One line per column of a table of weeks. */
function columns(name, chosen) {
  const table = rows(name);
  const number = (text) => (text === "" || text === "None" ? null : Number(text));
  return {
    weeks: table.map(([week]) => week),
    series: chosen.map(([label, hue], index) => ({
      name: label,
      color: color(hue),
      values: table.map((row) => number(row[index + 1])),
    })),
  };
}

const kinds = {
  quality,
  coverage: () =>
    columns("coverage", [["songs", "accent"], ["creators", "user_cf"], ["Gini", "content"]]),
  responses: () =>
    columns("responses", [
      ["played", "user_cf"],
      ["liked", "accent"],
      ["skipped", "content"],
      ["disliked", "bad"],
    ]),
};

/** Intervals stand beside each other, so that none hides another. */
function intervals(series) {
  return (plot) => {
    const context = plot.ctx;
    context.save();
    series.forEach((one, number) => {
      if (!one.low || !plot.series[number + 1].show) return;
      const beside = (number - (series.length - 1) / 2) * 5 * devicePixelRatio;
      context.strokeStyle = context.fillStyle = one.color;
      context.lineWidth = 1.6 * devicePixelRatio;
      one.values.forEach((value, place) => {
        if (value === null) return;
        const x = plot.valToPos(plot.data[0][place], "x", true) + beside;
        if (one.low[place] !== null) {
          context.beginPath();
          context.moveTo(x, plot.valToPos(one.low[place], "y", true));
          context.lineTo(x, plot.valToPos(one.high[place], "y", true));
          context.stroke();
        }
        context.beginPath();
        const y = plot.valToPos(value, "y", true);
        context.arc(x, y, 3.4 * devicePixelRatio, 0, 7);
        context.fill();
      });
    });
    context.restore();
  };
}

function draw(place) {
  const { weeks, series } = kinds[place.dataset.plot]();
  place.replaceChildren();
  if (!weeks.length) return;
  const axis = {
    stroke: color("dim"),
    grid: { stroke: color("line"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui",
  };
  const times = weeks.map(seconds);
  const margin = 4 * 86400;
  const isShare = place.dataset.plot !== "quality";
  const shown = (value) => {
    if (value === null) return "–";
    return isShare ? `${(100 * value).toFixed(1)} %` : value.toFixed(3);
  };
  const short = (value) => (isShare ? `${+(100 * value).toFixed(1)} %` : value);
  new uPlot(
    {
      width: place.clientWidth,
      height: 240,
      tzDate: (time) => uPlot.tzDate(new Date(time * 1000), "Etc/UTC"),
      scales: {
        x: { range: (_, low, high) => [low - margin, high + margin] },
        y: { range: (_, low, high) => [0, Math.max(high, ...series.flatMap((one) => one.high ?? [])) * 1.08 || 1] },
      },
      cursor: { drag: { x: false, y: false }, points: { show: false } },
      axes: [
        {
          ...axis,
          grid: { show: false },
          splits: () => times,
          values: (_, ticks) =>
            ticks.map((tick) =>
              new Date(tick * 1000).toLocaleDateString("en", { day: "numeric", month: "short", timeZone: "UTC" }),
            ),
        },
        { ...axis, size: 52, values: (_, ticks) => ticks.map(short) },
      ],
      series: [
        { label: "Week", value: (_, time) => (time ? new Date(time * 1000).toISOString().slice(0, 10) : "–") },
        ...series.map((one) => ({
          label: one.name,
          stroke: one.color,
          width: one.low ? 0 : 2,
          points: { show: !one.low, size: 6, fill: one.color },
          value: (_, value) => shown(value),
        })),
      ],
      hooks: {
        draw: [intervals(series)],
        // the last week, until one points at another
        ready: [(plot) => plot.setLegend({ idx: times.length - 1 })],
      },
    },
    [times, ...series.map((one) => one.values)],
    place,
  );
}

const plots = document.querySelectorAll("[data-plot]");
const drawAll = () => plots.forEach(draw);
drawAll();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth !== width) drawAll();
  width = innerWidth;
});
