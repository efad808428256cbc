"use strict";
// Making elements. What comes from a run is only ever set as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

// Return an HTML element with properties and children, which may be texts.
function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// Return an SVG element with attributes and children.
function shape(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Put children in the place of what an element of an id holds.
function fill(id, ...children) {
  document.getElementById(id).replaceChildren(...children);
}

// Return a table of texts, the first row its head; columns of numbers are flush right.
function table(head, rows, numbers = true) {
  const cells = (tag, row) => row.map((cell, i) => make(tag, { className: numbers && i ? "number" : "" }, cell));
  return make("table", {}, make("thead", {}, make("tr", {}, ...cells("th", head))),
              make("tbody", {}, ...rows.map((row) => make("tr", {}, ...cells("td", row)))));
}

// Return a share as a percentage, in one piece.
function percent(share, digits = 1) {
  return `${(100 * share).toFixed(digits)}\u00a0%`;
}

// Return the bytes of a base64 text.
function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

// Return a canvas that shows an image, 784 values of ink 0..255.
function picture(pixels) {
  const canvas = make("canvas", { width: 28, height: 28, className: "digit" });
  const context = canvas.getContext("2d"), shown = context.createImageData(28, 28);
  pixels.forEach((value, i) => { shown.data[4 * i + 3] = value; });
  context.putImageData(shown, 0, 0);
  return canvas;
}
