"""What the tutorials published, and ours beside it."""
