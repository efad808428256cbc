"""What the READMEs promise: commands and flags that exist, links that lead somewhere, a log that a run printed."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

READMES = [Path("README.md"), Path("README.ko.md")]
PAGES = [*READMES, *sorted(Path("rnn_mnist").glob("*.md")), *sorted(Path("runs").glob("README*.md")),
         *sorted(Path("runs").glob("*/README*.md"))]
PAIRS = [(path, path.with_suffix(".ko.md")) for path in PAGES if path.with_suffix(".ko.md").exists()]


def commands(path):
    """Return the scripts with their flags that a page shows, as a set of lines."""
    return {line.strip() for line in re.findall(r"python (scripts/\w+\.py[^`#|\n&]*)", path.read_text())}


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
    for path in PAGES:
        for line in commands(path):
            script, *words = shlex.split(line)
            flags.setdefault(script, set()).update(word.split("=")[0] for word in words if word.startswith("--"))
    assert {f"scripts/{path.name}" for path in Path("scripts").glob("*.py")} == set(flags)
    for script, shown in flags.items():
        told = help_of(script)
        assert all(re.search(rf"{flag}\b", told) for flag in shown), (script, shown)


def help_of(script, flag="--help"):
    """Return what a script prints for --help, with what it has under --help-all."""
    done = subprocess.run([sys.executable, script, flag], capture_output=True, text=True)
    assert done.returncode == 0
    more = flag == "--help" and "--help-all" in done.stdout
    return done.stdout + (help_of(script, "--help-all") if more else "")


@pytest.mark.parametrize("path", READMES, ids=str)
def test_the_log_shown_is_that_of_the_committed_run(path):
    for line in Path("runs/example-seed42/log.txt").read_text().splitlines():
        assert line in path.read_text()


@pytest.mark.parametrize("path", PAGES, ids=str)
def test_links_and_pictures_lead_somewhere(path):
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", path.read_text()):
        page = path.parent / target if target else path
        assert page.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)", page.read_text(), re.M)
            assert anchor in {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("english, korean", PAIRS, ids=lambda path: str(path))
def test_the_korean_page_is_in_step_with_the_english_one(english, korean):
    def shape(path):
        return re.findall(r"^(#+ |```\w*|\|(?!-)|- (?=\*\*|`)|!\[)", path.read_text(), re.M)
    assert shape(korean) == shape(english)
    assert commands(korean) == commands(english)
