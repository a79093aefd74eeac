"""Predict the rows of a file: in pieces, recorded, and from where it stopped.

The parts that are done are in the state folder, under the digest of the input, the version and the
output; the same command goes on with them after a kill. The output appears at the end, whole.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fullturn.core.entities import Input, ModelVersion, Output
from fullturn.core.errors import (
    DataError,
    FullturnError,
    LLMUnavailable,
    ServiceUnavailable,
    UsageError,
)
from fullturn.core.locks import file_lock
from fullturn.core.showing import Block, Result, line, then, view
from fullturn.core.tags import BatchTags, VersionTags
from fullturn.serving.answering import Pace, answers
from fullturn.serving.deployment import LoadedVersion
from fullturn.tracking.runs import RunPlan, TrackedRun
from fullturn.verbs.parts.loading import chosen
from fullturn.verbs.workspace import Progress, Workspace, silent

if TYPE_CHECKING:
    import pyarrow as pa

    from fullturn.batch.cells import CheckedRows
    from fullturn.batch.files import Source
    from fullturn.batch.parts import Parts
    from fullturn.subjects.protocols import Predictor

BadRows = Literal["refuse", "error"]
PART_ROWS, PART_BYTES, PART_SECONDS = 50_000, 64 << 20, 10.0
"""What a part has at most; a kill costs no more than one part."""
CALL_SECONDS, FIRST_ROWS, CALL_ROWS = 3.0, 32, 20_000
"""How long one call of the model should take; the rows of the first, and at most."""
_ALL_AT_ONCE = 1e9
_GONE = (ServiceUnavailable, LLMUnavailable)
"""No row is at fault: the batch stops, to go on later."""


@dataclass(frozen=True, slots=True)
class Predicted(Result):
    """A file that was predicted."""

    input: str
    output: str
    rows: int
    failed: int
    """Rows with an error instead of a prediction."""
    version: int
    run: str
    seconds: float
    resumed: int
    """Rows that an interrupted run had predicted before."""
    input_digest: str
    output_digest: str
    first_error: str = ""


def predict_file(
    project: Workspace,
    path: str,
    *,
    out: str | None = None,
    version: str | int | None = None,
    bad_rows: BadRows = "refuse",
    progress: Progress = silent,
) -> Predicted:
    """Predict every row of a file, a folder or a Delta table; see `verbs.predict`."""
    from fullturn.batch.cells import check_columns
    from fullturn.batch.files import open_source
    from fullturn.batch.parts import Parts
    from fullturn.data.readers import text_form

    data = project.settings.data
    source = open_source(path, lambda file, chunks: text_form(file, chunks, data))
    check_columns(path, source.names, project.subject.contract)
    target = _target(source, out)
    _refuse_existing(target.path)
    found, predictor = chosen(project, version)
    folder = project.state / "batches" / _key(source, target, found, bad_rows)
    folder.mkdir(parents=True, exist_ok=True)
    with file_lock(folder.with_suffix(".lock"), f"fullturn predict {path}"):
        parts = Parts(folder)
        tags = BatchTags(
            input=path, input_digest=source.digest, version=found.version, resumed=parts.rows
        )
        plan = RunPlan("batch", f"batch of version {found.version}", tags=tags.write(),
                       owner=project.owner)  # fmt: skip
        began = time.monotonic()
        with TrackedRun(project.store, project.root, project.state, plan) as run:
            job = _Job(project, source, parts, found, predictor, bad_rows, progress)
            job.run()
            result = job.finish(target, run.id, tags.resumed or 0, time.monotonic() - began)
            project.store.tag_run(run.id, _outcome(result).write())
        shutil.rmtree(folder, ignore_errors=True)
    return result


@dataclass(frozen=True, slots=True)
class _Target:
    path: str
    format: str


@dataclass
class _Job:
    """One run of a batch."""

    project: Workspace
    source: Source
    parts: Parts
    version: ModelVersion
    predictor: Predictor
    bad_rows: BadRows
    progress: Progress
    waiting: list[pa.Table] = field(default_factory=list)
    pace: Pace = field(default_factory=lambda: Pace(CALL_SECONDS, FIRST_ROWS))
    size: int = 0
    """Rows that wait for their part."""
    since: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        """Predict what is not done yet: while the model works, the next rows are read and checked,
        and what it answered is written."""
        from fullturn.batch.ahead import ahead

        place = self.parts.rows
        with ThreadPoolExecutor(1, thread_name_prefix="write") as writer:
            written: Future[None] | None = None
            for batch, checked in ahead(self._pieces(place)):
                answered = self._answered(checked, place)
                if written is not None:
                    written.result()
                    self.progress("rows", place, place)
                place += batch.num_rows
                written = writer.submit(self._add, batch, *answered)
            if written is not None:
                written.result()
        if self.waiting:
            self._write()

    def _pieces(self, start: int) -> Iterator[tuple[pa.RecordBatch, CheckedRows]]:
        """What is predicted at a time, and its rows; equal parts of what is read at a time."""
        from fullturn.batch.cells import checked_rows

        for batch in _from(self.source, start):
            done = 0
            while done < batch.num_rows:
                left = batch.num_rows - done
                most = min(self.pace.rows, CALL_ROWS)
                piece = batch.slice(done, math.ceil(left / math.ceil(left / most)))
                done += piece.num_rows
                contract = self.project.subject.contract
                yield piece, checked_rows(piece, contract, self.source.numerals)

    def _add(
        self, batch: pa.RecordBatch, outputs: list[Output | None], errors: list[str | None] | None
    ) -> None:
        from fullturn.batch.outputs import with_outputs

        self.waiting.append(with_outputs(batch, outputs, errors))
        self.size += batch.num_rows
        if self._is_full():
            self._write()

    def finish(self, target: _Target, run: str, resumed: int, seconds: float) -> Predicted:
        """Write the output, and say what it is."""
        from fullturn.batch.files import digest_of
        from fullturn.batch.writers import finish

        if not self.parts.rows:
            raise DataError(f"{self.source.path} has no rows; it needs at least one")
        finish(self.parts, target.path, target.format)
        errors = list(_errors(self.parts)) if self.bad_rows == "error" else []
        return Predicted(
            input=self.source.path,
            output=target.path,
            rows=self.parts.rows,
            failed=len(errors),
            version=self.version.version,
            run=run,
            seconds=seconds,
            resumed=resumed,
            input_digest=self.source.digest,
            output_digest=digest_of(target.path),
            first_error=errors[0] if errors else "",
        )

    def _is_full(self) -> bool:
        return (
            self.size >= PART_ROWS
            or sum(table.nbytes for table in self.waiting) >= PART_BYTES
            or time.monotonic() - self.since >= PART_SECONDS
        )

    def _write(self) -> None:
        import pyarrow as pa

        self.parts.add(pa.concat_tables(self.waiting, promote_options="permissive"))
        self.waiting, self.size, self.since = [], 0, time.monotonic()

    def _answered(
        self, checked: CheckedRows, place: int
    ) -> tuple[list[Output | None], list[str | None] | None]:
        """Outputs, and, where bad rows are allowed, errors of rows."""
        if checked.bad and self.bad_rows == "refuse":
            first = min(checked.bad)
            raise DataError(
                f"{self.source.path}: row {place + first + 1}: {checked.bad[first]}; nothing was "
                "written. Correct the row, or use --bad-rows error for a column 'error'"
            )
        good = [row for row in checked.rows if row is not None]
        began = time.monotonic()
        found = self._answers(good, place)
        self.pace.took(len(checked.rows), time.monotonic() - began)
        answers = iter(found)
        both = [
            next(answers) if row is not None else checked.bad[number]
            for number, row in enumerate(checked.rows)
        ]
        failed = [isinstance(one, str | FullturnError) for one in both]
        outputs = [None if bad else one for one, bad in zip(both, failed, strict=True)]
        if self.bad_rows == "refuse":
            return outputs, None  # type: ignore[return-value]
        errors = [str(one) if bad else None for one, bad in zip(both, failed, strict=True)]
        return outputs, errors  # type: ignore[return-value]

    def _answers(self, rows: list[Input], place: int) -> list[Output | FullturnError]:
        """What the model says of each row; an error of one ends a batch that refuses bad rows."""
        slot = LoadedVersion(self.version.version, self.predictor)
        found = answers(slot, rows, Pace(_ALL_AT_ONCE, len(rows)), len(rows))
        failed: FullturnError | None = next((one for one in found if isinstance(one, _GONE)), None)
        if failed is None and self.bad_rows == "refuse":
            failed = next((one for one in found if isinstance(one, FullturnError)), None)
        if failed is not None:
            raise type(failed)(
                f"{failed} (row {place + 1} or later of {self.source.path}; {self.parts.rows:,} "
                "rows are done: the same command goes on from there)"
            )
        return found


def _from(source: Source, start: int) -> Iterator[pa.RecordBatch]:
    """The batches of a source from a row on."""
    left = start
    for batch in source.batches():
        if left >= batch.num_rows:
            left -= batch.num_rows
        elif batch.num_rows:
            yield batch.slice(left)
            left = 0


def _errors(parts: Parts) -> Iterator[str]:
    from fullturn.batch.outputs import ERROR

    for table in parts.tables():
        name = max(one for one in table.schema.names if one.rstrip("_") == ERROR)
        yield from table.column(name).drop_null().to_pylist()


def _target(source: Source, out: str | None) -> _Target:
    """Where the output goes, and in which format: as the name says, else the input's.

    Raises:
        UsageError: none is named and the input is no local file, or its name says nothing.
    """
    from fullturn.batch.files import FORMATS, format_of, is_remote

    if out is not None:
        kind = format_of(out) or ("delta" if not Path(out).suffix else None)
        if kind is None:
            raise UsageError(
                f"--out {out}: the ending says no format; known: {', '.join(FORMATS)}, and a name "
                "without an ending for a Delta table"
            )
        return _Target(out, kind)
    if is_remote(source.path):
        raise UsageError(f"{source.path} is not on this machine: name the output with --out")
    path = Path(source.path)
    if source.format == "delta":
        return _Target(f"{path}.predicted", "delta")
    suffix = path.suffix if path.is_file() else f".{source.format}"
    return _Target(str(path.with_name(f"{path.stem}.predicted{suffix}")), source.format)


def _refuse_existing(path: str) -> None:
    import pyarrow.fs

    from fullturn.batch.files import storage_of

    system, inner = storage_of(path)
    if system.get_file_info(inner).type != pyarrow.fs.FileType.NotFound:
        raise UsageError(f"{path} exists; remove it, or name another output with --out")


def _key(source: Source, target: _Target, version: ModelVersion, bad_rows: BadRows) -> str:
    """The same for the same batch: what is done of it is taken again."""
    bundle = VersionTags.read(version.tags).bundle or f"{version.name} {version.version}"
    out = target.path if "://" in target.path else str(Path(target.path).absolute())
    text = json.dumps([source.digest, source.format, bundle, out, target.format, bad_rows])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _outcome(result: Predicted) -> BatchTags:
    return BatchTags(
        output=result.output,
        output_digest=result.output_digest,
        rows=result.rows,
        failed=result.failed,
    )


@view.register
def _(result: Predicted) -> Iterator[Block]:
    pace = (result.rows - result.resumed) / max(result.seconds, 1e-9)
    yield line(f"{result.rows:,} rows predicted with version {result.version} → {result.output}")
    if result.resumed:
        yield line(f"{result.resumed:,} of them were done before an interruption")
    if result.failed:
        yield line(f"{result.failed:,} rows have an error; the first: {result.first_error}")
    yield line(f"{result.seconds:.1f} s, {pace:,.0f} rows a second, run {result.run[:8]}")
    yield then(f"fullturn lineage {result.output}")
