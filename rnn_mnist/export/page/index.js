"use strict";
// The table of the runs of a folder, each with a link to its page; on a phone each run is a block of its own.

speak(() => {
  const head = [say("run"), say("model"), say("data"), say("settings"), say("epochs"), say("best acc_valid"), "acc_test"];
  document.title = PAGE.name;
  fill("name", PAGE.name);
  fill("summary", say("runs: {n}", { n: PAGE.runs.length }));
  const runs = table(head, PAGE.runs.map((run) => [
    make("span", {}, make("a", { href: run.link }, run.name), run.note ? make("span", { className: "note" }, run.note) : ""),
    run.model,
    make("span", { className: run.original ? "" : "loud" }, pick(run.data)),
    run.differing || say("the defaults"), String(run.epochs),
    run.best_acc_valid === null ? "-" : run.best_acc_valid.toFixed(4),
    run.acc_test === null ? say("not finished") : run.acc_test.toFixed(4),
  ]), false);
  runs.className = "runs";
  for (const row of runs.tBodies[0].rows) [...row.cells].forEach((cell, i) => { cell.dataset.name = head[i]; });
  fill("runs", runs);
});
