"""Versions of the dataset: commit them, list them, compare two, describe one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fullturn.core.addresses import beside
from fullturn.core.collector import collector_paused
from fullturn.core.entities import Contract, DatasetVersion
from fullturn.core.errors import DataError, UsageError
from fullturn.core.settings import DataSettings
from fullturn.core.showing import Block, Table, grid, line, styled, then, view
from fullturn.core.wording import SHOWN
from fullturn.data.records import Difference, Summary
from fullturn.verbs.workspace import Workspace, feedback_file, load, newest

if TYPE_CHECKING:
    from fullturn.data.contract import BadRows

FINDINGS = {
    "duplicates": "exact copies dropped",
    "repeated": "copies across splits dropped; the test row stays",
    "near_duplicates": "pairs of near-equal texts are in two splits",
    "dropped": "rows that break the contract were dropped (on_bad_row in [data])",
}
BAD_ROWS = "bad_rows.txt"
"""The rows that the last commit refused, one a line; in the project's state."""
LABELS = 40
"""Maximum number of labels of a column that are shown."""
COMMITTED = "committed.json"
"""Fingerprint of the files of the newest version; in the project's state."""
Files = str | Path | Sequence[str | Path]


@dataclass(frozen=True, slots=True)
class Committed(DatasetVersion):
    """The newest dataset version, after a commit."""

    new: bool = True
    """Whether the commit created it; unchanged content creates no new version."""


class Chosen(NamedTuple):
    """The files of a version: its rows, test-only rows, and rows from feedback."""

    rows: Sequence[Path]
    test: Sequence[Path] = ()
    feedback: Sequence[Path] = ()


class Versions(Table[DatasetVersion]):
    """Dataset versions, oldest first."""


def commit(
    project: Workspace,
    files: Files = (),
    message: str = "",
    confirm_fewer_rows: bool = False,
) -> Committed:
    """Commit files as the next dataset version; by default those listed in fullturn.toml.

    Files are .csv, .tsv, .jsonl, .parquet or handbook .md files, or folders of such files. They are
    the complete content of the version. Those of fullturn.toml come with the rows from feedback.
    A version with at least a fifth fewer rows than the one before needs `confirm_fewer_rows`.

    Raises:
        UsageError: no file is named, here or in fullturn.toml.
        DataError: a file cannot be read or breaks the contract.
        Refused: there are far fewer rows than before: a copy may be cut short.
        Conflict: another process committed first.
    """
    from fullturn.data.readers import fingerprint, is_unchanged, remember

    chosen, before = _chosen(project, _paths(files)), newest(project)
    inputs = fingerprint(chosen, project.subject.contract, project.settings.data)
    note = project.state / COMMITTED
    if before is not None and is_unchanged(note, inputs, before):
        return _committed(before, new=False)
    version = _commit(project, chosen, message, confirm_fewer_rows)
    if fingerprint(chosen, project.subject.contract, project.settings.data) == inputs:
        remember(note, inputs, version)
    return _committed(version, new=before is None or version.version != before.version)


def log(project: Workspace) -> Versions:
    """Dataset versions, oldest first.

    Raises:
        NotFound: nothing was committed yet.
    """
    from fullturn.data import versions

    return Versions(versions.log(project.table))


def diff(project: Workspace, a: int, b: int) -> Difference:
    """What changed from version `a` to `b`.

    Raises:
        NotFound: one of them does not exist.
        IntegrityError: the rows of one of them do not match their digest.
    """
    from fullturn.data import difference

    return difference.diff(project.table, project.subject.contract, a, b)


def show(project: Workspace, version: int) -> Summary:
    """Rows, splits and labels of a version, verified by its digest.

    Raises:
        NotFound: it does not exist.
        IntegrityError: its rows do not match their digest.
    """
    from fullturn.data.records import summary

    return summary(load(project, version))


@collector_paused()
def _commit(
    project: Workspace, chosen: Chosen, message: str, confirm_fewer_rows: bool
) -> DatasetVersion:
    from fullturn.data import readers, versions
    from fullturn.data.contract import BadRows

    settings, contract = project.settings.data, project.subject.contract
    rows = read(chosen.rows, chosen.test, contract, settings)
    if chosen.feedback:
        rows += _new_feedback(project, readers.read(chosen.feedback), rows)
    request = versions.CommitRequest(
        message, project.owner, confirm_fewer_rows, project.settings.gates.slice_rows
    )
    try:
        return versions.commit(
            project.table, project.settings.name, rows, contract, settings, request
        )
    except BadRows as error:
        raise _listed(error, project.state / BAD_ROWS) from None


def read(
    files: Sequence[Path], test: Sequence[Path], contract: Contract, settings: DataSettings
) -> list[dict[str, Any]]:
    """The rows of files, and of separate test files.

    Raises:
        DataError: one of them cannot be read.
    """
    from fullturn.data import readers
    from fullturn.data.rows import split_column

    rows = readers.read(files, settings=settings) if files else []
    if test:
        rows += readers.read(test, {split_column(contract): "test"}, settings)
    return rows


def examine(
    rows: Sequence[Mapping[str, Any]],
    contract: Contract,
    settings: DataSettings,
    slice_rows: int = 20,
) -> tuple[str, ...]:
    """What a first commit of these rows would say, a sentence each; nothing is written.

    Raises:
        DataError: the commit would refuse them; names every kind of problem.
    """
    from fullturn.data import versions

    found = versions.prepare(rows, contract, settings, slice_rows)
    counts = found.findings
    counted = [f"{counts[name]:,} {what}" for name, what in FINDINGS.items() if counts.get(name)]
    return (*counted, *found.notes)


def _listed(error: BadRows, file: Path) -> DataError:
    """The error, with the file where all bad rows are written down."""
    if len(error.rows) <= SHOWN:
        return error
    file.write_text("".join(f"{row}\n" for row in error.rows), encoding="utf-8")
    return DataError(f"{error}\nAll {len(error.rows)} of them are listed in {file}.")


def _committed(version: DatasetVersion, *, new: bool) -> Committed:
    known = {field.name: getattr(version, field.name) for field in fields(version)}
    return Committed(**known, new=new)


def _chosen(project: Workspace, files: Sequence[Path]) -> Chosen:
    root, data, feedback = project.root, project.settings.data, feedback_file(project)
    named = _expand(files or [beside(root, name) for name in data.files])
    if not named:
        raise UsageError("no file to commit; name one, or set [data] files in fullturn.toml")
    if files:
        return Chosen(named)
    test = _expand([beside(root, name) for name in data.test])
    return Chosen(named, test, [feedback] if feedback.exists() else [])


def _new_feedback(
    project: Workspace, feedback: list[dict[str, Any]], rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Rows from feedback without near duplicates of the files, which take precedence."""
    from fullturn.data.similar import drop_near_duplicates

    column = project.subject.contract.text
    if column is None:
        return feedback
    known, new = ([str(row.get(column) or "") for row in part] for part in (rows, feedback))
    return [
        feedback[n] for n in drop_near_duplicates(known, new, project.settings.data.near_duplicate)
    ]


def _paths(files: Files) -> list[Path]:
    return [Path(files)] if isinstance(files, str | Path) else [Path(file) for file in files]


def _expand(paths: Sequence[Path]) -> list[Path]:
    """The files, with each folder replaced by its files, sorted by name."""
    return [
        file
        for path in paths
        for file in (sorted(path.iterdir()) if path.is_dir() else [path])
        if not file.name.startswith(".")
    ]


@view.register
def _(result: Committed) -> Iterator[Block]:
    if not result.new:
        number = styled(f"version {result.version}", "bold")
        yield line("unchanged: still ", number, f" of '{result.name}'; nothing was written")
        yield then("fullturn data log")
        return
    splits = ", ".join(f"{count} {name}" for name, count in result.splits.items())
    yield line(
        styled(f"version {result.version}", "bold"),
        f" of '{result.name}': {result.rows} rows ({splits}), digest {result.digest[:12]}",
    )
    yield line(f"{result.added} added, {result.removed} removed, {result.changed} changed")
    for finding, what in FINDINGS.items():
        if result.findings.get(finding):
            yield line(styled(f"{result.findings[finding]} {what}", "open"))
    for row in result.dropped[:SHOWN]:
        yield line(styled(f"  {row}", "dim"))
    for note in result.notes:
        yield line(styled(note, "open"))
    yield then("fullturn train", "fullturn data log")


@view.register
def _(result: Versions) -> Iterator[Block]:
    yield grid(
        ("version", "committed", ">rows", "difference", "digest", "by", "message"),
        (
            (
                str(v.version), v.created[:19].replace("T", " "), str(v.rows),
                f"+{v.added} -{v.removed} ~{v.changed}", v.digest[:12], v.actor, v.message,
            )
            for v in result
        ),
    )  # fmt: skip
    yield then("fullturn data diff A B", "fullturn data show V")


@view.register
def _(result: Difference) -> Iterator[Block]:
    yield line(
        f"from version {result.before} to {result.after}: ",
        styled(f"{result.added} added", "good"), ", ",
        styled(f"{result.removed} removed", "bad"), ", ",
        styled(f"{result.changed} changed", "open"),
    )  # fmt: skip
    splits = [(f"rows in {name}", str(x), str(y)) for name, (x, y) in result.splits.items()]
    shares = [
        (f"{column} = {label}", f"{before:.1%}", f"{after:.1%}")
        for column, labels in result.labels.items()
        for label, (before, after) in labels.items()
        if before != after
    ]
    columns = ("what", f">version {result.before}", f">version {result.after}")
    yield grid(columns, splits + shares[:LABELS])
    for title, rows in result.examples.items():
        for _, about in rows[:3]:
            yield line(styled(title, "dim"), f" {about[:90]}")


@view.register
def _(result: Summary) -> Iterator[Block]:
    yield grid(("what", "value"), _described(result))


def _described(found: Summary) -> Iterable[tuple[str, str]]:
    yield from (("rows", str(found.rows)), ("groups", str(found.groups)))
    for name, count in found.splits.items():
        yield f"rows in {name}", str(count)
    for name, x in found.lengths.items():
        yield f"characters of {name}", f"{x.shortest} to {x.longest}, median {x.median}"
    for column, labels in found.labels.items():
        for label, count in list(labels.items())[:LABELS]:
            yield f"{column} = {label}", str(count)
