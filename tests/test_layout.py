"""Imports run one way only, TensorFlow has one door, and nothing imports the scripts."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path("rnn_mnist")
# From the ground up: a module may import those on lower floors, and on its own floor if the table says so.
FLOORS = [
    {"config"},
    {"synthetic", "download", "data", "images", "words", "scores", "plots", "experiments", "processor", "tf1"},
    {"graph", "recurrence", "runs", "checkpoints"},
    {"session"},
]
LIGHT = {"config", "cli", "data", "download", "synthetic", "images", "words", "scores", "experiments", "processor",
         "runs", "checkpoints"}  # none of these may bring TensorFlow in when it is imported


def imports(path, top_level_only=False):
    """Return the dotted names that a file imports."""
    tree = ast.parse(path.read_text())
    found = set()
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{name.name}" for name in node.names} | {node.module}
    return found


def ours(path, **kwargs):
    """Return the modules of the package that a file imports."""
    names = {name.split(".")[1] for name in imports(path, **kwargs) if name.startswith("rnn_mnist.")}
    return {name for name in names if (PACKAGE / f"{name}.py").exists()}


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_imports_run_downwards_only(path):
    floor = next((i for i, names in enumerate(FLOORS) if path.stem in names), len(FLOORS))
    above = set().union(*FLOORS[floor + 1:]) if floor < len(FLOORS) else set()
    assert not ours(path) & above
    if floor < len(FLOORS):
        assert ours(path) <= set().union(*FLOORS[:floor + 1])
    assert not any(name.startswith("scripts") for name in imports(path))


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_tensorflow_is_imported_through_its_one_door(path):
    direct = {name for name in imports(path) if name.split(".")[0] in ("tensorflow", "tf_keras", "keras")}
    assert not direct or path.stem == "tf1"


@pytest.mark.parametrize("name", sorted(LIGHT))
def test_light_modules_stay_light(name):
    seen, queue = set(), [name]
    while queue:
        module = queue.pop()
        seen.add(module)
        queue += [other for other in ours(PACKAGE / f"{module}.py", top_level_only=True) if other not in seen]
    assert "tf1" not in seen
    heavy = {other for module in seen for other in imports(PACKAGE / f"{module}.py", top_level_only=True)}
    assert not {other for other in heavy if other.split(".")[0] in ("matplotlib", "pooch", "requests", "tqdm")}


@pytest.mark.parametrize("path", sorted(Path("scripts").glob("*.py")), ids=lambda path: path.stem)
def test_scripts_are_thin(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree) and f"python scripts/{path.name}" in ast.get_docstring(tree)
    assert len(path.read_text().splitlines()) <= 80
    assert {name.split(".")[0] for name in imports(path, top_level_only=True)} <= {
        "rnn_mnist", "sys", "os", "json", "csv", "pathlib", "dataclasses", "contextlib"}
