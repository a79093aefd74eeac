"""What an alarm means: rules in a fixed order, each with a sentence that says why it applies.

1. The alarm is about the contract, failures, speed or scoring, or an input looks broken: nulls,
   another unit, a constant, cut texts → **broken pipeline**. Training on it would learn the fault.
2. The labels show that quality dropped → **harmful shift**; that it did not drop by more than the
   margin → **harmless shift**.
3. Without enough labels: the estimated loss or the share of abstentions has clearly risen by more
   than the margin → **harmful shift**, on an estimate.
4. Otherwise → **unclear**; the reason names the number of labels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from fullturn.core.entities import Change, Contract, Diagnosis, Observation, ScoredRow
from fullturn.core.settings import MonitoringSettings
from fullturn.monitoring.changes import STRONG, changes, proportions
from fullturn.monitoring.columns import ABSTAINED, CONFIDENCE, MISSING, as_number, watched
from fullturn.monitoring.detectors import (
    CONTRACT,
    ERRORS,
    QUALITY,
    SCORING,
    SLOW,
    Vectors,
    confidence_of,
    scored,
    violations,
)
from fullturn.monitoring.examples import (
    distinctive,
    examples,
    new_texts,
    rarity_scores,
    shift_scores,
    texts_of,
)
from fullturn.statistics.inputs import Floats
from fullturn.statistics.intervals import Interval, cluster_mean
from fullturn.statistics.rates import EstimatedLoss

LISTED = 6
"""Changes in a diagnosis, at most."""
Verdict = Literal["broken pipeline", "harmful shift", "harmless shift", "unclear"]


@dataclass(frozen=True)
class Case:
    """An alarm with everything that is known about it."""

    detector: str
    contract: Contract
    reference: tuple[ScoredRow, ...]
    answered: tuple[Observation, ...]
    """Requests since the change seems to have begun, as they were answered."""
    labelled: tuple[Observation, ...]
    """Those of them whose loss is known."""
    limits: MonitoringSettings
    vectors: Vectors
    unscored: tuple[str, ...] = ()
    """Why labelled answers could not be scored, one reason for each."""

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """Changes of all columns, the strongest first."""
        if not self.answered:
            return ()
        found = list[Change]()
        for column in watched(self.contract, self.reference):
            ours, theirs = self._cells(column.side)
            if ours:
                alarmed = column.name == self.detector
                found += changes(
                    column, column.values(theirs), column.values(ours), alarmed=alarmed
                )
        return tuple(sorted(found, key=lambda one: (not one.broken, -one.strength, one.column)))

    @cached_property
    def texts(self) -> tuple[list[str], list[str]]:
        """Texts of the requests, and of the reference."""
        return texts_of(self.contract, self.answered, self.reference)

    @cached_property
    def embedded(self) -> tuple[Floats, Floats]:
        """The vectors of `texts`."""
        live, before = (
            np.asarray(self.vectors(texts) if texts else np.zeros((0, 1)), dtype=np.float64)
            for texts in self.texts
        )
        return live, before

    @cached_property
    def new(self) -> list[bool]:
        """Which texts of the requests differ from the reference's; none if that may be chance."""
        return new_texts(*self.embedded)

    @property
    def shown_changes(self) -> tuple[Change, ...]:
        """The changes that examples should show: of columns that look broken, or that alarmed.

        A change of answers is better shown by a question on a new topic, if there is one.
        """
        broken = tuple(one for one in self.changes if one.broken)
        mine = tuple(one for one in self.changes if one.column == self.detector)
        if self.detector.startswith("output.") and any(self.new):
            mine = ()
        return broken or mine

    @property
    def expected(self) -> float:
        """Mean loss of the reference; not a number if nothing of it is scored."""
        losses = [row.bounded_loss for row in scored(self.reference)]
        return sum(losses) / len(losses) if losses else math.nan

    @cached_property
    def loss(self) -> Interval | None:
        """Mean loss of the labelled requests, at 95 %; None for fewer than two."""
        losses = [one.loss for one in self.labelled if one.loss is not None]
        return cluster_mean(losses, range(len(losses))) if len(losses) > 1 else None

    def _cells(self, side: Literal["input", "output"]) -> tuple[list[Any], list[Any]]:
        if side == "input":
            return [one.prediction.input for one in self.answered], [
                row.input for row in self.reference
            ]
        ours = [one.prediction.output for one in self.answered if one.prediction.output is not None]
        return ours, [row.output for row in self.reference]


def diagnose(case: Case) -> Diagnosis:
    """Apply the rules of this module."""
    verdict, reason = next(found for rule in RULES if (found := rule(case)) is not None)
    return Diagnosis(
        verdict=verdict,
        reason=reason,
        changes=case.changes[:LISTED],
        words=_words(case),
        examples=examples(case.answered, _nearness(case)),
        requests=len(case.answered),
        labelled=len(case.labelled),
    )


def _nearness(case: Case) -> list[float]:
    """How well each request shows the change."""
    if case.shown_changes or not (any(case.texts[0]) and any(case.texts[1])):
        return rarity_scores(case.contract, case.answered, case.reference, case.shown_changes)
    return shift_scores(*case.embedded)


def _words(case: Case) -> tuple[str, ...]:
    """Words of the new texts against all others; the rest would hide a new topic."""
    live, before = case.texts
    if not any(case.new):
        return distinctive(live, before)
    others = [text for text, new in zip(live, case.new, strict=True) if not new]
    return distinctive(
        [text for text, new in zip(live, case.new, strict=True) if new], before + others
    )


Rule = Callable[[Case], tuple[Verdict, str] | None]
_FAULTS = {
    ERRORS: "requests fail; retraining does not repair that",
    SLOW: "answers are slow; retraining does not repair that: check the server and what it calls",
}


def _broken(case: Case) -> tuple[Verdict, str] | None:
    if case.detector in _FAULTS:
        return "broken pipeline", _FAULTS[case.detector]
    if case.detector == SCORING:
        count = f"{len(case.unscored)} of {len(case.unscored) + len(case.labelled)}"
        first = f", the first: {case.unscored[0]}" if case.unscored else ""
        return "broken pipeline", (
            f"{count} labelled answers could not be scored{first}; correct score() of the app, or "
            "the labels passed to it"
        )
    broken = [change.sentence for change in case.changes if change.broken]
    bad, was = _violations(case)
    if bad and proportions(was, (bad, len(case.answered))) >= STRONG:
        broken.append(f"{bad} of {len(case.answered)} requests break the contract")
    elif case.detector == CONTRACT:
        broken.append("more requests break the contract than before")
    return ("broken pipeline", "; ".join(broken)) if broken else None


def _measured(case: Case) -> tuple[Verdict, str] | None:
    if case.loss is None or math.isnan(case.expected):
        return None
    loss, most = case.loss, case.expected + case.limits.margin
    figures = (
        f"mean loss {loss.estimate:.3f} [{loss.low:.3f}, {loss.high:.3f}] on {len(case.labelled)} "
        f"labelled requests, was {case.expected:.3f} on the reference"
    )
    if clipped := sum(one.clipped for one in case.labelled):
        figures += f" ({clipped} of the losses clipped to 1)"
    if loss.high < case.expected:
        return "harmless shift", f"{figures}: no harm, the loss is lower than before"
    if loss.high < most:
        return "harmless shift", f"{figures}: it has not risen by {case.limits.margin:g}"
    if loss.low > case.expected or (case.detector == QUALITY and loss.estimate > most):
        return "harmful shift", f"{figures}: quality dropped"
    return None


def _estimates(case: Case) -> tuple[Verdict, str] | None:
    for rule in (_estimated, _abstained):
        if found := rule(case):
            return "harmful shift", found
    return None


def _estimated(case: Case) -> str | None:
    known = scored(case.reference)
    sure = [as_number(row.output.get(CONFIDENCE)) for row in known]
    live = [found for one in case.answered if (found := confidence_of(one)) != MISSING]
    if not known or MISSING in sure or len(live) < 2:
        return None
    estimated = EstimatedLoss.learned(sure, [row.bounded_loss for row in known])
    losses = estimated.of(live)
    low = cluster_mean(losses, range(len(losses))).low
    if low <= case.expected or losses.mean() < case.expected + case.limits.margin:
        return None
    return (
        f"too few labels; the loss estimated from confidence is {losses.mean():.3f}, was "
        f"{case.expected:.3f} on the reference"
    )


def _abstained(case: Case) -> str | None:
    live = [one.prediction.output or {} for one in case.answered]
    if not live or not any(ABSTAINED in row.output for row in case.reference):
        return None
    x = sum(row.output.get(ABSTAINED) is True for row in case.reference)
    y = sum(output.get(ABSTAINED) is True for output in live)
    m, n = len(case.reference), len(live)
    if y / n - x / m < case.limits.margin or proportions((x, m), (y, n)) < STRONG:
        return None
    return f"too few labels; {y / n:.0%} of requests get no answer, before {x / m:.0%}"


def _unclear(case: Case) -> tuple[Verdict, str]:
    n = len(case.labelled)
    return "unclear", (
        f"too few labels to tell whether quality dropped by {case.limits.margin:g}: {n} since the "
        "change; give feedback on more requests"
    )


def _violations(case: Case) -> tuple[int, tuple[int, int]]:
    bad = sum(violations([one.prediction.input for one in case.answered], case.contract))
    was = sum(violations([row.input for row in case.reference], case.contract))
    return bad, (was, len(case.reference))


RULES: Sequence[Rule] = (_broken, _measured, _estimates, _unclear)
