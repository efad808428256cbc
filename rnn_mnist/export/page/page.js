"use strict";
// One run on one page: put together here, and drawn again when the language or the width changes.

const pad = PAGE.pad.missing ? null : makePad(PAGE.pad, PAGE.steps);
const MIN_WIDTH = 280;  // while a page is printed or hidden it may have none
const main = document.querySelector("main");
let chosen = 0, inShares = false;

function show() {
  const width = Math.max(MIN_WIDTH, main.clientWidth);
  head();
  fill("reading-title", PAGE.steps?.unit === "row" ? say("Test digits, read row by row") : say("Test digits, read step by step"));
  showPad();
  // A reason that the section above has told is not told again.
  for (const id of ["errors", "calibration"]) document.getElementById(id).hidden = Boolean(PAGE.scores.missing);
  document.getElementById("reading").hidden = Boolean(PAGE.reading.missing) && pick(PAGE.reading.missing) === pick(PAGE.scores.missing ?? ["", ""]);
  fill("reading-parts", ...part(PAGE.reading, (found) => reading(found, width, chosen, (i) => { chosen = i; show(); })));
  fill("curves-parts", ...part(PAGE.curves, (found) => curves(found, width)));
  fill("confusion-parts", ...part(PAGE.scores, (found) => confusion(found, inShares, (shares) => { inShares = shares; show(); })));
  fill("errors-parts", ...part(PAGE.scores, (found) => errors(found, pad && putOnPad)));
  fill("calibration-parts", ...part(PAGE.scores, (found) => calibration(found, width)));
  fill("published-parts", ...part(PAGE.published, published));
  fill("trained-parts", ...trained());
  fill("settings-parts", ...part(PAGE.settings, settings));
  fill("repeat-parts", make("dl", { className: "commands" }, ...PAGE.commands.flatMap(([what, command]) =>
    [make("dt", {}, pick(what)), make("dd", {}, make("code", {}, ...command.split(" ").flatMap((word) =>
      [make("span", { className: "word" }, word), " "])))])));
  fill("environment-parts", ...part(PAGE.environment, environment));
}

function head() {
  const { data, result, scores, note } = PAGE;
  document.title = PAGE.name;
  fill("name", PAGE.name);
  fill("summary", pick(PAGE.summary));
  fill("data", pick(data.kind));
  document.getElementById("data").classList.toggle("loud", !data.original);
  document.getElementById("note").hidden = !note;
  fill("note", note ?? "");
  const items = [];
  if (result.missing) items.push([say("state"), "", pick(result.missing)]);
  else {
    items.push(["acc_test", fixed(result.acc_test), say("95 % interval {low} to {high}", { low: fixed(result.low), high: fixed(result.high) })]);
    items.push(["loss_test", fixed(result.loss_test), ""]);
  }
  if (PAGE.curves.best) items.push([say("best acc_valid"), fixed(PAGE.curves.best.acc_valid), say("epoch {epoch}", PAGE.curves.best)]);
  if (scores.notes) for (const told of scores.notes) items.push([say("NOTE"), pick(told)]);
  fill("scores", ...items.map(([name, value, more]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, value, more ? make("small", {}, more) : ""))));
}

function showPad() {
  for (const id of ["pad-parts", "pad-fine"]) document.getElementById(id).hidden = !pad;
  document.getElementById("pad-missing").hidden = Boolean(pad);
  if (!pad) return fill("pad-missing", pick(PAGE.pad.missing));
  document.getElementById("belief-part").hidden = !PAGE.steps;
  if (PAGE.steps) {
    fill("belief-title", PAGE.steps.unit === "row" ? say("what it believes after each row") : say("what it believes after each step"));
    fill("belief-legend", readingLegend());
  }
  document.getElementById("canvas").setAttribute("aria-label", say("draw here, with mouse, finger or pen"));
  pad.draw();
}

function putOnPad(pixels) {
  pad.put(pixels);
  document.getElementById("pad").scrollIntoView();
}

function published({ experiment, what, rows }) {
  const head = [say("figure"), say("published"), say("this run"), say("band"), say("in band"), say("remark")];
  return [make("p", {}, make("code", {}, experiment), " ", pick(what)),
    ...rows.map((row) => make("dl", { className: "figures" }, ...row.flatMap((cell, i) =>
      i && pick(cell) === "" ? [] : [make("div", { className: i === 5 ? "wide" : "" }, make("dt", {}, head[i]), make("dd", {}, pick(cell)))])))];
}

function trained() {
  const { data } = PAGE, counts = data.counts;
  const rows = [[say("data"), make("b", { className: data.original ? "" : "loud" }, pick(data.kind))],
    [say("images"), counts ? say("training {train}, validation {valid}, test {test}",
      Object.fromEntries(Object.entries(counts).map(([name, n]) => [name, n.toLocaleString("en")]))) : say("not known: log.txt does not say")],
    ["SHA-256", make("code", {}, data.digest ?? "-")]];
  return [make("dl", { className: "settings" }, ...rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]))];
}

function environment({ rows }) {
  return [folded(say("versions, system, processor: {n} entries", { n: rows.length }),
    make("dl", { className: "settings" }, ...rows.flatMap(([name, value]) =>
      [make("dt", {}, make("code", {}, name)), make("dd", {}, value)])))];
}

speak(show);
let shownWidth = main.clientWidth;
window.addEventListener("resize", () => {
  if (main.clientWidth !== shownWidth) {
    shownWidth = main.clientWidth;
    show();
  }
});
