"""Row-by-row comparison of the candidate and the champion on the test rows of a gate."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from fullturn.core.entities import Evaluation, Example, Output, ScoredRow
from fullturn.core.errors import StatisticsInputError
from fullturn.core.settings import GateSettings
from fullturn.gates.judged import margin_of
from fullturn.metrics import Metric, difference
from fullturn.pipeline.records import Difference, Flip
from fullturn.statistics.paired import paired_difference
from fullturn.subjects.subject import Subject
from fullturn.verbs.parts import readable

Both = tuple[ScoredRow, ScoredRow]
"""Candidate's row and champion's, of one example."""
_SLICES, _FLIPS = 100, 25
"""Maximum number of slices, and of flips in each direction, in a report."""
_TOKENS = ("prompt_tokens", "completion_tokens")


@dataclass(frozen=True)
class Compared:
    """Rows of both models, paired by id; intervals agree with the gate's one-sided tests."""

    candidate: Evaluation
    champion: Evaluation
    limits: GateSettings
    named: Sequence[Metric] = ()
    """Metrics that the settings name."""

    @cached_property
    def pairs(self) -> list[Both]:
        """In the candidate's order."""
        theirs = {row.id: row for row in self.champion.rows}
        return [(row, theirs[row.id]) for row in self.candidate.rows if row.id in theirs]

    @property
    def primary(self) -> str:
        """Name of the primary score."""
        return self.candidate.metrics[0]

    def scores(self) -> tuple[Difference, ...]:
        """The scores that both have, then the named metrics that can be computed."""
        both = [name for name in self.candidate.metrics if name in self.champion.metrics]
        found = [self._difference(name, name, self.pairs, self._confidence) for name in both]
        named = [self._of_metric(one) for one in self.named if one.name not in both]
        return tuple(one for one in (*found, *named) if one)

    def among(self, ids: Collection[str]) -> Difference | None:
        """The primary score on these rows only; None if they are too few."""
        pairs = [pair for pair in self.pairs if pair[0].id in ids]
        return self._difference(self.primary, self.primary, pairs, self._confidence)

    def slices(self) -> tuple[Difference, ...]:
        """The primary score by slice, all intervals together at the gate's level (Bonferroni)."""
        parts = {name: rows for name, rows in self._parts().items() if self._judged(rows)}
        confidence = 1 - (1 - self._confidence) / max(1, len(parts))
        all_of = [self._difference(n, self.primary, p, confidence) for n, p in parts.items()]
        found = [one for one in all_of if one]
        moved = sorted((one for one in found if one.moved), key=lambda one: one.estimate)
        unmoved = sorted((o for o in found if not o.moved), key=lambda o: -abs(o.estimate))
        return tuple([*moved, *unmoved][:_SLICES])

    @property
    def flips_of(self) -> str:
        """The score that says which rows flipped: whether they are right, if that is a score."""
        both = [name for name in self.candidate.metrics if name in self.champion.metrics]
        return "accuracy" if "accuracy" in both else self.primary

    def flipped(self) -> tuple[list[Both], list[Both]]:
        """Pairs with a lower, and with a higher, score than the champion; largest first."""
        name = self.flips_of
        changes = [(ours.scores[name] - theirs.scores[name], n)
                   for n, (ours, theirs) in enumerate(self.pairs)]  # fmt: skip
        lost = sorted(change for change in changes if change[0] < 0)
        gained = sorted((c for c in changes if c[0] > 0), key=lambda c: (-c[0], c[1]))
        return [self.pairs[n] for _, n in lost], [self.pairs[n] for _, n in gained]

    @property
    def _confidence(self) -> float:
        return 1 - 2 * self.limits.alpha

    def _parts(self) -> dict[str, list[Both]]:
        parts: dict[str, list[Both]] = {}
        for pair in self.pairs:
            for column, value in pair[0].slices.items():
                parts.setdefault(f"{column}={value}", []).append(pair)
        return parts

    def _judged(self, rows: Sequence[Both]) -> bool:
        return len(rows) >= self.limits.slice_rows and len({row.group for row, _ in rows}) > 1

    def _of_metric(self, metric: Metric) -> Difference | None:
        margin = margin_of(metric, self.limits)
        if margin is None:
            return None
        ours, theirs = self.candidate.rows, self.champion.rows
        try:
            found = difference(metric, ours, theirs, self._confidence)
        except StatisticsInputError:
            return None
        return Difference(
            name=metric.name,
            rows=found.rows,
            champion=found.reference,
            candidate=found.candidate,
            estimate=found.estimate,
            low=found.low,
            high=found.high,
            confidence=found.confidence,
            unit=found.unit,
            margin=None if margin == self.limits.margin else margin,
        )

    def _difference(
        self, name: str, metric: str, pairs: Sequence[Both], confidence: float
    ) -> Difference | None:
        ours, theirs = ([pair[i].scores[metric] for pair in pairs] for i in (0, 1))
        try:
            found = paired_difference(ours, theirs, [row.group for row, _ in pairs], confidence)
        except StatisticsInputError:
            return None
        return Difference(
            name=name,
            rows=found.rows,
            champion=fmean(theirs),
            candidate=fmean(ours),
            estimate=found.estimate,
            low=found.low,
            high=found.high,
            confidence=found.confidence,
        )


def flips(compared: Compared, subject: Subject, rows: Sequence[Example]) -> tuple[Flip, ...]:
    """The first rows that flipped, lost ones first, in readable form."""
    expected = {example.id: example.expected for example in rows}
    lost, gained = compared.flipped()
    return tuple(
        Flip(
            id=ours.id,
            question=readable.question(subject, ours),
            champion=readable.answer(subject, theirs.output),
            candidate=readable.answer(subject, ours.output),
            gained=which is gained,
            expected=readable.readable(expected.get(ours.id, {})),
        )
        for which in (lost, gained)
        for ours, theirs in which[:_FLIPS]
    )


def milliseconds(evaluation: Evaluation) -> float | None:
    """Mean milliseconds per answer, in batches and with the LLM's cache; None without rows."""
    latencies = [row.latency for row in evaluation.rows]
    return 1000 * fmean(latencies) if latencies else None


def tokens(evaluation: Evaluation) -> float | None:
    """Mean tokens per answer, prompt and completion; None if no answer counts them."""
    counts = [_tokens(row.output) for row in evaluation.rows]
    return fmean(counts) if any(counts) else None


def _tokens(output: Output) -> float:
    found = (output.get(name) for name in _TOKENS)
    return sum(value for value in found if isinstance(value, int | float))
