"""Imports inside davshare point downwards, and modules stay small enough to read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "davshare"
LEAVES = {"model", "errors", "config", "observe", "abreast"}
DOORS = ("dav", "api", "clients", "web", "apps", "federation", "cs3")
#: Package → what it may import besides itself and the leaves.
BELOW: dict[str, set[str]] = {
    "model": set(),
    "observe": set(),
    "store": set(),
    "index": set(),
    "http": set(),
    "files": {"store", "index"},
    "identity": {"files", "index"},
    "notices": {"files", "identity", "index"},
    "sharing": {"files", "identity", "index", "notices"},
    **{door: {"files", "sharing", "identity", "notices", "http"} for door in DOORS},
    "server": {"store", "index", "http", "files", "identity", "notices", "sharing", *DOORS},
    "cli": {"server", "identity", "files", "notices", "sharing"},
}
LONGEST_MODULE = 420
LONGEST_FUNCTION = 70


def modules(package: str) -> list[Path]:
    """The Python files of a package; none when it does not exist yet."""
    return sorted((ROOT / package).rglob("*.py"))


def tree(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text("utf-8"), str(path))


def imported(path: Path) -> Iterator[str]:
    """Names of davshare's packages that the file imports, anywhere in it."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        yield from (name.split(".")[1] for name in names if name.startswith("davshare."))


@pytest.mark.parametrize("package", BELOW)
def test_imports_point_downwards(package: str) -> None:
    """A package knows only what is below it; doors know neither index nor store nor each other."""
    allowed = BELOW[package] | LEAVES | {package, "__version__"}
    wrong = [
        f"{path.relative_to(ROOT)} imports {there}"
        for path in modules(package)
        for there in imported(path)
        if there not in allowed
    ]
    assert not wrong, "\n".join(wrong)


def test_every_package_has_its_place() -> None:
    """No package escapes the table above."""
    found = {path.name for path in ROOT.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert found <= set(BELOW), found - set(BELOW)


def test_leaves_import_only_leaves() -> None:
    """The single modules at the top are leaves as well."""
    wrong = {there for name in ("errors.py", "config.py", "abreast.py") for there in imported(ROOT / name)} - LEAVES
    assert not wrong


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_are_small(path: Path) -> None:
    """A module fits a sitting, a function fits a screen or two, and both say what they are."""
    if "versions" in path.parts:
        return
    lines = path.read_text("utf-8").count("\n")
    assert lines <= LONGEST_MODULE, f"{lines} lines"
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name}: {length} lines"
    assert ast.get_docstring(tree(path)), "no docstring"


def test_only_the_index_speaks_sql() -> None:
    """Statements are in one package; others call its functions."""
    verbs = ("SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ")
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted(ROOT.rglob("*.py"))
        if "index" not in path.parts
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(verbs)
    ]
    assert not wrong, "\n".join(wrong)
