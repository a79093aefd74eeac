"""Judge a candidate by outcomes that others collected: the verdict of a release, without one."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from io import TextIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import orjson

from fullturn.core.entities import Outcome
from fullturn.core.errors import CouldNotEvaluate, DataError, UsageError
from fullturn.core.journal import Journal, read
from fullturn.core.showing import Block, Result, Style, line, styled, view
from fullturn.data.streaming import PlacedRow, Source, stream
from fullturn.release.judging import Judge, JudgeTerms
from fullturn.release.outcomes import Answered, Layout, PairColumns, layout
from fullturn.release.pairing import Copies
from fullturn.release.records import Reading, comparison_grid

if TYPE_CHECKING:
    from fullturn.release.judging import Ruling

REMEMBERED = 1_000_000
"""Ids of requests that are compared to find repetitions, at most; the newest."""
FIRST_LOOK = 100
OnLook = Callable[["Ruling"], None]


@dataclass(frozen=True, slots=True)
class Judged(Result):
    """The verdict on a candidate."""

    action: Literal["promote", "roll back", "undecided"]
    outcome: Outcome
    reason: str
    requests: int
    """Pairs, or answers of the smaller arm."""
    rows: int
    """Rows read until the decision, those of earlier calls with the same state included."""
    layout: Literal["pairs", "shadow arms", "canary arms"]
    margin: float
    alpha: float
    minimum: int
    findings: tuple[str, ...]
    """What is wrong with the rows, one sentence each."""
    readings: tuple[Reading, ...]
    _rows = "readings"

    @property
    def exit_code(self) -> int:
        """0 promote, 1 roll back, 3 inconclusive."""
        return {"PASSED": 0, "FAILED": 1, "INCONCLUSIVE": 3}[self.outcome]


def judge(  # noqa: PLR0913  the options of the command
    pairs: Source,
    *,
    champion: str = "champion",
    candidate: str = "candidate",
    guardrails: Sequence[str] = (),
    id: str | None = "id",  # noqa: A002  the option's name
    arm: str = "arm",
    key: str | None = None,
    is_shadow: bool = False,
    is_success: bool = False,
    margin: float = 0.05,
    alpha: float = 0.05,
    minimum: int = 200,
    deadline_minutes: float = math.inf,
    state: str | Path | None = None,
    on_look: OnLook | None = None,
) -> Judged:
    """Decide on a candidate as a release would, from outcomes that another system collected.

    `pairs` is a CSV, JSON lines or Parquet file, a Delta table, an open text stream, or rows as
    mappings. Each row is read, and the evidence looked at, until it decides: valid at every look,
    so the first decision is final and later rows are not read.

    `champion` and `candidate` name columns, or the values of the column `arm`. `guardrails` chooses
    columns; all that the table offers, if it is empty. Without an `id` (None) every row is a
    request of its own, and repeated rows go unnoticed; with `is_shadow`, rows of both arms with one
    id answer the same request. `key` names the entity of an answer in a canary, such as a user:
    answers to one entity resemble each other. Values are errors or losses, 0 to 1; with
    `is_success`, 1 is good. A candidate may be worse by `margin` at most, on every guardrail;
    `alpha` is the highest rate of false rollbacks, and of false promotions; nothing is promoted
    before `minimum` requests (pairs, or answers of the smaller arm).

    `state` is a file: rows that were taken are appended to it, and the next call continues from
    them; a row that it contains is not counted twice. `on_look` is called when the number of
    requests has doubled.

    Raises:
        DataError: a column is missing, or an outcome is not a number from 0 to 1.
        UsageError: a value is out of range; the state is of other terms or columns; or its rows
            have no id.
        CouldNotEvaluate: there is no row, or nothing to compare.
    """
    columns = PairColumns(champion, candidate, id, arm, key, is_shadow, is_success)
    terms = JudgeTerms(margin, alpha, minimum, deadline_minutes=deadline_minutes)
    with ExitStack() as stack:
        judgement = _Judgement(columns, terms, tuple(guardrails), on_look)
        if state is not None:
            judgement.resume(Path(state), stack)
        if not judgement.decided:
            _read(judgement, pairs, deadline_minutes)
        return judgement.judged(_name(pairs))


def _read(judgement: _Judgement, pairs: Source, deadline: float) -> None:
    rows = stream(pairs)
    for place, row in _until(rows, deadline) if deadline != math.inf else rows:
        try:
            judgement.take(place, row)
        except UsageError as error:
            raise type(error)(f"{place}: {error}") from None
        if judgement.decided:
            return
    judgement.late = time.monotonic() >= judgement.began + 60 * deadline


def _until(rows: Iterator[PlacedRow], minutes: float) -> Iterator[PlacedRow]:
    """Rows as they arrive, until the deadline: whoever writes them may be silent."""
    waiting: queue.Queue[PlacedRow | Exception | None] = queue.Queue(1000)
    end = time.monotonic() + 60 * minutes

    def pump() -> None:
        try:
            for row in rows:
                waiting.put(row)
            waiting.put(None)
        except Exception as error:  # noqa: BLE001  raised again by the reader
            waiting.put(error)

    threading.Thread(target=pump, name="read rows", daemon=True).start()
    while (left := end - time.monotonic()) > 0:
        try:
            found = waiting.get(timeout=min(left, threading.TIMEOUT_MAX))
        except queue.Empty:
            return
        if found is None:
            return
        if isinstance(found, Exception):
            raise found
        yield found


class _Judgement:
    """One judgement: rows in, a verdict out."""

    def __init__(
        self,
        columns: PairColumns,
        terms: JudgeTerms,
        guardrails: tuple[str, ...],
        on_look: OnLook | None,
    ) -> None:
        self._columns, self._terms, self._wanted = columns, terms, guardrails
        self._on_look, self._next_look = on_look, FIRST_LOOK
        self.began, self.late = time.monotonic(), False
        self._layout: Layout | None = None
        self._judge: Judge | None = None
        self._copies = Copies[Any]()
        self._seen: dict[tuple[str, bool], int] = {}
        self._journal: Journal | None = None
        self.rows = self._taken = 0
        self._counts: dict[str, int] = {}
        self._first: dict[str, str] = {}

    @property
    def decided(self) -> bool:
        return self._judge is not None and self._judge.decided

    def resume(self, path: Path, stack: ExitStack) -> None:
        """Take what the state contains, and append to it from now on."""
        if self._columns.id is None:
            raise UsageError("a state recognises rows by their id; leave out --no-id or --state")
        records = [orjson.loads(payload) for payload, _ in read(path)]
        self._journal = stack.enter_context(Journal(path, private=True))
        if not records:
            return
        head = records[0]
        found = Layout(
            PairColumns(**head["columns"]),
            {name: (pair[0], pair[1]) for name, pair in head["guardrails"].items()},
            head["has_arms"],
        )
        stated = (found.columns, head["alpha"], head["margin"], head["minimum"])
        ours = (self._columns, self._terms.alpha, self._terms.margin, self._terms.minimum)
        if stated != ours or (self._wanted and set(self._wanted) != set(found.guardrails)):
            raise UsageError(
                f"{path} was written with other columns, guardrails, alpha, margin or minimum: "
                f"{orjson.dumps(head).decode()}; use the same, or another file"
            )
        self._begin(found)
        for record in records[1:]:
            if not self.decided:
                self._take(str(path), Answered(*record))

    def take(self, place: str, row: Mapping[str, Any]) -> None:
        """Take one row."""
        if self._layout is None:
            found = layout(row, self._columns, self._wanted)
            if self._journal is not None:
                self._journal.append(orjson.dumps(self._head(found)))
            self._begin(found)
        assert self._layout is not None
        answered = self._layout.read(row)
        if answered is None:
            self.rows += 1
            arm = row.get(self._columns.arm)
            self._note(f"rows are of another arm than the two, such as '{arm}'", place)
        elif self._take(place, answered) and self._journal is not None:
            self._journal.append(orjson.dumps(tuple(answered)))

    def _head(self, found: Layout) -> dict[str, Any]:
        terms = {name: getattr(self._terms, name) for name in ("alpha", "margin", "minimum")}
        return {**asdict(found), **terms}

    def _begin(self, found: Layout) -> None:
        self._layout = found
        is_canary = found.has_arms and not found.columns.is_shadow
        terms = replace(self._terms, guardrails=tuple(found.guardrails))
        self._judge = Judge(terms, "canary" if is_canary else "shadow")

    def _take(self, place: str, one: Answered) -> bool:
        """Count a row in, unless it is a repetition or has no id."""
        assert self._layout is not None and self._judge is not None
        self.rows += 1
        needs_id = self._judge.stage == "shadow" or self._journal is not None
        if one.id is None and self._columns.id is not None and needs_id:
            self._note("rows have no id", place)
            self._judge.left_out += 1
            return False
        if one.id is not None and self._is_repeated(place, one):
            return False
        self._count(one)
        self._look()
        return True

    def _is_repeated(self, place: str, one: Answered) -> bool:
        assert one.id is not None and self._judge is not None
        tested, content = one.candidate is not None, hash(_values(one))
        known = self._seen.get((one.id, tested))
        if known is not None:
            what = "rows repeat an id" + ("" if known == content else " with other outcomes")
            self._note(what, place)
            return True
        if self._judge.stage == "canary" and (one.id, not tested) in self._seen:
            raise DataError(
                f"id '{one.id}' is in both arms; pass --shadow if both versions answered the same "
                "requests"
            )
        self._seen[one.id, tested] = content
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return False

    def _count(self, one: Answered) -> None:
        judge = self._judge
        assert judge is not None
        if one.champion is not None and one.candidate is not None:
            judge.pair(one.candidate, one.champion)
            return
        tested = one.candidate is not None
        outcomes = one.candidate if one.candidate is not None else one.champion
        assert outcomes is not None
        if judge.stage == "canary":
            judge.answer(tested, one.key, outcomes)
            return
        assert one.id is not None
        both = self._copies.match(one.id, tested, outcomes)
        judge.waiting += -1 if both else 1
        if both:
            judge.pair(*both)

    def _look(self) -> None:
        assert self._judge is not None
        if self._on_look and self._judge.requests >= self._next_look:
            self._next_look *= 2
            self._on_look(self._judge.ruling())

    def _note(self, what: str, place: str) -> None:
        self._counts[what] = self._counts.get(what, 0) + 1
        self._first.setdefault(what, place)

    def judged(self, name: str) -> Judged:
        """The verdict.

        Raises:
            CouldNotEvaluate: there is nothing to compare.
        """
        judge, found = self._judge, self._layout
        if judge is None or found is None:
            raise CouldNotEvaluate(f"no row came from {name}; see what should have written it")
        findings = tuple(self._findings())
        if not judge.pairs:
            said = f": {'; '.join(findings)}" if findings else ""
            raise CouldNotEvaluate(
                f"nothing to compare in {self.rows:,} rows of {name}{said}; outcomes of both sides "
                "are needed"
            )
        ruling = judge.ruling(self.late)
        return Judged(
            "undecided" if ruling.action == "go on" else _ENDS[ruling.action],
            ruling.outcome,
            ruling.reason,
            ruling.requests,
            self.rows,
            ("canary arms" if judge.stage == "canary" else "shadow arms")
            if found.has_arms
            else "pairs",
            self._terms.margin,
            self._terms.alpha,
            self._terms.minimum,
            findings,
            ruling.readings,
        )

    def _findings(self) -> Iterator[str]:
        for what, number in self._counts.items():
            yield f"{number:,} {what} (first: {self._first[what]}): left out"
        if self._judge is not None and self._judge.waiting:
            yield f"{self._judge.waiting:,} requests were answered by one side only"


_ENDS: Mapping[str, Literal["promote", "roll back"]] = {
    "promote": "promote",
    "roll back": "roll back",
}
_STYLES: Mapping[str, Style] = {"promote": "good", "roll back": "bad", "undecided": "open"}
_UNITS = {"pairs": "pairs", "shadow arms": "pairs", "canary arms": "requests in the smaller arm"}


def _values(one: Answered) -> tuple[Any, ...]:
    return tuple(tuple(side.items()) if side else None for side in (one.champion, one.candidate))


def _name(pairs: Source) -> str:
    if isinstance(pairs, str | Path):
        return str(pairs)
    return "standard input" if isinstance(pairs, TextIOBase) else "the rows"


@view.register
def _(result: Judged) -> Iterator[Block]:
    yield comparison_grid(result.readings, "candidate")
    for finding in result.findings:
        yield line(styled(finding, "open"))
    number = f"{result.requests:,} {_UNITS[result.layout]}, {result.rows:,} rows"
    yield line(styled(f"{result.action} ", _STYLES[result.action]), f"after {number}")
    yield line(result.reason)
