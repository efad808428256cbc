"""Questions put to a finished run, a module each."""
