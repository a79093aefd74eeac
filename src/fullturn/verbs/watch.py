"""Watch a log that another system wrote: drift, quality and alarms, without a project."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from fullturn.core.entities import Alarm, Kind
from fullturn.core.errors import DataError, UsageError
from fullturn.core.redaction import redacted
from fullturn.core.settings import MonitoringSettings
from fullturn.core.showing import Block, Result, line, styled, then, view
from fullturn.core.spelling import date_text, moment
from fullturn.core.wording import listed, nearest
from fullturn.data.inference import InferredColumn, column_of, infer
from fullturn.data.streaming import PlacedRow, Source, stream
from fullturn.monitoring import report
from fullturn.monitoring.detectors import CONTRACT, ERRORS, SCORING, SLOW
from fullturn.monitoring.showing import detector_blocks
from fullturn.monitoring.tables import LoggedTable, Losses, WatchColumns, spread
from fullturn.monitoring.watch import DetectorState, Watch

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

RUN_LENGTH, LOGS = 10_000, 20
"""Rows between false alarms, at least: of a log without change, one in 20 raises any."""
GAP = 5
"""How much longer than the second longest a pause of the log is that is named."""
FEWEST = 50
"""Reference rows without which nothing can be said, at least."""


@dataclass(frozen=True, slots=True)
class WatchedLog(Result):
    """What the detectors found in a log."""

    rows: int
    labelled: int
    """Rows whose loss is known."""
    reference_rows: int
    columns: tuple[InferredColumn, ...]
    """What the columns of the reference seem to be; one without a kind is not watched."""
    findings: tuple[str, ...]
    """What is odd about the two tables, one sentence each."""
    states: tuple[DetectorState, ...]
    alarms: tuple[Alarm, ...]
    """Oldest first; `sequence` counts the rows of the log in order of time, from 1."""
    page: str | None = None
    """The file of the report page, if it was written."""
    _rows = "states"

    @property
    def exit_code(self) -> int:
        """0 without an alarm, 1 with one."""
        return int(bool(self.alarms))

    def to_html(self) -> str:
        """The report page with plots."""
        return report.to_html(self.states, list(self.alarms))


def watch(  # noqa: PLR0913  the options of the command
    log: Source,
    reference: Source | int,
    *,
    prediction: str | None = None,
    label: str | None = None,
    loss: str | None = None,
    confidence: str | None = None,
    latency: str | None = None,
    time: str | None = None,
    id: str | None = None,  # noqa: A002  the option's name
    ignore: Sequence[str] = (),
    arl: int | None = None,
    margin: float = 0.05,
    slow_ms: float = 1000.0,
    scale: float | None = None,
    page: str | Path | None = None,
) -> WatchedLog:
    """Compare a log with reference rows: drift of every column, quality, and alarms.

    Both are a CSV, JSON lines or Parquet file, a folder of such, a Delta table, or rows as
    mappings; a number as `reference` means so many first rows of the log.

    Columns by their role: `prediction`, the answer (a row without one is a request that failed);
    `label`, the right answer where it is known, or `loss`, how bad the answer was, 0 to 1;
    `confidence`, 0 to 1; `latency`, in seconds; `time`, the order of the log; `id`, what names the
    request (a repeated one is left out); `ignore`, columns not to watch. All others are features:
    what they are is inferred from the reference. Columns that only one of the two tables has are a
    finding, and are not watched.

    `arl` is the number of rows between two false alarms, at least: by default 20 times the log's,
    so that one in which nothing changed raises any alarm with probability 5 % at most (Doob's
    inequality). `margin` is the smallest rise of the mean loss that counts, `slow_ms` the latency
    above which an answer is slow. In regression a loss is the absolute error over `scale`, clipped
    at 1; by default the spread of the middle 90 % of the reference's labels. `page` is a file for
    the report page.

    Raises:
        DataError: a file cannot be read, or a named column is missing in the reference.
        UsageError: a value is out of range.
    """
    roles = WatchColumns(prediction, label, loss, confidence, latency, time, id, tuple(ignore))
    if isinstance(reference, str) and reference.isdecimal():
        reference = int(reference)
    rows = list(stream(log))
    before = rows[:reference] if isinstance(reference, int) else list(stream(reference))
    rows = rows[reference:] if isinstance(reference, int) else rows
    if len(before) < FEWEST:
        raise DataError(f"{len(before)} reference rows; give {FEWEST} or more to compare with")
    if not rows:
        raise DataError("the log has no rows after the reference; nothing was watched")
    seen = _Tables(before, rows, roles)
    table, ordered = seen.table(scale), seen.ordered()
    limits = _limits(arl or default_arl(len(ordered)), margin, slow_ms)
    compared = table.reference([row.cells for row in before])
    watching = Watch(table.contract, compared, limits, _vectors, without=seen.unread)
    observations = list(table.observations(ordered))
    alarms = watching.observe(observations)
    found = WatchedLog(
        rows=len(ordered),
        labelled=sum(one.loss is not None for one in observations),
        reference_rows=len(before),
        columns=tuple(seen.inferred),
        findings=tuple(seen.findings),
        states=watching.states,
        alarms=tuple(watching.diagnosed(alarm) for alarm in alarms),
    )
    if page is None:
        return found
    Path(page).write_text(redacted(found.to_html()), encoding="utf-8")
    return replace(found, page=str(page))


def _limits(arl: int, margin: float, slow_ms: float) -> MonitoringSettings:
    try:
        return MonitoringSettings(arl=arl, margin=margin, slow_ms=slow_ms)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{first['loc'][0]} = {first['input']!r}: {first['msg']}") from None


def default_arl(rows: int) -> int:
    """Rows between two false alarms for a log of so many rows.

    A detector's statistic is a submartingale whose expectation after n rows is at most n; so it
    ever reaches a threshold A with probability n/A at most (Doob's maximal inequality).
    """
    return max(RUN_LENGTH, LOGS * rows)


class _Tables:
    """The reference and the log side by side: which columns both have, and what they are."""

    def __init__(
        self, before: Sequence[PlacedRow], rows: Sequence[PlacedRow], columns: WatchColumns
    ) -> None:
        self._before, self._rows = before, rows
        self.findings: list[str] = []
        old, new = _names(before), _names(rows)
        for role, name in columns.named.items():
            if name not in old and not (role in ("time", "id") and name in new):
                raise DataError(
                    f"the reference has no column '{name}'{nearest(name, list(old))}; columns: "
                    f"{listed(list(old))}. Name one with --{role} COLUMN"
                )
        roles = set(columns.named.values())
        missing = [name for name in old if name not in new and name not in columns.ignore]
        self.findings += [f"column '{name}' is missing in the log: not watched" for name in missing]
        self.findings += [
            f"column '{name}' is not in the reference: not watched"
            for name in new
            if name not in old and name not in (*columns.ignore, *roles)
        ]
        gone: dict[str, Any] = {r: None for r, name in columns.named.items() if name in missing}
        self.columns = replace(columns, **gone)
        features = [n for n in old if n in new and n not in (*columns.ignore, *roles)]
        self.findings += [said for name in features if (said := self._changed(name))]
        self.inferred = [column_of(name, _cells(before, name)) for name in features]

    def _changed(self, name: str) -> str | None:
        """Where a column that the log has at first is no longer, or the other way round."""
        has = [name in row.cells for row in self._rows]
        if all(has):
            return None
        at = next(n for n, one in enumerate(has) if one != has[0])
        what = "is missing" if has[0] else "appears only"
        number = f"{has.count(False):,} of {len(has):,} rows lack it"
        return f"column '{name}' {what} from {self._rows[at].place} on: {number}"

    @property
    def unread(self) -> set[str]:
        """Detectors that have nothing to read."""
        without = {SCORING} if self.columns.latency else {SCORING, SLOW}
        without |= set() if self.columns.prediction else {ERRORS}
        return without if any(one.kind for one in self.inferred) else {*without, CONTRACT}

    def table(self, scale: float | None) -> LoggedTable:
        """How rows of both are read."""
        kinds = {one.name: one.kind for one in self.inferred if one.kind is not None}
        required = {one.name for one in self.inferred if not one.missing}
        losses = self._losses(scale)
        return LoggedTable(self.columns, kinds, required, losses, losses.kind or self._answer())

    def _answer(self) -> Kind | None:
        name = self.columns.prediction
        if name is None:
            return None
        found = column_of(name, _cells(self._before, name), known=True).kind
        return found or "category"

    def _losses(self, scale: float | None) -> Losses:
        label, answer = self.columns.label, self.columns.prediction
        if self.columns.loss or label is None or answer is None:
            return Losses(self.columns, None)
        cells = [row.cells for row in self._before]
        found = infer(cells, label)
        if found.task == "classification":
            return Losses(self.columns, "boolean" if found.label.kind == "boolean" else "category")
        plain = Losses(self.columns, "number")
        errors = plain.errors(cells)
        known = [row for row, error in zip(cells, errors, strict=True) if error is not None]
        width = scale or spread([float(row[label]) for row in known] or [0.0, 1.0])
        losses = replace(plain, scale=width)
        clipped = losses.of(known).count(1.0) / max(1, len(known))
        what = "as given" if scale else "the spread of the middle 90 % of the reference's labels"
        self.findings.append(
            f"loss: the absolute error over {width:g} ({what}), clipped at 1 in "
            f"{clipped:.1%} of the reference rows"
        )
        return losses

    def ordered(self) -> list[tuple[int, Mapping[str, Any]]]:
        """The rows of the log in order of time, each with its time in ms since 1970, or 0."""
        rows = self._unique()
        name = self.columns.time
        if name is None:
            return [(0, row.cells) for row in rows]
        times, last, unread = list[int](), 0, list[str]()
        for row in rows:
            time = _milliseconds(row.cells.get(name))
            if time is None:
                unread.append(row.place)
            last = last if time is None else time
            times.append(last)
        if unread:
            self.findings.append(
                f"'{name}' is no time in {len(unread):,} rows (first: {unread[0]}); each is taken "
                "as that of the row before"
            )
        if len(set(times)) == 1 and len(times) > 1:
            self.findings.append(f"'{name}' is the same in every row: the order is the file's")
        order = sorted(range(len(rows)), key=times.__getitem__)
        self.findings += _gap([times[n] for n in order], [rows[n].place for n in order])
        if any(before > after for before, after in pairwise(times)):
            self.findings.append(f"the log was not in the order of '{name}': sorted")
        return [(times[n], rows[n].cells) for n in order]

    def _unique(self) -> list[PlacedRow]:
        name = self.columns.id
        if name is None:
            return list(self._rows)
        taken: Counter[Any] = Counter()
        found = []
        for row in self._rows:
            number = row.cells.get(name)
            taken[number] += number is not None
            if number is None or taken[number] == 1:
                found.append(row)
        if len(found) < len(self._rows):
            repeated = len(self._rows) - len(found)
            self.findings.append(
                f"{repeated:,} rows repeat the '{name}' of an earlier one: left out"
            )
        return found


def _gap(times: Sequence[int], places: Sequence[str]) -> list[str]:
    """Where a log has a pause that no other of its pauses comes near, in ms since 1970."""
    pauses = sorted(later - before for before, later in pairwise(times))
    if len(pauses) < FEWEST or pauses[-1] < GAP * max(pauses[-2], 1000):
        return []
    at = next(n for n, (a, b) in enumerate(pairwise(times)) if b - a == pauses[-1])
    long = timedelta(seconds=pauses[-1] // 1000)
    return [f"the log has a gap of {long} between {places[at]} and {places[at + 1]}: not watched"]


def _names(rows: Sequence[PlacedRow]) -> dict[str, None]:
    return dict.fromkeys(name for row in rows for name in row.cells)


def _cells(rows: Sequence[PlacedRow], name: str) -> list[Any]:
    return [row.cells.get(name) for row in rows]


def _milliseconds(value: Any) -> int | None:
    """A date, or seconds or milliseconds since 1970."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        text = date_text(value)
        return round(moment(text).timestamp() * 1000) if text else None
    if not 0 <= number < 1e14:
        return None
    return round(number if number >= 1e11 else number * 1000)


def _vectors(texts: Sequence[str]) -> npt.NDArray[np.floating[Any]]:
    from fullturn.subjects.vectors import word_vectors

    return word_vectors().means(texts)


@view.register
def _(result: WatchedLog) -> Iterator[Block]:
    alarms = "1 alarm" if len(result.alarms) == 1 else f"{len(result.alarms)} alarms"
    yield line(
        f"{result.rows:,} rows against {result.reference_rows:,} reference rows, "
        f"{result.labelled:,} labelled: ",
        styled(alarms, "bad" if result.alarms else "good"),
    )
    for finding in result.findings:
        yield line(styled(finding, "open"))
    for one in result.columns:
        if one.kind in (None, "date"):
            reason = "dates move on by themselves" if one.kind else one.reason
            yield line(styled(f"column '{one.name}' is not watched: {reason}", "dim"))
    yield from detector_blocks(result.states, result.alarms)
    yield then(f"open {result.page}" if result.page else "add --page FILE for a page with plots")
