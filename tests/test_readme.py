"""What the READMEs promise: commands that exist, flags that exist, a log line that this version prints."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

READMES = [Path("README.md"), Path("README.ko.md")]
LINES = {line for path in READMES for line in re.findall(r"python (scripts/\w+\.py[^`#|\n&]*)", path.read_text())}


def bash_blocks(path):
    """Return the commands in the ```bash blocks of a README."""
    return re.findall(r"```bash\n(.*?)\n```", path.read_text(), re.S)


@pytest.mark.parametrize("path", READMES, ids=str)
def test_the_first_command_installs_and_trains_and_the_second_tests(path):
    install, test = bash_blocks(path)[:2]
    assert install == "pip install -r requirements.txt && python scripts/train_rnn.py --epochs 5"
    assert test == "pip install -r requirements-test.txt && python -m pytest"


def test_every_script_in_the_readmes_exists_and_has_the_flags_shown():
    flags = {}
    for line in LINES:
        script, *words = shlex.split(line)
        flags.setdefault(script, set()).update(word.split("=")[0] for word in words if word.startswith("--"))
    assert {f"scripts/{path.name}" for path in Path("scripts").glob("*.py")} == set(flags)
    for script, shown in flags.items():
        done = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True)
        if "--help-all" in done.stdout:
            done = subprocess.run([sys.executable, script, "--help-all"], capture_output=True, text=True)
        assert done.returncode == 0
        assert all(re.search(rf"{flag}\b", done.stdout) for flag in shown), (script, shown)


@pytest.mark.parametrize("path", READMES, ids=str)
def test_the_log_shown_is_that_of_the_committed_run(path):
    for line in Path("runs/example-seed42/log.txt").read_text().splitlines():
        assert line in path.read_text()


@pytest.mark.parametrize("path", READMES, ids=str)
def test_links_and_pictures_lead_somewhere(path):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text()):
        assert Path(target).exists(), target
