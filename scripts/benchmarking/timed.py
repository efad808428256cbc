"""Run a Python script in a process of its own; then print a JSON line: its seconds and its peak memory in MB.

python scripts/benchmarking/timed.py SCRIPT.py ARGUMENTS

Linux counts the memory of the process that starts another one into that one's peak, so a small one has to start it.
"""

import json
import os
import subprocess
import sys
import time


def main(command):
    """Run the command, print the figures and return its exit code."""
    started = time.perf_counter()
    code = subprocess.run([sys.executable, *command]).returncode
    print(json.dumps([time.perf_counter() - started, peak_memory(of_children=True)]), flush=True)
    return code


def peak_memory(of_children=False):
    """Return the largest resident size so far of this process or of those it has run, in MB; None on Windows."""
    if not of_children and os.path.exists("/proc/self/status"):  # Linux, where the starter's does not count here
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) / 2**10 for line in status if line.startswith("VmHWM:"))
    try:
        import resource
    except ImportError:
        return None
    size = resource.getrusage(resource.RUSAGE_CHILDREN if of_children else resource.RUSAGE_SELF).ru_maxrss
    return size / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
