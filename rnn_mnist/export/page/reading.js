"use strict";
// What a recurrent network believes after each step: the image, and beside it a row of ten shades for each step.

// Return a figure of an image, 784 values, and probabilities [n][10] after n steps.
// steps: { unit: "row" or "step", count: [n + 1], rows: [first read, end] }; where the steps are rows, both share them.
function readingFigure(pixels, steps, probabilities, width) {
  const isRow = steps.unit === "row", side = Math.floor(Math.min(336, 0.46 * (width - 68)) / 14) * 14;
  const left = 52, top = 30, gap = isRow ? 22 : 62, shades = left + side + gap;
  const cell = Math.min(26, Math.floor((width - shades - 4) / 10)), height = top + side + 46;
  const svg = shape("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img" });
  const [low, high] = isRow ? [0, 28] : [0, steps.count.at(-1)];
  const down = (count) => top + (count - low) / (high - low) * side;

  drawImage(svg, pixels, steps.rows, left, top, side);
  probabilities.forEach((shares, t) => {
    const [y, end] = [down(steps.count[t]), down(steps.count[t + 1])];
    shares.forEach((share, digit) => {
      if (share > 0.004) svg.append(shape("rect", { x: shades + digit * cell, y, width: cell, height: end - y,
                                                    fill: COLORS.first, "fill-opacity": share.toFixed(3) }));
    });
    svg.append(shape("circle", { cx: shades + (shares.indexOf(Math.max(...shares)) + 0.5) * cell, cy: (y + end) / 2,
                                 r: Math.min(3, Math.max(1.5, (end - y) / 2.6)), fill: COLORS.second }));
  });
  svg.append(shape("rect", { x: shades, y: top, width: 10 * cell, height: side, fill: "none", stroke: COLORS.grey }));
  for (let digit = 0; digit < 10; digit++) {
    svg.append(letters(String(digit), shades + (digit + 0.5) * cell, top - 8, "middle"));
  }
  for (const row of [1, 7, 14, 21, 28]) svg.append(letters(String(row), left - 6, down28(row) + 5, "end"));
  if (!isRow) for (const count of roundTicks(low, high, 5, true)) {
    if (count) svg.append(letters(String(count), shades - 6, down(count) + 5, "end"));
  }
  nameAxes();
  return svg;

  function down28(row) {
    return top + (row - 0.5) / 28 * side;
  }

  function nameAxes() {
    const upright = (text, x) => {
      const name = letters(text, 0, 0, "middle");
      name.setAttribute("transform", `translate(${x} ${top + side / 2}) rotate(-90)`);
      svg.append(name);
    };
    upright(say("row"), 13);
    if (!isRow) upright(say("step"), shades - 44);
    svg.append(letters(steps.rows[0] > 0 || steps.rows[1] < 28 ? say("the image (grey: not read)") : say("the image"),
                       left + side / 2, height - 20, "middle"),
               letters(say("digit"), shades + 5 * cell, height - 20, "middle"));
  }
}

function drawImage(svg, pixels, [first, end], left, top, side) {
  const cell = side / 28;
  pixels.forEach((value, i) => {
    if (value) svg.append(shape("rect", { x: left + (i % 28) * cell, y: top + Math.floor(i / 28) * cell,
                                          width: cell, height: cell, fill: COLORS.ink,
                                          "fill-opacity": (value / 255).toFixed(3), "shape-rendering": "crispEdges" }));
  });
  for (const [from, to] of [[0, first], [end, 28]]) {
    if (from < to) svg.append(shape("rect", { x: left, y: top + from * cell, width: side, height: (to - from) * cell,
                                              fill: COLORS.grey, "fill-opacity": 0.4 }));
  }
  svg.append(shape("rect", { x: left, y: top, width: side, height: side, fill: "none", stroke: COLORS.grey }));
}

// Return the legend of a reading.
function readingLegend() {
  return legend([[COLORS.first, say("probability, the darker the more"), "bar"],
                 [COLORS.second, say("the answer so far"), "dots"]]);
}
