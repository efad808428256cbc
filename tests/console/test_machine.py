"""What environment.json says of the machine: the commit is that of this source tree or none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rnn_mnist.console import machine

ROOT = Path(machine.__file__).parents[2]


def git(folder, *words):
    """Run git in a folder, with nobody's settings, and return what it says."""
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    command = ["git", "-C", folder, "-c", "user.name=n", "-c", "user.email=e", *words]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a checkout")
def test_commit_is_that_of_the_checkout():
    assert machine.describe()["git_commit"].removesuffix("-dirty") == git(ROOT, "rev-parse", "HEAD")


@pytest.mark.parametrize("folder", ["venv/site-packages", "."])
def test_commit_of_a_repository_around_an_installed_copy_is_not_ours(tmp_path, folder):
    packages = tmp_path / "repo" / folder
    shutil.copytree(ROOT / "rnn_mnist", packages / "rnn_mnist", ignore=shutil.ignore_patterns("__pycache__"))
    git(tmp_path / "repo", "init", "--quiet")
    if folder != ".":
        git(tmp_path / "repo", "add", ".")
    git(tmp_path / "repo", "commit", "--quiet", "--allow-empty", "-m", "theirs")
    code = "from rnn_mnist.console import machine; print(machine.__file__, machine.describe()['git_commit'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=packages, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(packages)}, check=True)
    assert done.stdout.split() == [str(packages / "rnn_mnist" / "console" / "machine.py"), "None"]
