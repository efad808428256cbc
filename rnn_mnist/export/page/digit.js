"use strict";
// A drawing brought into MNIST's form, by the steps of analysis/picture.py that a clean canvas needs: faint ink and
// specks are taken off; the ink's box is scaled to 20 x 20, its centre of mass put in the middle of the 28 x 28.

const BOX = 20, SIDE = 28;

// Return 784 values 0..255 of a square drawing of size x size values 0..255, or null if it is blank. A picture of 28 x 28
// pixels, enlarged, that has MNIST's form already keeps its values.
function toMnist(drawing, size) {
  if (drawing.every((value) => value === 0)) return null;
  const pixels = shrunk(drawing, size);
  if (pixels && hasMnistForm(pixels)) return pixels;
  const ink = withoutSpecks(cleaned(drawing), size);
  return ink.some((value) => value > 0) ? fit(ink, size) : null;
}

// Return the 784 values of a drawing that consists of 28 x 28 even squares, or null.
function shrunk(drawing, size) {
  const step = size / SIDE, pixels = new Uint8Array(SIDE * SIDE);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const place = Math.floor(y / step) * SIDE + Math.floor(x / step);
      if (y % step === 0 && x % step === 0) pixels[place] = drawing[y * size + x];
      if (drawing[y * size + x] !== pixels[place]) return null;
    }
  }
  return pixels;
}

// Tell whether 784 values are blank but for a digit in a box of 20 x 20, its centre of mass at pixel 14, 14.
function hasMnistForm(pixels) {
  const { low, high, centre } = extentOf(pixels, SIDE, 0);
  return centre.every((place, axis) => high[axis] - low[axis] <= BOX && Math.abs(place - 0.5 - SIDE / 2) < 0.51);
}

// Return the ink 0..1: nothing of what is fainter than a fiftieth, and 1 where it is as dark as most of it.
function cleaned(drawing) {
  const counts = new Array(256).fill(0);
  for (const value of drawing) counts[value] += 1;
  const most = counts.findLastIndex((count) => count > 0);
  const dark = counts.flatMap((count, value) => value > most / 2 ? [[value, count]] : []);
  const ranked = (rank) => dark.find(([, count]) => (rank -= count) < 0)?.[0] ?? 0;
  const place = 0.75 * (dark.reduce((sum, [, count]) => sum + count, 0) - 1), below = ranked(Math.floor(place));
  const full = (below + (ranked(Math.ceil(place)) - below) * (place % 1)) / 255, floor = 0.02;
  const shades = counts.map((_, value) => Math.min(1, Math.max(0, (value / 255 - floor) / (full - floor))));
  const ink = new Float64Array(drawing.length);
  for (let i = 0; i < ink.length; i++) ink[i] = shades[drawing[i]];
  return ink;
}

// Return the ink without its small parts: those with less than a twentieth of the largest, as blocks of pixels touch.
function withoutSpecks(ink, size) {
  const step = Math.ceil(size / 128), n = Math.ceil(size / step), blocks = new Float64Array(n * n);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      blocks[Math.floor(y / step) * n + Math.floor(x / step)] += ink[y * size + x] / step ** 2;
    }
  }
  const labels = components(blocks, n, 0.1), mass = new Float64Array(Math.max(...labels) + 1);
  blocks.forEach((value, block) => { if (labels[block]) mass[labels[block]] += value; });
  const most = Math.max(...mass), large = (block) => labels[block] && mass[labels[block]] > most / 20;
  const keep = blocks.map((_, block) => around(block, n).some(large));  // the blocks around have the last of its edge
  return ink.map((value, i) => keep[Math.floor(i / size / step) * n + Math.floor((i % size) / step)] ? value : 0);
}

// Return the number of the connected part, 1, 2 ..., that each of n x n values above a threshold is in; 0 of the others.
function components(values, n, threshold) {
  const labels = new Int32Array(n * n);
  let count = 0;
  values.forEach((value, start) => {
    if (value <= threshold || labels[start]) return;
    const waiting = [start];
    labels[start] = count += 1;
    while (waiting.length) {
      for (const other of around(waiting.pop(), n)) {
        if (values[other] > threshold && !labels[other]) {
          labels[other] = count;
          waiting.push(other);
        }
      }
    }
  });
  return labels;
}

// Return the numbers of a block and its neighbours in a square of n x n.
function around(block, n) {
  const y = Math.floor(block / n), x = block % n, found = [];
  for (let j = Math.max(0, y - 1); j <= Math.min(n - 1, y + 1); j++) {
    for (let i = Math.max(0, x - 1); i <= Math.min(n - 1, x + 1); i++) found.push(j * n + i);
  }
  return found;
}

// Return what a square of values has above a threshold: its box's { low, high } [row, column], high excluded; and the
// centre of mass of all its values, in pixels from the corner.
function extentOf(values, size, threshold) {
  const low = [size, size], high = [0, 0], moment = [0, 0];
  let mass = 0;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const value = values[y * size + x];
      mass += value;
      moment[0] += (y + 0.5) * value;
      moment[1] += (x + 0.5) * value;
      if (value > threshold) {
        low[0] = Math.min(low[0], y);
        low[1] = Math.min(low[1], x);
        high[0] = y + 1;
        high[1] = Math.max(high[1], x + 1);
      }
    }
  }
  return { low, high, centre: moment.map((sum) => sum / mass) };
}

// Return 784 values: the ink's box scaled to 20 x 20, proportions kept, its centre of mass at pixel 14, 14.
function fit(ink, size) {
  const { low, high, centre } = extentOf(ink, size, ink.reduce((a, b) => Math.max(a, b)) / 2);
  const extent = SIDE / BOX * Math.max(high[0] - low[0], high[1] - low[1]);
  const [top, left] = centre.map((place, axis) => {  // the whole box stays in sight
    const start = place - extent * (SIDE / 2 + 0.5) / SIDE;
    return Math.min(Math.max(start, high[axis] - extent), low[axis]);
  });
  const fitted = resampled(ink, size, left, top, extent), brightest = Math.max(...fitted);
  return Uint8Array.from(fitted, (value) => Math.round(value * 255 / brightest));
}

// Return the 784 means of a window of the ink, blank beyond the canvas, as Pillow's box filter takes them.
function resampled(ink, size, left, top, extent) {
  const columns = covered(left, extent), rows = covered(top, extent), result = new Float64Array(SIDE * SIDE);
  rows.forEach(([firstRow, lastRow], j) => {
    columns.forEach(([first, last], i) => {
      let sum = 0;
      for (let y = Math.max(0, firstRow); y < Math.min(size, lastRow); y++) {
        for (let x = Math.max(0, first); x < Math.min(size, last); x++) sum += ink[y * size + x];
      }
      result[j * SIDE + i] = sum / ((lastRow - firstRow) * (last - first));
    });
  });
  return result;
}

// Return [first, beyond the last] of the pixels whose middle lies in each of 28 parts of a window; at least one wide.
function covered(start, extent) {
  const scale = extent / SIDE, half = Math.max(scale, 1) / 2;
  return Array.from({ length: SIDE }, (_, i) => {
    const middle = start + (i + 0.5) * scale;
    const first = Math.floor(middle - half - 0.5) + 1;  // the first x with x + 0.5 > middle - half
    return [first, Math.max(first + 1, Math.floor(middle + half - 0.5) + 1)];
  });
}
