"""Out of the project: what other programs read."""
