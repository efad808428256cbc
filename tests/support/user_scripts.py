"""Run a script of somebody's by scripts/run_tf1.py, in a process that need not import TensorFlow anew."""

import fork_server
from helpers import without_first_word


def run_tf1(folder, source, *args, flags=(), code=0, name="theirs.py"):
    """Return (stdout, stderr) of a script or notebook, written to a folder and run there; it must end with a code.

    args: the script's; flags: run_tf1.py's own.
    """
    (folder / name).write_text(source)
    found, out, err = fork_server.run(folder, "run_tf1.py", *flags, name, *args)
    assert found == code, (found, err)
    return out, without_first_word(err)
