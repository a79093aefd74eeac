"""Modules of the package: each name is defined once."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "src").rglob("*.py"))


def defined(source: str) -> Iterator[str]:
    """Names that the statements of a module define; decorated functions may share one."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if not node.decorator_list or isinstance(node, ast.ClassDef):
                yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                yield from (one.id for one in ast.walk(target) if isinstance(one, ast.Name))


def twice(source: str) -> list[str]:
    counts = Counter(defined(source))
    return [name for name, count in counts.items() if count > 1 and name != "_"]


@pytest.mark.parametrize("module", MODULES, ids=[str(one.relative_to(ROOT)) for one in MODULES])
def test_no_module_defines_a_name_twice(module: Path) -> None:
    assert twice(module.read_text(encoding="utf-8")) == []


def test_a_constant_that_a_later_one_replaces_is_found() -> None:
    assert twice("WIDE, HIGH = 1, 2\nWIDE, GAP = 3, 4\n") == ["WIDE"]
