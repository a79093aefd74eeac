"""Write a new project: from a CSV file, or from an example that comes with fullturn."""

from __future__ import annotations

import filecmp
import json
import re
import runpy
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from fullturn.core import settings
from fullturn.core.errors import DataError, UsageError
from fullturn.core.settings import FILE, DataSettings
from fullturn.core.showing import Block, Result, line, styled, then, view
from fullturn.core.state import unusable
from fullturn.core.wording import listed, nearest
from fullturn.evidence import signing
from fullturn.pipeline import lock, workflows
from fullturn.pipeline.installation import WHEELS, Requirement, requirement
from fullturn.tracking.provenance import files_of, is_test
from fullturn.verbs.parts.init_prompt import FOLDER, plan_prompt, read_cases
from fullturn.verbs.parts.init_table import Inferred, Roles, Setting, Task, plan

EXAMPLES = Path(__file__).parents[1] / "demo" / "examples"
HELD_BACK = ("tools", "incidents")
"""Chapters of the handbook that the first dataset version of the example lacks."""
RACED_ROWS = 300
"""Validation rows of a project with a separate test file."""


Rows = Sequence[Mapping[str, Any]]


def init(  # noqa: PLR0913  the options of the command
    folder: str | Path,
    *,
    csv: str | Path | None = None,
    test: str | Path | None = None,
    text: str | None = None,
    label: str | None = None,
    id: str | None = None,  # noqa: A002  the option's name
    group: str | None = None,
    time: str | None = None,
    task: Task | None = None,
    prompt: str | Path | Sequence[str | Path] = (),
    cases: str | Path | None = None,
    schema: str | Path | None = None,
    example: str | None = None,
    encoding: str | None = None,
    on_bad_row: Literal["refuse", "drop"] = "refuse",
    decimal: Literal[".", ","] | None = None,
    thousands: Literal[",", " ", "'"] | None = None,
    day_first: bool | None = None,
    unit: str | None = None,
) -> Started:
    """Create a project in a folder: for a table and its label, for one text, for a prompt and its
    cases, or from an example.

    `csv` is a CSV or Parquet file, or one of the other kinds that a dataset version takes, and
    `test` a separate one with test rows. They are checked as `data commit` will check them. With a
    `label`, every other column is an input: what each is, and whether the `task` is classification
    or regression, is inferred from the cells, shown with the reasons, and written into
    fullturn.toml. `id` names each row, `group` says which rows belong together, `time` orders them:
    then the latest rows are the test rows. With a `text` as well, the built-in text classifier
    reads that column alone. `encoding` is that of the files, if it is not UTF-8; `on_bad_row =
    "drop"` leaves out rows that break the contract. `decimal` and `thousands` are the separators
    in numbers, and `day_first` says what comes first in dates such as 1/5/2024; each is inferred
    where a cell of the table says it. `unit` is that of a label of numbers, such as `USD`.

    A `prompt` is a file with messages and `{{placeholders}}` (YAML, JSON, Markdown or text; several
    race), and `cases` one with what fills them and what is expected: JSON lines, a table,
    promptfoo's tests or MLflow's evaluation records. With a `schema`, a file with a JSON schema,
    the answer is JSON.

    An `example` is `assistant` or `wine`, and has its own data. The project includes workflows that
    run `fullturn ci` and `fullturn cd`. Existing files are never overwritten.

    Raises:
        UsageError: an option is missing or not allowed; the folder already has a project, or is a
            file; a column has two roles; or a file would overwrite another.
        DataError: the file is missing, has no rows, lacks a column, has nothing to learn, or has
            rows that a commit would refuse; names every kind of problem.
    """
    roles = {"id": id, "group": group, "time": time, "task": task}
    given = {"csv": csv, "test": test, "text": text, "label": label, **roles}
    prompts = [prompt] if isinstance(prompt, str | Path) else list(prompt)
    of_prompt = {"prompt": prompts or None, "cases": cases, "schema": schema}
    named = [f"--{name}" for name, value in {**given, **of_prompt}.items() if value is not None]
    if example is not None:
        if named:
            raise UsageError(f"--example has its own data; omit {', '.join(named)}")
        return from_example(example, Path(folder))
    if prompts or cases is not None or schema is not None:
        others = [one for one in named if one not in ("--prompt", "--cases", "--schema")]
        if others:
            raise UsageError(f"--prompt has cases and no table; omit {', '.join(others)}")
        if not prompts or cases is None:
            raise UsageError(f"{'--cases' if prompts else '--prompt'} missing: a prompt needs both")
        of_prompts = [Path(one) for one in prompts]
        return from_prompt(Path(folder), of_prompts, Path(cases), Path(schema) if schema else None)
    if csv is None or label is None:
        missing = [f"--{n}" for n in ("csv", "label") if given[n] is None]
        raise UsageError(f"{', '.join(missing)} missing; or use --example")
    test_file = Path(test) if test else None
    reading: dict[str, Any] = {"on_bad_row": on_bad_row} if on_bad_row != "refuse" else {}
    options = {"encoding": encoding, "decimal": decimal, "thousands": thousands, "unit": unit}
    reading |= {name: value for name, value in options.items() if value}
    reading |= {} if day_first is None else {"day_first": day_first}
    if text is None:
        named_roles = Roles(label, id, group, time, task)
        return from_table(Path(folder), Path(csv), named_roles, test_file, reading)
    if unused := [f"--{name}" for name, value in roles.items() if value is not None]:
        raise UsageError(
            f"{', '.join(unused)} with --text: the text classifier reads one column; omit --text "
            "for a model of all columns"
        )
    return from_csv(Path(folder), Path(csv), text, label, test_file, reading)


def from_table(
    folder: Path,
    table: Path,
    roles: Roles,
    test: Path | None = None,
    reading: Mapping[str, Any] | None = None,
) -> Started:
    """A project for a table and its label; see `init`."""
    given = [file for file in (table, test) if file]
    reading = dict(reading or {})
    rows, numerals = _table_rows(given, reading)
    if test:
        _check_columns(test, rows[1], (roles.label, *roles.named.values()))
    refuse_project(folder)
    refuse_overwriting(folder, given)
    names = {"files": [table.name], **({"test": [test.name]} if test else {}), **reading}
    toml, inferred = plan(project_name(folder), names, rows[0], roles)
    inferred = replace(inferred, decisions=(*numerals, *inferred.decisions))
    notes = examined(toml, rows[0], rows[1] if test else ())
    for file in given:
        copy_in(folder, file)
    started = write_project(folder, toml, own_git=not under_git(folder))
    return replace(started, inferred=inferred, notes=notes)


def from_prompt(
    folder: Path, prompts: Sequence[Path], cases: Path, schema: Path | None = None
) -> Started:
    """A project for a prompt and its cases; see `init`."""
    from fullturn.llm import prompt_files
    from fullturn.subjects.scorers.structures import check_schema

    if schema:
        try:
            described = json.loads(prompt_files.text_of(schema, "a JSON schema"))
        except ValueError as error:
            raise UsageError(f"{schema} is not JSON: {error}") from None
        check_schema(described, str(schema))
    refuse_project(folder)
    target = folder / FOLDER
    refuse_overwriting(target, [*prompts, *([schema] if schema else [])])
    found = {f"{FOLDER}/{file.name}": prompt_files.read(file) for file in prompts}
    named = prompt_files.content(prompts[0])
    placeholders = {one for prompt in found.values() for one in prompt.placeholders}
    read = read_cases(cases, sorted(placeholders))
    file = f"{FOLDER}/{schema.name}" if schema else None
    made = plan_prompt(
        project_name(folder), found, named if isinstance(named, Mapping) else {}, read, file
    )
    notes = examined(made.toml, made.rows)
    taken = [name for name in made.files if (folder / name).exists()]
    if taken:
        raise UsageError(f"{folder / taken[0]} exists already; choose another folder")
    for one in (*prompts, *([schema] if schema else [])):
        copy_in(target, one)
    for name, text in made.files.items():
        (folder / name).write_text(text, encoding="utf-8")
    started = write_project(folder, made.toml, own_git=not under_git(folder))
    return replace(started, inferred=made.inferred, notes=(*made.notes, *notes))


def from_csv(
    folder: Path,
    table: Path,
    text: str,
    label: str,
    test: Path | None = None,
    reading: Mapping[str, Any] | None = None,
) -> Started:
    """A project for the text classifier, from a CSV file; see `init`."""
    if text == label:
        raise UsageError(f"--text and --label both name '{text}'; name two columns")
    given = [file for file in (table, test) if file]
    rows = _rows_of(given, (text, label), reading or {})
    refuse_project(folder)
    refuse_overwriting(folder, given)
    validation = _validation_share(len(rows[0])) if test else 0.1
    name = project_name(folder)
    files = {"files": [table.name], "test": [test.name] if test else []}
    ignored, notes = _left_out(rows[0], (text, label))
    lines = [
        f"name = {json.dumps(name)}",
        'app = "classifier"',
        "",
        "[data]",
        *(f"{key} = {json.dumps(value)}" for key, value in files.items()),
        f"text = {json.dumps(text)}",
        f"label = {json.dumps(label)}",
        *([f"ignore = {json.dumps(ignored)}"] if ignored else []),
        *(f"{key} = {json.dumps(value)}" for key, value in (reading or {}).items()),
        f"train_share = {1 - validation if test else 0.7:.2f}",
        f"validation_share = {validation:.2f}",
        *_label_kind([*rows[0], *rows[-1]], label),
        "",
        "[experiment]",
        "candidates = 3",
        "",
        "[gates]",
        "behaviour_rows = 600",
        "latency_p95_ms = 100.0",
        "",
    ]
    toml = "\n".join(lines)
    notes = (*notes, *examined(toml, rows[0], rows[1] if test else ()))
    for file in given:
        copy_in(folder, file)
    started = write_project(folder, toml, own_git=not under_git(folder))
    return replace(started, notes=notes)


def examined(toml: str, rows: Rows, test: Rows = ()) -> tuple[str, ...]:
    """What the first commit of these rows will say, in a project with these settings.

    Raises:
        DataError: it will refuse them; names every kind of problem.
    """
    from fullturn.data.contract import DROPPING, BadRows
    from fullturn.data.rows import split_column
    from fullturn.subjects.catalog import find
    from fullturn.verbs.data import examine

    found = settings.parse(tomllib.loads(toml), FILE)
    contract = find(found.app, found).contract
    split = split_column(contract)
    given = [*rows, *({split: "test", **row} for row in test)]
    try:
        return examine(given, contract, found.data, found.gates.slice_rows)
    except BadRows as error:
        hint = " (`fullturn init --on-bad-row drop`)" if str(error).endswith(DROPPING) else ""
        raise DataError(f"{error}{hint}") from None


def _rows_of(
    files: Sequence[Path], columns: Sequence[str], reading: Mapping[str, Any]
) -> list[Rows]:
    """The rows of each file, which has these columns."""
    from fullturn.data import readers

    data = _data_settings(reading)
    found = [readers.read([file], settings=data) for file in files]
    for file, rows in zip(files, found, strict=True):
        _check_columns(file, rows, columns)
    return [*found]


def _data_settings(reading: Mapping[str, Any]) -> DataSettings:
    return settings.parse({"name": "new", "data": dict(reading)}, "the options").data


def _table_rows(
    files: Sequence[Path], reading: dict[str, Any]
) -> tuple[list[Rows], tuple[Setting, ...]]:
    """The rows of each file, and what their numbers show of the separators in them, which is added
    to `reading`."""
    from fullturn.data import numerals, readers
    from fullturn.data.inference import columns_of

    rows = _rows_of(files, (), reading)
    data = _data_settings(reading)
    separator = readers.separator(files[0], data)
    if separator is None or not reading.keys().isdisjoint({"decimal", "thousands"}):
        return rows, ()
    cells = {name: [row.get(name) for row in rows[0]] for name in columns_of(rows[0])}
    found = numerals.infer(cells, separator)
    if found.is_usual:
        return rows, ()
    name = "thousands" if found.decimal == "." else "decimal"
    reading[name] = found.thousands or found.decimal
    return _rows_of(files, (), reading), (Setting(f"[data] {name}", reading[name], found.why),)


def _left_out(rows: Rows, named: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Columns that would be taken for the group or the split, and a sentence on each."""
    from fullturn.data.inference import misnamed

    why = {
        "group": "is left out: for a group that is never split, name it as [data] group",
        "split": "is left out: its cells are not names of splits",
    }
    names = misnamed(rows, named)
    return list(names), tuple(f"column '{name}' {why[name.casefold()]}" for name in names)


def _label_kind(rows: Rows, label: str) -> list[str]:
    """The setting for truth values that are spelled in several ways."""
    from fullturn.data.inference import are_truths

    spellings = {row[label] for row in rows if row.get(label) not in (None, "")}
    if len(spellings) <= 2 or not are_truths(spellings):
        return []
    return ["", "[data.columns]", f'{json.dumps(label, ensure_ascii=False)} = "boolean"']


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
    """An app in a module of the project, which classifies three cultivars of wine."""
    source = EXAMPLES / "wine"
    refuse_project(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for file in source.glob("*.py"):
        shutil.copy(file, folder / file.name)
    runpy.run_path(str(source / "wine_data.py"))["write_csv"](folder / "wine.csv")
    return write_project(folder, (source / FILE).read_text(encoding="utf-8"))


def assistant(folder: Path) -> Started:
    """The assistant that answers questions about MLOps, without two chapters of its handbook."""
    source = EXAMPLES / "assistant"
    refuse_project(folder)
    for part in (folder, folder / "later"):
        (part / "handbook").mkdir(parents=True, exist_ok=True)
    for chapter in sorted((source / "handbook").glob("*.md")):
        part = folder / "later" if _held_back(chapter.stem.partition("-")[2]) else folder
        shutil.copy(chapter, part / "handbook" / chapter.name)
    now: list[str] = []
    later: list[str] = []
    for row in (source / "questions.jsonl").read_text(encoding="utf-8").splitlines():
        (later if _held_back(json.loads(row)["group"].partition("/")[0]) else now).append(row)
    (folder / "questions.jsonl").write_text("\n".join(now) + "\n", encoding="utf-8")
    (folder / "later" / "questions.jsonl").write_text("\n".join(later) + "\n", encoding="utf-8")
    return write_project(folder, (source / FILE).read_text(encoding="utf-8"))


def project_name(folder: Path) -> str:
    """A name for the project in a folder, as near to the folder's as possible."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", folder.resolve().name).strip("-._") or "project"


def _held_back(chapter: str) -> bool:
    return chapter in HELD_BACK


def refuse_project(folder: Path) -> None:
    """Refuse a folder that is a file, cannot be used or has a project.

    Raises:
        UsageError: it is one of them.
    """
    if folder.is_file():
        raise UsageError(f"{folder} is a file; name a folder")
    if reason := unusable(folder.resolve()):
        raise UsageError(reason)
    if (folder / FILE).exists():
        raise UsageError(f"{folder} already contains a project; choose another folder")


def refuse_overwriting(folder: Path, files: Sequence[Path]) -> None:
    """Refuse a file that would overwrite another one in the project."""
    taken = {path.name: path for path in folder.iterdir()} if folder.exists() else {}
    for file in files:
        other = taken.setdefault(file.name, file)
        if not other.is_file() or not filecmp.cmp(file, other, shallow=False):
            raise UsageError(f"{file} would overwrite {other}; rename one of them")


def copy_in(folder: Path, file: Path) -> str:
    """The file's name in the project; a file from elsewhere is copied into it."""
    target = folder / file.name
    if file.resolve() != target.resolve():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    return file.name


def _validation_share(rows: int) -> float:
    """A few hundred rows decide a race; more rows are better used for training."""
    return min(0.2, max(0.03, RACED_ROWS / max(1, rows)))


def _check_columns(file: Path, rows: Rows, columns: Sequence[str]) -> None:
    """Refuse a file that lacks a column."""
    from fullturn.data.inference import columns_of

    header = columns_of(rows)
    for column in (column for column in columns if column not in header):
        hint = nearest(column, header) or f"; it has {listed(header)}"
        raise DataError(f"{file} has no column '{column}'{hint}")


def under_git(folder: Path) -> bool:
    """Whether the folder is already in a Git repository, whose owner commits it."""
    return any((above / ".git").exists() for above in (folder.resolve(), *folder.resolve().parents))


_EXAMPLES: dict[str, Callable[[Path], Started]] = {"assistant": assistant, "wine": wine}


_IGNORED = (b".fullturn/", b"ci-report/", b"__pycache__/")


@dataclass(frozen=True, slots=True)
class Started(Result):
    """A new project."""

    folder: Path
    existing: tuple[str, ...] = ()
    """Files that existed already and were not changed."""
    to_do: tuple[str, ...] = ()
    """What the user still has to do, one sentence each."""
    inferred: Inferred | None = None
    """What was inferred about a table."""
    notes: tuple[str, ...] = ()
    """What a person should know of the rows, one sentence each; a commit says the same."""


def write_project(folder: Path, toml: str, *, own_git: bool = True) -> Started:
    """Write the settings, workflows, requirements and .gitignore that do not exist yet.

    With `own_git`, the folder becomes a Git repository.
    """
    (folder / settings.FILE).write_text(toml, encoding="utf-8")
    read = settings.read(folder)
    needs = requirement(read.app, signing.will_sign(read.signing))
    existing = tuple(
        path for path in (*workflows.render(read), lock.LOCKED) if (folder / path).exists()
    )
    unlocked = "" if lock.LOCKED in existing else _write_requirements(folder, needs)
    files = workflows.render(read, locked=lock.is_locked(folder))
    workflows.write(folder, {path: text for path, text in files.items() if path not in existing})
    _add_ignored(folder / ".gitignore")
    if own_git:
        _start_repository(folder)
    to_do = (_requirement(folder, needs.line), unlocked, _workflow_place(folder))
    return Started(folder, existing, tuple(filter(None, to_do)))


def _write_requirements(folder: Path, needs: Requirement) -> str:
    """The packages of a runner, locked with hashes if that is possible; else how to do it later."""
    if needs.wheel is not None:
        (folder / WHEELS).mkdir(exist_ok=True)
        shutil.copy(needs.wheel, folder / WHEELS)
    has_tests = any(is_test(name) for name in files_of(folder))
    source, why = folder / lock.SOURCE, ""
    if lock.can_be_locked(needs.line) and not needs.note and not source.exists():
        text = workflows.requirements(needs, has_tests=has_tests, locked=True)
        source.write_text(text, encoding="utf-8")
        why = lock.lock(folder)
        if not why:
            return ""
        source.unlink()
    text = workflows.requirements(needs, has_tests=has_tests)
    (folder / lock.LOCKED).write_text(text, encoding="utf-8")
    return (
        f"{lock.LOCKED} has no hashes ({why}): its first lines say how to add them" if why else ""
    )


def _start_repository(folder: Path) -> None:
    """Commit the new project to Git, so that runs can reference a commit; skipped without git."""
    who = ["-c", "user.name=fullturn", "-c", "user.email=fullturn@localhost"]
    for words in (
        ["init", "--quiet", "--initial-branch", workflows.DEFAULT_BRANCHES[0]],
        ["add", "--all"],
        [*who, "commit", "-qm", "New project"],
    ):
        try:
            subprocess.run(["git", "-C", str(folder), *words], capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return


def _add_ignored(file: Path) -> None:
    lines = file.read_bytes().splitlines() if file.exists() else []
    added = [name for name in _IGNORED if name not in lines]
    file.write_bytes(b"\n".join((*lines, *added, b"")))


def _requirement(folder: Path, needed: str) -> str:
    """Existing requirements are not changed, but must name fullturn for a CI runner."""
    theirs = (folder / lock.LOCKED).read_text(encoding="utf-8", errors="replace")
    if re.search(rf"^\s*(\./{WHEELS}/)?fullturn\b", theirs, re.MULTILINE):
        return ""
    return f"add `{needed}` to {lock.LOCKED}: a CI runner installs nothing else"


def _workflow_place(folder: Path) -> str:
    """CI platforms find workflows only in the root folder of a repository."""
    top = next((above for above in folder.resolve().parents if (above / ".git").exists()), None)
    if top is None or (folder / ".git").exists():
        return ""
    where = folder.resolve().relative_to(top)
    return (
        f"the repository's root is {top}: move .github and .gitlab-ci.yml there, and run their "
        f"steps in {where} (working-directory on GitHub, cd on GitLab)"
    )


@view.register
def _(result: Started) -> Iterator[Block]:
    inside = styled(result.folder, "bold")
    yield line("created project ", inside, ": fullturn.toml, data, CI workflows")
    if result.inferred:
        yield from view(result.inferred)
    if result.existing:
        yield line(f"existing files left unchanged: {', '.join(result.existing)}")
    for sentence in (*result.notes, *result.to_do):
        yield line(styled(sentence, "open"))
    yield then(f"cd {shlex.quote(str(result.folder))} && fullturn turn")
