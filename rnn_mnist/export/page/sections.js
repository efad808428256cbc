"use strict";
// The sections of a run's page, each made anew at every switch of the language and of the width.

const fixed = (value) => value === null || value === undefined ? "-" : value.toFixed(4);

// Return what a missing part says in its place, or what draw() makes of it.
function part(found, draw) {
  return found.missing ? [make("p", { className: "missing" }, pick(found.missing))] : draw(found);
}

// Return curves of accuracy and loss over the epochs, side by side where there is room.
function curves({ epochs, within, best }, width) {
  if (!epochs.length) return [make("p", { className: "missing" }, say("no epoch is finished yet"))];
  const each = width > 760 ? (width - 32) / 2 : width;
  return [make("div", { className: "pair" }, ...["acc", "loss"].map((measure) => {
    const title = measure === "acc" ? say("accuracy") : say("loss (nats)");
    const columns = [`${measure}_running`, `${measure}_valid`];
    const [running, valid] = columns.map((name) =>
      epochs.filter((row) => row[name] !== null).map((row) => [row.epoch, row[name]]));
    const inside = within.map((row) => [row.epochs - 1, row[columns[1]]]);
    const values = [...running, ...valid, ...inside].map(([, value]) => value);
    const last = Math.max(...epochs.map((row) => row.epoch)), low = Math.min(0, ...inside.map(([x]) => x));
    const range = [Math.min(...values), Math.max(...values)];
    const margin = 0.06 * (range[1] - range[0] || 0.1), y = [range[0] - margin, range[1] + margin];
    const { svg, line, dots, across, box } = chart(each, 300,
      { range: last ? [low, last] : [-0.5, 0.5], label: say("epoch"), ticks: roundTicks(0, last, 6, true), show: String },
      { range: y, label: title, ticks: roundTicks(...y, 5), show: (tick) => String(tick) });
    if (best) svg.append(shape("line", { x1: across(best.trained - 1), x2: across(best.trained - 1), y1: box.top,
                                         y2: box.bottom, stroke: COLORS.grey, "stroke-dasharray": "2 4",
                                         "stroke-width": 2 }));
    line(running, COLORS.second, { "stroke-dasharray": "7 4" });
    line(valid, COLORS.first);
    dots(inside, COLORS.light, 2.5);
    if (epochs.length <= 40) {
      dots(running, COLORS.second);
      dots(valid, COLORS.first);
    }
    if (best) dots([[best.trained - 1, best[columns[1]]]], COLORS.ink, 5.5);
    return make("figure", {}, svg, legend([
      [COLORS.second, say("training (mean over the epoch)"), "dashes"],
      ...(valid.length ? [[COLORS.first, say("validation (after the epoch)"), "line"]] : []),
      ...(inside.length ? [[COLORS.light, say("validation (within an epoch)"), "dots"]] : []),
      ...(best ? [[COLORS.ink, say("best by accuracy: epoch {epoch} ({value:.4f})",
                                   { epoch: best.epoch, value: best[columns[1]] }), "dots"]] : []),
    ]));
  }))];
}

// Return the confusion matrix, in images or in shares of the row, shaded by these, and the table of the digits.
function confusion({ confusion: matrix, classes }, inShares, choose) {
  const digits = [...matrix.keys()];
  const body = matrix.map((row, digit) => {
    const total = row.reduce((a, b) => a + b) || 1;
    return make("tr", {}, make("th", { scope: "row" }, String(digit)), ...row.map((count) => {
      const share = count / total, told = inShares ? (100 * share).toFixed(share >= 0.1 ? 0 : 1) : String(count);
      const cell = make("td", { title: percent(share, 2) }, count ? told : "");
      // A logarithmic scale: beside a thousand right ones, ten wrong ones would be as pale as none.
      const shade = count ? 0.08 + 0.92 * Math.max(0, 1 + Math.log10(share) / 3) : 0;
      cell.style.backgroundColor = `rgba(0, 114, 178, ${shade.toFixed(3)})`;
      cell.style.color = shade > 0.7 ? "#fff" : "#000";
      return cell;
    }));
  });
  const grid = make("table", { className: "matrix" },
    make("thead", {}, make("tr", {}, make("td"), ...digits.map((digit) => make("th", { scope: "col" }, String(digit))))),
    make("tbody", {}, ...body));
  const scores = classes.map((row) => [row.digit, row.images, ...[row.precision, row.recall, row.f1].map(fixed)].map(String));
  const buttons = [[false, say("images")], [true, say("% of the row")]].map(([shares, name]) => {
    const button = make("button", {}, name);
    button.setAttribute("aria-pressed", String(shares === inShares));
    button.addEventListener("click", () => choose(shares));
    return button;
  });
  return [make("div", { className: "pair" },
    make("figure", {}, make("div", { className: "choices" }, ...buttons), grid, make("figcaption", {}, say("row: true digit, column: predicted digit; the darker, the larger the share of the row"))),
    table([say("digit"), say("images"), say("precision"), say("recall"), "F1"], scores))];
}

// Return the errors with the least probability for the true digit, each a button that puts it on the pad.
function errors({ worst, images }, put) {
  if (!worst.length) return [make("p", {}, say("no errors"))];
  const pixels = bytes(images);
  return [make("p", {}, put ? say("The least probability for the true digit; choose one to put it on the pad.")
                            : say("The least probability for the true digit.")),
    make("ul", { className: "errors" }, ...worst.map((error, i) => {
      const image = pixels.subarray(784 * i, 784 * (i + 1));
      const shown = make(put ? "button" : "div", { className: "choice" }, picture(image));
      shown.setAttribute("aria-label", say("test image {image}", error));
      if (put) shown.addEventListener("click", () => put(image));
      return make("li", {}, shown,
        make("span", {}, say("true {digit}: {share}", { digit: error.true, share: percent(error.probability_true) })),
        make("span", {}, say("read as {digit}: {share}", { digit: error.predicted, share: percent(error.probability) })));
    }))];
}

// Return the reliability diagram and, below, how many images have which confidence.
function calibration({ bins, calibration_error }, width) {
  const each = width > 760 ? (width - 32) / 2 : width, n = bins.n_images.length, shares = [0, 0.2, 0.4, 0.6, 0.8, 1];
  const x = { range: [0, 1], ticks: shares, label: say("confidence (probability of the predicted digit)"), show: String };
  const right = chart(each, 320, x, { range: [0, 1], ticks: shares, label: say("accuracy"), show: String });
  const most = Math.max(1, Math.log10(Math.max(...bins.n_images, 1))), powers = [...Array(Math.floor(most) + 1).keys()];
  const many = chart(each, 320, x, { range: [-0.3, most * 1.05], ticks: powers, label: say("images"),
                                     show: (tick) => (10 ** tick).toLocaleString("en") });
  bins.n_images.forEach((count, i) => {
    if (!count) return;
    right.bar((i + 0.06) / n, (i + 0.94) / n, bins.accuracy[i], COLORS.light);
    many.bar((i + 0.06) / n, (i + 0.94) / n, Math.log10(count), COLORS.first);
  });
  right.line([[0, 0], [1, 1]], COLORS.grey, { "stroke-dasharray": "7 4" });
  right.dots(bins.confidence.flatMap((value, i) => bins.n_images[i] ? [[value, bins.accuracy[i]]] : []), COLORS.first, 4);
  return [make("p", {}, say("expected calibration error: {value}", { value: fixed(calibration_error) })),
    make("div", { className: "pair" }, make("figure", {}, right.svg, legend([
      [COLORS.light, say("accuracy in the bin"), "bar"], [COLORS.first, say("at its mean confidence"), "dots"],
      [COLORS.grey, say("perfectly calibrated"), "dashes"]])), make("figure", {}, many.svg))];
}

// Return ten test digits to choose from, the reading of the one chosen, and how many are right after each step.
function reading({ digits, images, probabilities, steps, accuracy, n_images, note }, width, chosen, choose) {
  const pixels = bytes(images), levels = bytes(probabilities), n = steps.shown.length;
  const image = (i) => pixels.subarray(784 * i, 784 * (i + 1));
  const beliefs = Array.from({ length: n }, (_, t) =>
    Array.from(levels.subarray(10 * (chosen * n + t), 10 * (chosen * n + t + 1)), (level) => level / 255));
  const each = width > 760 ? (width - 32) / 2 : width, after = steps.count.slice(1), low = steps.count[0];
  const right = chart(each, 360,
    { range: [low, after.at(-1)], ticks: roundTicks(low, after.at(-1), 7, true), show: String,
      label: steps.unit === "row" ? say("rows read") : say("steps read") },
    { range: [0, 1], ticks: [0, 0.2, 0.4, 0.6, 0.8, 1], label: say("test images right"), show: (tick) => percent(tick, 0) });
  right.line(after.map((count, t) => [count, accuracy[t]]), COLORS.first);
  return [...(note ? [make("p", {}, pick(note))] : []),
    make("div", { className: "choices" }, ...digits.map((digit, i) => {
      const button = make("button", { className: "choice" }, picture(image(i)));
      button.setAttribute("aria-pressed", String(i === chosen));
      button.setAttribute("aria-label", say("test image {image}", digit));
      button.addEventListener("click", () => choose(i));
      return button;
    })),
    make("div", { className: "pair" },
      make("figure", {}, readingFigure(image(chosen), steps, beliefs, each),
           make("figcaption", {}, say("test image {image}", digits[chosen])), readingLegend()),
      make("figure", {}, right.svg, make("figcaption", {}, say("of {n} test images", { n: n_images.toLocaleString("en") }))))];
}

// Return a folded list of names and values.
function folded(summary, rows) {
  return make("details", {}, make("summary", {}, summary), rows);
}

// Return the settings that differ from the defaults, and the others folded.
function settings({ differing, rest }) {
  const list = (items) => make("dl", { className: "settings" }, ...items.flatMap((item) => [
    make("dt", {}, make("code", {}, item.name)),
    make("dd", {}, make("b", {}, pick(item.value)), pick(item.value) === pick(item.default) ? "" : ` (${say("default: {value}", { value: pick(item.default) })})`,
         make("span", {}, pick(item.help)))]));
  return [differing.length ? list(differing) : make("p", {}, say("all as by default")),
          folded(say("as by default: {n}", { n: rest.length }), list(rest))];
}
