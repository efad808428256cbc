"""Arrays in, PNG out: a module for each kind of picture, and style.py for what they share."""
