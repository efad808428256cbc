"use strict";
// The pad: a digit drawn by mouse, finger or pen, what the network sees of it, and what it makes of that.

const PAD_SIZE = 420, PEN = 34;  // pixels of the canvas; in MNIST's form the line is two to three pixels wide

// Return the pad: marks are strokes, lists of points, and pictures of 784 values; draw() shows all anew.
function makePad(spec, steps) {
  const network = openNetwork(spec), canvas = document.getElementById("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const pad = { marks: [], seen: null, probabilities: null, network, draw, put, ink };
  let stroke = null, waiting = false;

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    pad.marks.push(stroke = [place(event)]);
    later();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!stroke) return;
    const passed = event.getCoalescedEvents?.() ?? [];
    stroke.push(...(passed.length ? passed : [event]).map(place));
    later();
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { stroke = null; });
  document.getElementById("undo").addEventListener("click", () => { pad.marks.pop(); draw(); });
  document.getElementById("clear").addEventListener("click", () => { pad.marks.length = 0; draw(); });
  return pad;

  // Return where on the canvas an event was.
  function place(event) {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width * PAD_SIZE, (event.clientY - box.top) / box.height * PAD_SIZE];
  }

  // Draw before the next picture of the screen, once for however many events.
  function later() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  }

  // Put an image of 784 values on the pad, alone.
  function put(pixels) {
    pad.marks.splice(0, pad.marks.length, { pixels });
    draw();
  }

  // Return the ink on the canvas, 0..255.
  function ink() {
    const { data } = context.getImageData(0, 0, PAD_SIZE, PAD_SIZE), alpha = new Uint8Array(PAD_SIZE ** 2);
    for (let i = 0; i < alpha.length; i++) alpha[i] = data[4 * i + 3];
    return alpha;
  }

  function draw() {
    context.clearRect(0, 0, PAD_SIZE, PAD_SIZE);
    for (const mark of pad.marks) (mark.pixels ? drawPicture : drawStroke)(context, mark);
    pad.seen = toMnist(ink(), PAD_SIZE);
    pad.probabilities = pad.seen && logitsByStep(network, pad.seen).map(softmax);
    showAnswer(pad, steps);
  }
}

function drawStroke(context, points) {
  Object.assign(context, { lineWidth: PEN, lineCap: "round", lineJoin: "round", strokeStyle: COLORS.ink,
                           fillStyle: COLORS.ink });
  context.beginPath();
  if (points.every(([x, y]) => x === points[0][0] && y === points[0][1])) {  // a line without a length is not drawn
    context.arc(...points[0], PEN / 2, 0, 2 * Math.PI);
    return context.fill();
  }
  context.moveTo(...points[0]);
  for (const point of points.slice(1)) context.lineTo(...point);
  context.stroke();
}

function drawPicture(context, { pixels }) {
  context.imageSmoothingEnabled = false;
  context.drawImage(picture(pixels), 0, 0, PAD_SIZE, PAD_SIZE);
}

// Show the image that the network sees, ten bars, and the belief after each step.
function showAnswer({ seen, probabilities, marks, network }, steps) {
  const last = probabilities?.at(-1), answer = last ? last.indexOf(Math.max(...last)) : null;
  document.getElementById("hint").hidden = marks.length > 0;
  for (const id of ["undo", "clear"]) document.getElementById(id).disabled = !marks.length;
  fill("seen", picture(seen ?? new Uint8Array(784)));
  fill("answer", last ? say("read as {digit}, {share}", { digit: answer, share: percent(last[answer]) })
                      : say("nothing drawn yet"));
  fill("bars", ...Array.from({ length: 10 }, (_, digit) => {
    const share = last ? last[digit] : 0, bar = make("span", { className: digit === answer ? "bar best" : "bar" });
    bar.style.width = `${100 * share}%`;
    return make("li", {}, make("b", {}, String(digit)), make("span", { className: "track" }, bar),
                make("span", { className: "share" }, last ? percent(share) : ""));
  }));
  const unusual = seen ? warnings(seen, network.bounds) : [];
  fill("unusual", unusual.length ? say("unusual for a digit: {what}", { what: unusual.join(", ") }) : "");
  if (!steps) return;
  const shown = last ? steps.shown.map((t) => probabilities[t]) : [];
  const place = document.getElementById("belief");
  place.replaceChildren(readingFigure(seen ?? [], steps, shown, Math.max(MIN_WIDTH, place.clientWidth)));
}
