"""Write a new project: from a person's CSV, or from an example that comes with fullturn."""

from __future__ import annotations

import filecmp
import json
import re
import runpy
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from fullturn.core.errors import DataError, UsageError
from fullturn.core.settings import FILE
from fullturn.core.wording import nearest
from fullturn.verbs import project_template
from fullturn.verbs.project_template import Started

EXAMPLES = Path(__file__).parents[1] / "demo" / "examples"
HELD_BACK = ("tools", "incidents")
"""Chapters of the handbook that the first dataset version of the example does not hold."""

RACED_ROWS = 300
"""Validation rows of a project whose test rows are apart."""


def init(
    folder: str | Path,
    *,
    csv: str | Path | None = None,
    test: str | Path | None = None,
    text: str | None = None,
    label: str | None = None,
    example: str | None = None,
) -> Started:
    """Write a project into a folder, for the built-in text classifier or from an example.

    A classifier needs `csv`, `text` and `label`; `test` is a separate file of test rows. An
    `example` is `assistant` or `wine`, and brings its own data. The project comes with workflows
    that run `fullturn ci` and `fullturn cd`; files of yours are never replaced.

    Raises:
        UsageError: an option is missing or too many; the folder has a project already, or is a
            file; both columns are one; or a file would replace another.
        DataError: the file is missing, has no rows or lacks a column.
    """
    given = {"csv": csv, "test": test, "text": text, "label": label}
    named = [f"--{name}" for name, value in given.items() if value is not None]
    if example is not None:
        if named:
            raise UsageError(f"--example has its own data; omit {', '.join(named)}")
        return from_example(example, Path(folder))
    if csv is None or text is None or label is None:
        missing = [f"--{n}" for n in ("csv", "text", "label") if given[n] is None]
        raise UsageError(f"{', '.join(missing)} missing; or use --example")
    return from_csv(Path(folder), Path(csv), text, label, Path(test) if test else None)


def from_csv(folder: Path, table: Path, text: str, label: str, test: Path | None = None) -> Started:
    """A project for a classifier of texts, from a CSV file; see `init`."""
    if text == label:
        raise UsageError(f"--text and --label both name '{text}'; name two columns")
    given = [file for file in (table, test) if file]
    rows = [_check_columns(file, text, label) for file in given]
    _refuse_project(folder)
    _refuse_replacing(folder, given)
    validation = _validation_share(rows[0]) if test else 0.1
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", folder.resolve().name).strip("-.") or "project"
    files = {"files": [_copy_in(folder, table)], "test": [_copy_in(folder, test)] if test else []}
    lines = [
        f"name = {json.dumps(name)}",
        'app = "classifier"',
        "",
        "[data]",
        *(f"{key} = {json.dumps(value)}" for key, value in files.items()),
        f"text = {json.dumps(text)}",
        f"label = {json.dumps(label)}",
        f"train_share = {1 - validation if test else 0.7:.2f}",
        f"validation_share = {validation:.2f}",
        "",
        "[experiment]",
        "candidates = 3",
        "",
        "[gates]",
        "behaviour_rows = 600",
        "latency_p95_ms = 100.0",
        "",
    ]
    return project_template.write(folder, "\n".join(lines), own_git=not _under_git(folder))


def from_example(name: str, folder: Path) -> Started:
    """A project that comes with fullturn: `assistant` or `wine`.

    Raises:
        UsageError: there is no such example, or the folder is a file or is not empty.
    """
    if name not in _EXAMPLES:
        known = ", ".join(_EXAMPLES)
        raise UsageError(f"there is no example '{name}'{nearest(name, list(_EXAMPLES))} ({known})")
    if folder.is_dir() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty; an example needs a folder of its own")
    return _EXAMPLES[name](folder)


def wine(folder: Path) -> Started:
    """An app of one's own, in a module of the project, that tells three cultivars of wine apart."""
    source = EXAMPLES / "wine"
    _refuse_project(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for file in source.glob("*.py"):
        shutil.copy(file, folder / file.name)
    runpy.run_path(str(source / "wine_data.py"))["write_csv"](folder / "wine.csv")
    return project_template.write(folder, (source / FILE).read_text(encoding="utf-8"))


def assistant(folder: Path) -> Started:
    """The assistant that answers questions about MLOps, without two chapters of its handbook."""
    source = EXAMPLES / "assistant"
    _refuse_project(folder)
    for part in (folder, folder / "later"):
        (part / "handbook").mkdir(parents=True, exist_ok=True)
    for chapter in sorted((source / "handbook").glob("*.md")):
        part = folder / "later" if _held_back(chapter.stem.partition("-")[2]) else folder
        shutil.copy(chapter, part / "handbook" / chapter.name)
    now: list[str] = []
    later: list[str] = []
    for line in (source / "questions.jsonl").read_text(encoding="utf-8").splitlines():
        (later if _held_back(json.loads(line)["group"].partition("/")[0]) else now).append(line)
    (folder / "questions.jsonl").write_text("\n".join(now) + "\n", encoding="utf-8")
    (folder / "later" / "questions.jsonl").write_text("\n".join(later) + "\n", encoding="utf-8")
    return project_template.write(folder, (source / FILE).read_text(encoding="utf-8"))


def _held_back(chapter: str) -> bool:
    return chapter in HELD_BACK


def _refuse_project(folder: Path) -> None:
    if folder.is_file():
        raise UsageError(f"{folder} is a file; name a folder")
    if (folder / FILE).exists():
        raise UsageError(f"{folder} holds a project already; choose another folder")


def _refuse_replacing(folder: Path, files: Sequence[Path]) -> None:
    """Refuse a file whose place in the project is taken by another."""
    taken = {path.name: path for path in folder.iterdir()} if folder.exists() else {}
    for file in files:
        other = taken.setdefault(file.name, file)
        if not other.is_file() or not filecmp.cmp(file, other, shallow=False):
            raise UsageError(f"{file} would replace {other}; rename one of them")


def _copy_in(folder: Path, file: Path) -> str:
    """The file's name in the project; a file from elsewhere is copied, so the project is whole."""
    target = folder / file.name
    if file.resolve() != target.resolve():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    return file.name


def _validation_share(rows: int) -> float:
    """Some hundred rows decide a race; beyond them, rows do more good in training."""
    return min(0.2, max(0.03, RACED_ROWS / max(1, rows)))


def _check_columns(file: Path, *columns: str) -> int:
    """Refuse a file that cannot be read or lacks a column; returns the number of its rows."""
    from fullturn.data import readers
    from fullturn.data.rows import SOURCE

    rows = readers.read([file])
    header = [name for name in rows[0] if name != SOURCE]
    for column in columns:
        if column not in header:
            raise DataError(f"{file} has no column '{column}'; it has {', '.join(header)}")
    return len(rows)


def _under_git(folder: Path) -> bool:
    """Whether somebody keeps this folder under Git already: then it is theirs to commit."""
    return any((above / ".git").exists() for above in (folder.resolve(), *folder.resolve().parents))


_EXAMPLES: dict[str, Callable[[Path], Started]] = {"assistant": assistant, "wine": wine}
