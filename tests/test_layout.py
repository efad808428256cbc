"""TensorFlow has one door, and the scripts are thin."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path("rnn_mnist")


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


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_tensorflow_is_imported_through_its_one_door(path):
    direct = {name for name in imports(path) if name.split(".")[0] in ("tensorflow", "tf_keras", "keras")}
    assert not direct or path.stem == "tf1"


@pytest.mark.parametrize("path", sorted(Path("scripts").glob("*.py")), ids=lambda path: path.stem)
def test_scripts_are_thin(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree) and f"python scripts/{path.name}" in ast.get_docstring(tree)
    assert len(path.read_text().splitlines()) <= 80
    assert {name.split(".")[0] for name in imports(path, top_level_only=True)} <= {
        "rnn_mnist", "sys", "os", "json", "csv", "pathlib", "dataclasses", "contextlib", "benchmarking"}
