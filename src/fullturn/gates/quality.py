"""Checks of quality on the test split, paired row by row and clustered by group."""

from __future__ import annotations

from collections.abc import Iterator

from fullturn.entities import Evaluation
from fullturn.gates.check import Check, Verdict, failed, inconclusive, passed
from fullturn.gates.evidence import Evidence
from fullturn.settings import GateSettings
from fullturn.statistics.intervals import Interval, cluster_mean
from fullturn.statistics.multiplicity import holm
from fullturn.statistics.paired import (
    PairedDifference,
    inferiority_p,
    non_inferiority_p,
    paired_difference,
)
from fullturn.statistics.power import minimum_detectable_effect


class RowsOut(Check):
    """As many rows came out, in all evaluations, as went in."""

    code, family, needs = "EVAL01", "quality", ("candidate", "baseline")

    def judge(self, evidence: Evidence, limits: GateSettings) -> Verdict:
        for evaluation in (evidence.candidate, evidence.baseline, evidence.champion):
            if evaluation is not None and len(evaluation.rows) != evaluation.expected_rows:
                return failed(
                    f"{evaluation.subject}: {len(evaluation.rows)} rows out of "
                    f"{evaluation.expected_rows}",
                    rows=len(evaluation.rows),
                    expected=evaluation.expected_rows,
                )
        rows = evidence.candidate.expected_rows if evidence.candidate else 0
        return passed(f"{rows} rows in, {rows} out", rows=rows)


class BeatsBaseline(Check):
    """The candidate is better than the trivial baseline."""

    code, family, needs = "EVAL02", "quality", ("candidate", "baseline")

    def judge(self, evidence: Evidence, limits: GateSettings) -> Verdict:
        metric, ours, theirs, groups = paired_scores(evidence.candidate, evidence.baseline)
        difference = paired_difference(ours, theirs, groups)
        p = inferiority_p(theirs, ours, groups)
        reason = f"{metric} {_shown(difference)} against the baseline, p = {p:.2g}"
        figures = {"metric": metric, "p": p, **_figures(difference)}
        if p < limits.alpha:
            return passed(reason, **figures)
        return (failed if difference.estimate <= 0 else inconclusive)(reason, **figures)


class NonInferior(Check):
    """On no metric is the candidate worse than the champion by more than the margin."""

    code, family, needs = "EVAL03", "quality", ("candidate", "champion")

    def applies(self, evidence: Evidence) -> str | None:
        return None if evidence.champion_name else "there is no champion yet"

    def judge(self, evidence: Evidence, limits: GateSettings) -> Verdict:
        assert evidence.candidate is not None
        pairs = {
            metric: paired_scores(evidence.candidate, evidence.champion, metric)[1:]
            for metric in evidence.candidate.metrics
        }
        raw = {m: non_inferiority_p(*pair, limits.margin) for m, pair in pairs.items()}
        not_worse = holm(raw)
        worse = holm({m: 1 - p for m, p in raw.items()})
        shown = {m: paired_difference(*pair) for m, pair in pairs.items()}
        primary = evidence.candidate.metrics[0]
        smallest = minimum_detectable_effect(*pairs[primary])
        figures = {
            "margin": limits.margin,
            "minimum_detectable_effect": smallest,
            "metrics": {
                m: {**_figures(shown[m]), "p_not_worse": not_worse[m], "p_worse": worse[m]}
                for m in pairs
            },
        }
        open_metrics = [m for m in pairs if not_worse[m] >= limits.alpha]
        tail = f"margin {limits.margin}, detectable {smallest:.3f}"
        if not open_metrics:
            return passed(f"{primary} {_shown(shown[primary])}; {tail}", **figures)
        losers = [m for m in open_metrics if worse[m] < limits.alpha]
        if losers:
            return failed(f"{losers[0]} {_shown(shown[losers[0]])}; {tail}", **figures)
        first = open_metrics[0]
        return inconclusive(f"{first} {_shown(shown[first])}; {tail}", **figures)


class Slices(Check):
    """Every slice with enough rows is above its floor."""

    code, family, needs = "EVAL04", "quality", ("candidate",)

    def judge(self, evidence: Evidence, limits: GateSettings) -> Verdict:
        assert evidence.candidate is not None
        slices = dict(_slices(evidence.candidate, limits.slice_rows))
        if not slices:
            return passed("the data has no slices", slices={})
        confidence = 1 - 2 * limits.alpha / len(slices)
        metric, floor = evidence.candidate.metrics[0], limits.slice_floor
        intervals = {
            name: cluster_mean(part.column(metric), part.groups, confidence)
            for name, part in slices.items()
        }
        figures = {
            "floor": floor,
            "slices": {
                name: {"rows": len(slices[name].rows), "estimate": i.estimate, "high": i.high}
                for name, i in intervals.items()
            },
        }
        lowest = min(intervals, key=lambda name: intervals[name].estimate)
        reason = (
            f"{len(slices)} slices; lowest {lowest}: {_level(intervals[lowest])}, floor {floor}"
        )
        if any(interval.high < floor for interval in intervals.values()):
            return failed(reason, **figures)
        if intervals[lowest].estimate < floor:
            return inconclusive(reason, **figures)
        return passed(reason, **figures)


def paired_scores(
    candidate: Evaluation | None, reference: Evaluation | None, metric: str | None = None
) -> tuple[str, list[float], list[float], list[str]]:
    """Metric, both columns and the groups, on the rows that both evaluations hold."""
    assert candidate is not None and reference is not None
    metric = metric or candidate.metrics[0]
    theirs = {row.id: row.scores[metric] for row in reference.rows}
    rows = [row for row in candidate.rows if row.id in theirs]
    ours = [row.scores[metric] for row in rows]
    return metric, ours, [theirs[row.id] for row in rows], [row.group for row in rows]


def _slices(evaluation: Evaluation, least: int) -> Iterator[tuple[str, Evaluation]]:
    names = sorted({item for row in evaluation.rows for item in row.slices.items()})
    for key, value in names:
        rows = tuple(row for row in evaluation.rows if row.slices.get(key) == value)
        if len(rows) >= least and len({row.group for row in rows}) > 1:
            part = Evaluation(
                evaluation.subject, evaluation.dataset, evaluation.split, rows, len(rows), 0.0
            )
            yield f"{key}={value}", part


def _shown(difference: PairedDifference) -> str:
    return f"{difference.estimate:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"


def _level(interval: Interval) -> str:
    return f"{interval.estimate:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def _figures(difference: PairedDifference) -> dict[str, float]:
    return {"estimate": difference.estimate, "low": difference.low, "high": difference.high}
