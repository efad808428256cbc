"use strict";
// Charts in SVG, drawn at the width there is, so that their letters have the size of the page's.

const COLORS = { ink: "#000000", first: "#0072B2", second: "#D55E00", light: "#56B4E9", grey: "#707070" };

// Return an empty chart of a width and height: its svg and the functions that put values on it.
// x, y: { range: [low, high], ticks, label, show }, show turning a tick into its text.
function chart(width, height, x, y) {
  const box = { left: 72, right: width - 14, top: 12, bottom: height - 52 };
  const svg = shape("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img" });
  const across = (value) => scaled(value, x.range, box.left, box.right);
  const down = (value) => scaled(value, y.range, box.bottom, box.top);
  for (const tick of x.ticks) {
    svg.append(shape("line", { x1: across(tick), x2: across(tick), y1: box.top, y2: box.bottom, class: "grid" }),
               letters(x.show(tick), across(tick), box.bottom + 20, "middle"));
  }
  for (const tick of y.ticks) {
    svg.append(shape("line", { x1: box.left, x2: box.right, y1: down(tick), y2: down(tick), class: "grid" }),
               letters(y.show(tick), box.left - 8, down(tick) + 5, "end"));
  }
  const name = letters(y.label, 0, 0, "middle");
  name.setAttribute("transform", `translate(15 ${(box.top + box.bottom) / 2}) rotate(-90)`);
  svg.append(name, letters(x.label, (box.left + box.right) / 2, height - 8, "middle"));
  return {
    svg, across, down, box,
    line(points, color, attributes = {}) {
      const way = points.map(([a, b]) => `${across(a).toFixed(2)},${down(b).toFixed(2)}`).join(" ");
      svg.append(shape("polyline", { points: way, fill: "none", stroke: color, "stroke-width": 2, ...attributes }));
    },
    dots(points, color, radius = 3.5) {
      for (const [a, b] of points) svg.append(shape("circle", { cx: across(a), cy: down(b), r: radius, fill: color }));
    },
    bar(from, to, value, color) {
      const top = Math.min(down(value), box.bottom);
      svg.append(shape("rect", { x: across(from), width: across(to) - across(from), y: top,
                                 height: box.bottom - top, fill: color }));
    },
  };
}

function scaled(value, [low, high], start, end) {
  return start + (value - low) / (high - low || 1) * (end - start);
}

function letters(text, x, y, anchor) {
  const element = shape("text", { x, y, "text-anchor": anchor });
  element.textContent = text;
  return element;
}

// Return round numbers within [low, high], about as many as asked for; whole ones only if whole.
function roundTicks(low, high, count, whole = false) {
  const rough = (high - low || 1) / count, power = 10 ** Math.floor(Math.log10(rough));
  let step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
  if (whole) step = Math.max(1, Math.round(step));
  const ticks = [];
  // Of numbers beyond 2 ** 53 the next one may be the same.
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step && ticks.length < 50; i++) {
    ticks.push(Number((i * step).toPrecision(12)));
  }
  return ticks;
}

// Return a legend: [color, text, style] of each line or bar; style: "line", "dashes", "dots" or "bar".
function legend(entries) {
  const sample = (color, style) => {
    const svg = shape("svg", { width: 28, height: 14, "aria-hidden": "true" });
    if (style === "bar") svg.append(shape("rect", { x: 4, y: 1, width: 20, height: 12, fill: color }));
    else if (style === "dots") svg.append(shape("circle", { cx: 14, cy: 7, r: 4, fill: color }));
    else svg.append(shape("line", { x1: 0, x2: 28, y1: 7, y2: 7, stroke: color, "stroke-width": 2.5,
                                    "stroke-dasharray": { line: "none", dashes: "7 4", points: "2 4" }[style] }));
    return svg;
  };
  return make("ul", { className: "legend" }, ...entries.map(([color, text, style]) =>
    make("li", {}, sample(color, style), text)));
}
