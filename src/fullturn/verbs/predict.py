"""Predict rows with the champion: through the running server, or by loading its files.

A prediction does not wait for MLflow, whose import takes seconds: a trace is in a local journal
before its answer is returned, where `lineage` finds it. This process sends it if it has imported
MLflow, otherwise a background process does; if both fail, the next `fullturn runs` or turn does.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, overload

from fullturn.core.entities import Input, Output
from fullturn.core.errors import AppError, DataError, FullturnError, UsageError
from fullturn.core.parsing import toml_value
from fullturn.core.showing import Block, Result, Table, grid, line, styled, then, view
from fullturn.core.tags import TraceTags
from fullturn.core.values import checked
from fullturn.core.wording import cut, shown
from fullturn.registry import promotion
from fullturn.verbs.parts import running_server
from fullturn.verbs.workspace import Progress, Workspace, silent

if TYPE_CHECKING:
    import pandas as pd

    from fullturn.core.entities import ModelVersion
    from fullturn.core.journal import Journal
    from fullturn.subjects.protocols import Predictor
    from fullturn.verbs.parts.batch import BadRows, Predicted

SHOWN = 60
"""Characters of an input in a table."""


@dataclass(frozen=True, slots=True)
class Answered(Result):
    """One answer of the champion. `latency` in seconds."""

    input: Input
    output: Output
    version: int
    latency: float
    trace: str = ""
    """Id of its trace in MLflow, if no server answered."""
    prediction: str = ""
    """Id in the prediction log, if the running server answered."""


class Answers(Table[Answered]):
    """Answers in the order of the rows."""


@overload
def predict(
    project: Workspace,
    rows: Iterable[Input] | pd.DataFrame,
    *,
    out: None = None,
    version: str | int | None = None,
    bad_rows: BadRows = "refuse",
    progress: Progress = silent,
) -> Answers: ...
@overload
def predict(
    project: Workspace,
    rows: str | Path,
    *,
    out: str | Path | None = None,
    version: str | int | None = None,
    bad_rows: BadRows = "refuse",
    progress: Progress = silent,
) -> Predicted: ...
@overload
def predict(
    project: Workspace,
    rows: tuple[str, ...],
    *,
    out: str | Path | None = None,
    version: str | int | None = None,
    bad_rows: BadRows = "refuse",
    progress: Progress = silent,
) -> Answers | Predicted: ...
def predict(
    project: Workspace,
    rows: Iterable[Input] | pd.DataFrame | str | Path | tuple[str, ...],
    *,
    out: str | Path | None = None,
    version: str | int | None = None,
    bad_rows: BadRows = "refuse",
    progress: Progress = silent,
) -> Answers | Predicted:
    """Predict rows, or a whole file, with the champion or another version.

    Rows: if `fullturn serve` runs on this machine, it answers and logs the predictions, as for any
    client; otherwise the champion is loaded and each answer is traced: locally before it is
    returned, in MLflow a few seconds later. A row maps input columns to values; of a pandas table,
    each row is predicted. Words `("column=value", …)`, as on the command line, are one row.

    A path or an address: CSV, JSON lines, Parquet, a folder of those, or a Delta table is read in
    pieces, and written to `out` with the predictions beside its columns; the default is
    `NAME.predicted` with the same ending. The output appears at the end, whole; after a kill, the
    same call goes on from where it stopped. A run in MLflow has the version, and the digests of
    both files. A row that breaks the contract, or that the model fails on, ends the batch, or with
    `bad_rows="error"` has the reason in a column `error`.

    Raises:
        NotFound: there is no champion, or no such version.
        DataError: a row breaks the contract, or the file cannot be read.
        UsageError: the output exists, or its name says no format; rows are given with what only a
            file takes; or a word is not `column=value`.
        Conflict: another process is predicting this file.
    """
    place = _place(rows)
    if place is not None:
        from fullturn.verbs.parts.batch import predict_file

        named = None if out is None else str(out)
        return predict_file(
            project, place, out=named, version=version, bad_rows=bad_rows, progress=progress
        )
    if out is not None or bad_rows != "refuse":
        raise UsageError("out and bad_rows are for a file; rows given one by one are returned")
    if isinstance(rows, tuple) and rows and all(isinstance(word, str) for word in rows):
        rows = [_row(project, rows)]
    return _predict_rows(project, rows, version)


def _place(rows: Any) -> str | None:
    """The path or address that rows are named by; None if they are rows, in whatever form."""
    if isinstance(rows, PurePath):
        return str(rows)
    text = rows[0] if isinstance(rows, tuple) and len(rows) == 1 else rows
    if not isinstance(text, str):
        return None
    # `column=value` may have a dot, too
    is_place = "://" in text or Path(text).exists() or ("=" not in text and Path(text).suffix)
    return text if is_place else None


def _row(project: Workspace, words: Sequence[str]) -> Input:
    """The row of `column=value`; a number is read as TOML reads it.

    Raises:
        UsageError: a word has no equals sign.
    """
    kinds = {column.name: column.kind for column in project.subject.contract.columns}
    row: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"'{word}' is neither a file nor column=value")
        name = name.strip()
        row[name] = toml_value(value.strip()) if kinds.get(name) == "number" else value
    return row


def _predict_rows(project: Workspace, rows: Any, version: str | int | None) -> Answers:
    rows = [checked(row, project.subject.contract) for row in _mappings(project, rows)]
    number = promotion.champion(project.store)
    asks = rows and number and version is None
    served = running_server.ask(project, rows, number) if asks and number else None
    if served is None:
        return _by_files(project, rows, version)
    return Answers(
        Answered(row, one.output, one.version, one.latency, prediction=one.prediction)
        for row, one in zip(rows, served, strict=True)
    )


def _by_files(project: Workspace, rows: Sequence[Input], reference: str | int | None) -> Answers:
    from fullturn.core.journal import Journal
    from fullturn.tracking.runs import journal_path
    from fullturn.tracking.traces import TRACES
    from fullturn.verbs.parts.loading import chosen

    version, predictor = chosen(project, reference)
    path = journal_path(project.state, version.run_id, TRACES)
    with Journal(path) as journal:
        found = Answers(_answered(version, predictor, rows, journal))
    if found:
        _send(project, path)
    return found


def _answered(
    version: ModelVersion, predictor: Predictor, rows: Sequence[Input], journal: Journal
) -> Iterator[Answered]:
    """Answers of a loaded predictor, each traced before the next."""
    from fullturn.tracking.traces import encode, traced

    tags = TraceTags(version=version.version).write()
    for row in rows:
        start = time.perf_counter()
        outputs = predictor.predict([row])
        latency = time.perf_counter() - start
        if len(outputs) != 1:
            raise AppError(f"version {version.version} gave {len(outputs)} outputs for 1 row")
        trace = traced(row, outputs[0], latency, tags, version.run_id)
        journal.append(encode(trace))
        yield Answered(row, outputs[0], version.version, latency, f"tr-{trace.id}")


def _send(project: Workspace, path: Path) -> None:
    """Send the traces of a journal to MLflow, here or in a background process."""
    from fullturn.tracking.traces import send

    if project.store.writes_at_once:
        with contextlib.suppress(FullturnError):  # they wait for the next `fullturn runs`
            send(project.store, path)
        return
    command = [sys.executable, "-m", "fullturn", "-C", str(project.root), "runs"]
    detached = ["/bin/sh", "-c", '"$@" </dev/null >/dev/null 2>&1 &', "sh", *command]
    with contextlib.suppress(OSError):
        subprocess.run(detached, start_new_session=True, check=False)


def _mappings(project: Workspace, rows: Any) -> Iterator[Input]:
    """The rows of a list or a pandas table, each a mapping."""
    listed = rows.to_dict("records") if hasattr(rows, "to_dict") else rows
    single = isinstance(listed, Mapping | str)
    for row in (listed,) if single else listed:
        if single or not isinstance(row, Mapping):
            columns = dict.fromkeys(project.subject.contract.names("input"), "…")
            what = "a list of rows, each" if single else "rows, each"
            raise DataError(f"predict takes {what} such as {columns}, not {shown(row)}")
        yield row


@view.register
def _(result: Answered) -> Iterator[Block]:
    output, took = result.output, 1000 * result.latency
    if "answer" in output:
        cited = ", ".join(output.get("citations", ())) or "no citations"
        sure = f"confidence {output['confidence']:.2f}"
        found = f"trace {result.trace[:11]}" if result.trace else "answered by the server"
        by = f"version {result.version} · {took:.0f} ms · {found}"
        yield line(styled(output["answer"], "bold"))
        yield line(styled(f"{cited} · {sure} · {by}", "dim"))
    else:
        for name, value in output.items():
            yield line(f"{name}: ", styled(_cell(value), "bold"))
        yield line(styled(f"version {result.version} · {took:.1f} ms", "dim"))
    yield then(f"fullturn lineage {_id(result)}")


@view.register
def _(result: Answers) -> Iterator[Block]:
    if not result:
        yield line("no rows")
        return
    inputs, outputs = list(result[0].input), list(result[0].output)
    yield grid(
        (*inputs, *(f"→ {name}" for name in outputs), ">version", ">ms"),
        (
            (
                *(_short(one.input.get(name)) for name in inputs),
                *(_cell(one.output.get(name)) for name in outputs),
                str(one.version),
                f"{1000 * one.latency:.1f}",
            )
            for one in result
        ),
    )
    yield then(f"fullturn lineage {_id(result[0])}")


def _id(one: Answered) -> str:
    return one.prediction or one.trace


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else cut(str(value), SHOWN)


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
