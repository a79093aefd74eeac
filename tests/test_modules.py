"""Modules of the package: each name is defined once, and imports have one direction."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
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


def circle(imports: Mapping[str, set[str]]) -> list[str]:
    """Modules of which each is imported by the next, the first again at the end; or none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Also not in a function, or for types only."""
    graph = grimp.build_graph("fullturn", cache_dir=None)
    found = {one: graph.find_modules_directly_imported_by(one) for one in graph.modules}
    assert len(found) > 200 and circle(found) == []


def test_a_circle_of_an_import_in_a_function_and_one_for_types_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ring").mkdir()
    for name, source in {
        "__init__": "",
        "one": "def late():\n    from ring import two\n",
        "two": "import typing\nif typing.TYPE_CHECKING:\n    from ring.one import late\n",
    }.items():
        (tmp_path / "ring" / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    graph = grimp.build_graph("ring", cache_dir=None)
    found = {one: graph.find_modules_directly_imported_by(one) for one in graph.modules}
    assert set(circle(found)) == {"ring.one", "ring.two"}
