"""What the package imports, it declares: a dependency of a dependency may go any day."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "src").rglob("*.py"))
PROVIDERS = packages_distributions()


def canonical(name: str) -> str:
    """The name of a distribution as PEP 503 normalises it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = [line for lines in project["optional-dependencies"].values() for line in lines]
    lines = (*project["dependencies"], *optional)
    names = (re.match(r"[\w.-]+", line) for line in lines)
    return {canonical(name.group()) for name in names if name}


def imported(source: str) -> Iterator[str]:
    """Top-level names of the modules that a source imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def undeclared(source: str) -> set[str]:
    """Names that a source imports from outside, but from no declared distribution."""
    known = declared()
    outside = set(imported(source)) - set(sys.stdlib_module_names) - {"fullturn"}
    return {name for name in outside if not known & set(map(canonical, PROVIDERS.get(name, ())))}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_import_is_a_declared_dependency(module: Path) -> None:
    missing = undeclared(module.read_text(encoding="utf-8"))
    assert not missing, f"{module} imports {missing}; add it to dependencies in pyproject.toml"


def test_an_import_within_a_function_counts() -> None:
    assert undeclared("def f():\n    import pytest.raises") == {"pytest"}
    assert undeclared("from . import pytest") == set()
    assert undeclared("import os, numpy\nfrom sklearn import svm\nfrom fullturn import x") == set()
