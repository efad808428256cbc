"use strict";
// The run's network: the sums of cells.py and export/numpy_network.py, in float64 with the float32 weights of the run.
// A cell's step takes (arrays, x, state, f) and returns the state after; its last part is the cell's output.

const sigmoid = (x) => 0.5 * Math.tanh(0.5 * x) + 0.5;
const ACTIVATIONS = { tanh: Math.tanh, relu: (x) => Math.max(x, 0), sigmoid };

const CELLS = {
  basic: ([kernel, bias], x, [h], f) => [product(kernel, bias, x, h).map(f)],
  irnn: ([kernel, bias], x, [h], f) => [product(kernel, bias, x, h).map(f)],

  lstm: ([kernel, bias, ...peepholes], x, [c, h], f) => {
    const n = h.length, sums = product(kernel, bias, x, h), none = new Float32Array(n);
    const [forget, input, output] = peepholes.length ? peepholes : [none, none, none];
    const memory = c.map((before, k) => sigmoid(sums[2 * n + k] + 1 + forget[k] * before) * before
                                        + sigmoid(sums[k] + input[k] * before) * f(sums[n + k]));
    return [memory, memory.map((now, k) => sigmoid(sums[3 * n + k] + output[k] * now) * f(now))];
  },

  gru: ([gates, gatesBias, candidate, candidateBias], x, [h], f) => {
    const n = h.length, opened = product(gates, gatesBias, x, h).map(sigmoid);
    const fresh = product(candidate, candidateBias, x, h.map((before, k) => opened[k] * before)).map(f);
    return [h.map((before, k) => opened[n + k] * before + (1 - opened[n + k]) * fresh[k])];
  },
};

// Return what the page's data says of a network, with its weights as arrays: those of each layer, and the output's.
function openNetwork(spec) {
  const weights = new Float32Array(bytes(spec.weights).buffer);
  let start = 0;
  const take = (size) => weights.subarray(start, start += size);
  const layers = spec.sizes.map((sizes) => sizes.map(take));
  return { ...spec, output: layers.pop(), layers };
}

// Return logits, ten numbers, after each step of an image of 784 values 0..255; a perceptron has one step.
function logitsByStep(network, pixels) {
  const X = Float64Array.from(pixels, (value) => network.raw ? value : Math.fround(value / 255));
  const features = network.model === "rnn" ? featuresByStep(network, X) : [perceptron(network, X)];
  return features.map((values) => product(...network.output, values));
}

// Return the probabilities that logits stand for.
function softmax(logits) {
  const most = Math.max(...logits), shares = logits.map((value) => Math.exp(value - most));
  const sum = shares.reduce((a, b) => a + b);
  return shares.map((value) => value / sum);
}

// Return [x, h] times a kernel, stored row by row, plus a bias; h may be left out.
function product(kernel, bias, x, h = []) {
  const sums = Float64Array.from(bias), n = sums.length;
  let row = 0;
  for (const values of [x, h]) {
    for (const value of values) {
      if (value !== 0) for (let k = 0; k < n; k++) sums[k] += value * kernel[row * n + k];
      row += 1;
    }
  }
  return sums;
}

function perceptron(network, X) {
  const f = ACTIVATIONS[network.activation];
  return network.layers.reduce((x, [kernel, bias]) => product(kernel, bias, x).map(f), X);
}

// Return what the output layer sees after each step; of two directions, after as many steps of each from its own end.
function featuresByStep(network, X) {
  const { n_steps, n_inputs, order, directions, read } = network, arrays = [...network.layers], layers = [];
  let steps = Array.from({ length: n_steps }, (_, t) =>
    Float64Array.from(order.slice(t * n_inputs, (t + 1) * n_inputs), (i) => X[i]));
  while (arrays.length) {
    const [forward, backward] = Array.from({ length: directions }, (_, i) =>
      outputs(network, arrays.shift(), i ? [...steps].reverse() : steps));
    layers.push(backward ? forward.map((h, t) => joined([h, backward[t]])) : forward);
    steps = backward ? forward.map((h, t) => joined([h, backward[n_steps - 1 - t]])) : forward;
  }
  const top = layers.at(-1);
  return { last: () => top, mean: () => runningMeans(top),
           all: () => top.map((_, t) => joined(layers.map((layer) => layer[t]))) }[read]();
}

// Return the output of a cell after each step, from a zero state.
function outputs(network, arrays, steps) {
  const f = ACTIVATIONS[network.activation], zeros = new Float64Array(network.n_neurons);
  let state = network.cell === "lstm" ? [zeros, zeros] : [zeros];
  return steps.map((x) => (state = CELLS[network.cell](arrays, x, state, f)).at(-1));
}

function joined(parts) {
  return Float64Array.from(parts.flatMap((part) => [...part]));
}

function runningMeans(rows) {
  const sums = new Float64Array(rows[0].length);
  return rows.map((row, t) => row.map((value, k) => (sums[k] += value) / (t + 1)));
}
