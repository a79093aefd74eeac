"""Write a new project: from a person's CSV, or from an example that comes with fullturn."""

from __future__ import annotations

import filecmp
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from fullturn.errors import DataError, UsageError
from fullturn.settings import FILE

EXAMPLES = Path(__file__).parents[1] / "examples"
HELD_BACK = ("tools", "incidents")
"""Chapters of the handbook that the first dataset version of the example does not hold."""

RACED_ROWS = 300
"""Validation rows of a project whose test rows are apart."""

_WORKFLOW = """\
# The same commands as on a laptop, one a step. A gate that does not pass ends the job.
name: fullturn
on: [push, pull_request]
jobs:
  turn:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: pip install fullturn
      - run: fullturn data commit
      - run: fullturn train --search {candidates}
      - run: fullturn gate best
"""


def init(folder: Path, table: Path, text: str, label: str, test: Path | None = None) -> Path:
    """A project for a classifier of texts, from a CSV file; returns its folder.

    Raises:
        UsageError: the folder holds a project already, or is a file; both columns are one; or
            a file would replace another.
        DataError: the file is missing, has no rows or lacks a column.
    """
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
    _write(folder, "\n".join(lines), 3)
    if not _under_git(folder):
        _into_git(folder)
    return folder


def assistant(folder: Path) -> Path:
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
    _write(folder, (source / FILE).read_text(encoding="utf-8"), 3)
    _into_git(folder)
    return folder


def _held_back(chapter: str) -> bool:
    return chapter in HELD_BACK


def _write(folder: Path, toml: str, candidates: int) -> None:
    """The settings, and what of a project's other files is not there yet."""
    workflow = folder / ".github" / "workflows" / "fullturn.yml"
    workflow.parent.mkdir(parents=True, exist_ok=True)
    if not workflow.exists():
        workflow.write_text(_WORKFLOW.format(candidates=candidates), encoding="utf-8")
    ignored = folder / ".gitignore"
    lines = ignored.read_bytes().splitlines() if ignored.exists() else []
    added = [line for line in (b".fullturn/", b"__pycache__/") if line not in lines]
    ignored.write_bytes(b"\n".join((*lines, *added, b"")))
    (folder / FILE).write_text(toml, encoding="utf-8")


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


def _into_git(folder: Path) -> None:
    """Put a new project under Git, so that runs can name a commit; skipped without git."""
    who = ["-c", "user.name=fullturn", "-c", "user.email=fullturn@localhost"]
    for words in (["init", "--quiet"], ["add", "--all"], [*who, "commit", "-qm", "New project"]):
        try:
            subprocess.run(["git", "-C", str(folder), *words], capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return
