"""The architecture: imports run one way only, TensorFlow has one door, the core stays small, the scripts thin."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path("rnn_mnist")
# From the ground up: each part, a core module or a folder, may import itself and those on earlier lines.
ORDER = ["console", "cells", "config", "files", "datasets", "data", "tf1", "fused", "recurrence", "graph", "session",
         "checkpoint", "run", "train", "plots", "export", "tutorials", "compat", "analysis", "sweep", "__main__"]
# What the API's methods and the end of a training reach for, when they are called and not before.
LAZILY_UPWARDS = {("run", "plots"), ("run", "analysis"), ("run", "export"), ("run", "train"),
                   ("train", "export")}
FACADE = "__init__"  # names what it gives away, and imports it when it is asked for
LIGHT = {"console", "config", "files", "datasets", "data", "checkpoint", "run"}  # brings nothing heavy in when imported
HEAVY = {"tensorflow", "tf_keras", "keras", "matplotlib", "pooch", "requests", "tqdm", "tensorboard", "scipy"}
MODULES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in sorted(PACKAGE.rglob("*.py"))}


def part(module):
    """Return the core module or the folder that a module is of."""
    return module.split(".")[0]


def imports(path, top_level_only=False):
    """Return the dotted names that a file imports."""
    tree = ast.parse(path.read_text())
    found = set()
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            found |= {f"{node.module}.{name.name}" for name in node.names} | {node.module}
    return found


def ours(path, top_level_only=False):
    """Return the modules of the package that a file imports."""
    names = {name.removeprefix("rnn_mnist.") for name in imports(path, top_level_only) if name.startswith("rnn_mnist.")}
    return {name for name in names if name in MODULES}


@pytest.mark.parametrize("module", [name for name in MODULES if name != FACADE])
def test_imports_run_downwards_only(module):
    allowed = ORDER[:ORDER.index(part(module)) + 1]  # a module of no known part fails here: give it its place
    for other in ours(MODULES[module]):
        lazily = (part(module), part(other)) in LAZILY_UPWARDS and other not in ours(MODULES[module], True)
        assert part(other) in allowed or lazily, other
    assert not any(part(name) in ("scripts", "benchmarking", "tests") for name in imports(MODULES[module]))


def test_no_import_comes_back_to_where_it_began():
    def visit(module, trail):
        """Follow the imports that a module makes when it is imported."""
        assert module not in trail, " -> ".join([*trail, module])
        if module not in done:
            for other in sorted(ours(MODULES[module], top_level_only=True)):
                visit(other, [*trail, module])
            done.add(module)

    done = set()
    for module in MODULES:
        visit(module, [])


@pytest.mark.parametrize("module", MODULES)
def test_tensorflow_is_imported_through_its_one_door(module):
    direct = {name for name in imports(MODULES[module]) if part(name) in ("tensorflow", "tf_keras", "keras")}
    assert not direct or module in ("tf1", "compat.seeds")  # which patches what TensorFlow does not give away


@pytest.mark.parametrize("module", [name for name in MODULES if part(name) in LIGHT or name == FACADE])
def test_light_modules_stay_light(module):
    seen, queue = set(), [module]
    while queue:
        name = queue.pop()
        seen.add(name)
        queue += ours(MODULES[name], top_level_only=True) - seen
    assert not {part(name) for found in seen for name in imports(MODULES[found], top_level_only=True)} & HEAVY


def test_the_core_is_read_in_an_hour_and_the_wings_are_few():
    folders = [path.name for path in PACKAGE.iterdir() if path.is_dir() and not path.name.startswith("__")]
    assert len(folders) <= 8 and set(folders) <= set(ORDER)
    assert sum(len(path.read_text().splitlines()) for path in PACKAGE.glob("*.py")) < 2200
    assert sum(len(path.read_text().splitlines()) for path in (PACKAGE / "compat").glob("*.py")) <= 300


@pytest.mark.parametrize("path", sorted(Path("scripts").glob("*.py")), ids=lambda path: path.stem)
def test_scripts_are_thin(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree) and f"python scripts/{path.name}" in ast.get_docstring(tree)
    assert len(path.read_text().splitlines()) <= 80
    assert {part(name) for name in imports(path, top_level_only=True)} <= {
        "rnn_mnist", "sys", "os", "json", "csv", "pathlib", "dataclasses", "contextlib"}


def test_tests_lie_in_the_folders_of_what_they_test():
    folders = {path.name for path in Path("tests").iterdir() if path.is_dir() and not path.name.startswith("__")}
    assert folders <= set(ORDER) | {"scripts", "robustness", "support"}
