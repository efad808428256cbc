"use strict";
// What is unusual about an image for a digit: the measures and the words of analysis/unusual.py, which has the bounds.

const MARGIN = 5e-5;  // half of the last decimal of the bounds

// Return { ink, aspect, parts } of 784 values 0..255.
function measures(pixels) {
  const ink = pixels.reduce((a, b) => a + b, 0) / 255 / pixels.length, { low, high } = extentOf(pixels, SIDE, 127);
  const parts = Math.max(...components(pixels, SIDE, 127));
  return { ink, parts, aspect: parts ? (high[1] - low[1]) / (high[0] - low[0]) : 1 };
}

// Return what is unusual about 784 values for a digit, a text each; bounds: { ink, aspect, parts }, [low, high] of each.
function warnings(pixels, bounds) {
  const { ink, aspect, parts } = measures(pixels), [least, most] = bounds.parts, found = [];
  if (ink < bounds.ink[0] - MARGIN) found.push(say("little ink ({share:.1f} % of the image, a digit has at least {bound:.1f} %)", { share: 100 * ink, bound: 100 * bounds.ink[0] }));
  if (ink > bounds.ink[1] + MARGIN) found.push(say("much ink ({share:.1f} % of the image, a digit has at most {bound:.1f} %)", { share: 100 * ink, bound: 100 * bounds.ink[1] }));
  if (aspect < bounds.aspect[0] - MARGIN) found.push(say("narrow (width / height {aspect:.2f}, a digit has at least {bound:.2f})", { aspect, bound: bounds.aspect[0] }));
  if (aspect > bounds.aspect[1] + MARGIN) found.push(say("wide (width / height {aspect:.2f}, a digit has at most {bound:.2f}): perhaps several digits that touch", { aspect, bound: bounds.aspect[1] }));
  if (parts < least || parts > most) found.push(say("{parts} separate parts (a digit has {least} to {most})", { parts, least, most }));
  return found;
}
