"""Bytes on disk, or strokes from a seed, as four uint8 arrays: training images and labels, test images and labels."""
