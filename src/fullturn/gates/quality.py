"""Checks of quality on the test split, paired row by row and clustered by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fullturn.core.entities import Evaluation
from fullturn.core.errors import StatisticsInputError
from fullturn.core.settings import GateSettings
from fullturn.core.wording import listed
from fullturn.gates.check import Check, Verdict, failed, inconclusive, passed
from fullturn.gates.evidence import Evidence
from fullturn.statistics.intervals import Interval, cluster_mean
from fullturn.statistics.multiplicity import holm
from fullturn.statistics.paired import (
    PairedDifference,
    inferiority_p,
    non_inferiority_p,
    paired_difference,
)
from fullturn.statistics.power import groups_needed, minimum_detectable_effect, pass_probability


class RowsOut(Check):
    """As many rows came out, in all evaluations, as went in."""

    code, family, needs = "EVAL01", "quality", ("candidate",)

    def judge(self, evidence: Evidence, limits: GateSettings) -> Verdict:
        for evaluation in (evidence.candidate, evidence.baseline, evidence.champion):
            if evaluation is not None and len(evaluation.rows) != evaluation.expected_rows:
                return failed(
                    f"{evaluation.subject}: {len(evaluation.rows)} rows out of "
                    f"{evaluation.expected_rows}",
                    rows=len(evaluation.rows),
                    expected=evaluation.expected_rows,
                )
            if evaluation is not None and _ids(evaluation) != _ids(evidence.candidate):
                return failed(f"{evaluation.subject}: other rows than those of the candidate")
        rows = evidence.candidate.expected_rows if evidence.candidate else 0
        return passed(f"{rows} rows in, {rows} out", rows=rows)


class BeatsBaseline(Check):
    """The candidate is better than the trivial baseline."""

    code, family, needs = "EVAL02", "quality", ("candidate", "baseline")
    about = ("baseline",)

    def judge(self, evidence: Evidence, limits: GateSettings) -> Verdict:
        metric, ours, theirs, groups = paired_scores(evidence.candidate, evidence.baseline)
        gain = difference_at(limits.alpha, ours, theirs, groups)
        p = inferiority_p(theirs, ours, groups)
        reason = f"{metric} {_shown(gain)} against the baseline, {_rounded(p)}"
        figures = {"metric": metric, "p": p, **interval_figures(gain), **_levels(ours, theirs)}
        if p < limits.alpha:
            return passed(reason, **figures)
        return (failed if gain.estimate <= 0 else inconclusive)(reason, **figures)


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
        # All metrics must pass, so each may be tested at alpha (intersection-union test; Berger,
        # Technometrics 24, 1982); one is enough to fail, so those p-values are adjusted.
        not_worse = {m: non_inferiority_p(*pair, limits.margin) for m, pair in pairs.items()}
        worse = holm({m: inferiority_p(*pair, limits.margin) for m, pair in pairs.items()})
        shown = {m: difference_at(limits.alpha, *pair) for m, pair in pairs.items()}
        primary = primary_metric(evidence.candidate)
        detectable = {m: minimum_detectable_effect(*pair) for m, pair in pairs.items()}
        figures = {
            "margin": limits.margin,
            "metrics": {
                m: {
                    **interval_figures(shown[m]),
                    **_levels(*pairs[m][:2]),
                    "p_not_worse": not_worse[m],
                    "p_worse": worse[m],
                    "minimum_detectable_effect": detectable[m],
                }
                for m in pairs
            },
        }
        chance = _chance_to_pass(shown[primary], limits)
        if chance is not None:
            figures["pass_probability"] = chance
        open_metrics = [m for m in pairs if not_worse[m] >= limits.alpha]
        losers = [m for m in open_metrics if worse[m] < limits.alpha]
        figures |= _too_few([shown[m] for m in open_metrics], limits)
        lowest = min(losers or open_metrics or [primary], key=lambda m: shown[m].estimate)
        reason = (
            f"{lowest} {_shown(shown[lowest])}; margin {limits.margin}, "
            f"smallest detectable difference {detectable[lowest]:.3f}; "
            f"{_foretold(chance)}{f' on {primary}' if len(pairs) > 1 else ''}{_wanted(figures)}"
        )
        if not open_metrics:
            return passed(reason, **figures)
        return (failed if losers else inconclusive)(reason, **figures)


class Slices(Check):
    """No slice with enough rows scores below its floor; it fails if a whole interval does.

    A slice whose interval holds the floor is not known to be on either side: it leaves the check
    open if its estimate is below, and is named.
    """

    code, family, needs = "EVAL04", "quality", ("candidate",)

    def applies(self, evidence: Evidence) -> str | None:
        rows = evidence.candidate.rows if evidence.candidate else ()
        sliced = any(row.slices for row in rows)
        return "the data has no slices" if rows and not sliced else None

    def judge(self, evidence: Evidence, limits: GateSettings) -> Verdict:
        assert evidence.candidate is not None
        metric, floor = primary_metric(evidence.candidate), limits.slice_floor
        slices, small = _slices(evidence.candidate, limits.slice_rows)
        if not slices:
            return inconclusive(
                f"none of {len(small)} slices has {limits.slice_rows} rows in two groups or more"
            )
        confidence = 1 - 2 * limits.alpha / len(slices)
        intervals = {
            name: cluster_mean(part.column(metric), part.groups, confidence)
            for name, part in slices.items()
        }
        figures = {
            "metric": metric,
            "floor": floor,
            "confidence": confidence,
            "slices": {
                name: {
                    "rows": len(slices[name].rows),
                    "estimate": i.estimate,
                    "low": i.low,
                    "high": i.high,
                }
                for name, i in intervals.items()
            },
            "too_small": small,
        }
        below = [name for name, interval in intervals.items() if interval.high < floor]
        lowest = min(below or intervals, key=lambda name: intervals[name].estimate)
        across = [name for name in intervals if intervals[name].low < floor <= intervals[name].high]
        reason = (
            f"{len(slices)} slices; lowest {lowest}: {_level(intervals[lowest])}, floor {floor}"
            f"{_unknown(across)}"
        )
        if below:
            return failed(reason, **figures)
        if intervals[lowest].estimate < floor:
            return inconclusive(reason, **figures)
        return passed(reason, **figures)


def paired_scores(
    candidate: Evaluation | None, reference: Evaluation | None, metric: str | None = None
) -> tuple[str, list[float], list[float], list[str]]:
    """Metric, both columns and the groups, on the rows that both evaluations hold."""
    assert candidate is not None and reference is not None
    metric = metric or primary_metric(candidate)
    theirs = {row.id: row.scores[metric] for row in reference.rows}
    rows = [row for row in candidate.rows if row.id in theirs]
    ours = [row.scores[metric] for row in rows]
    return metric, ours, [theirs[row.id] for row in rows], [row.group for row in rows]


def primary_metric(evaluation: Evaluation) -> str:
    """The first score.

    Raises:
        StatisticsInputError: there are no rows, hence no scores.
    """
    if not evaluation.metrics:
        raise StatisticsInputError(f"no row of '{evaluation.subject}' was answered")
    return evaluation.metrics[0]


def difference_at(
    alpha: float, ours: list[float], theirs: list[float], groups: list[str]
) -> PairedDifference:
    """The difference, with the interval that agrees with one-sided tests at `alpha`."""
    return paired_difference(ours, theirs, groups, 1 - 2 * alpha)


def interval_figures(difference: PairedDifference) -> dict[str, float]:
    """What the report draws."""
    return {
        "estimate": difference.estimate,
        "low": difference.low,
        "high": difference.high,
        "confidence": difference.confidence,
    }


def _slices(evaluation: Evaluation, least: int) -> tuple[dict[str, Evaluation], list[str]]:
    """Each slice's rows, and the names of those too small to be judged."""
    judged, small = dict[str, Evaluation](), list[str]()
    for key, value in sorted({item for row in evaluation.rows for item in row.slices.items()}):
        rows = tuple(row for row in evaluation.rows if row.slices.get(key) == value)
        if len(rows) >= least and len({row.group for row in rows}) > 1:
            judged[f"{key}={value}"] = replace(evaluation, rows=rows, expected_rows=len(rows))
        else:
            small.append(f"{key}={value}")
    return judged, small


def _unknown(across: Sequence[str]) -> str:
    if not across:
        return ""
    return f"; not known whether above or below it: {listed(across)}"


def _chance_to_pass(difference: PairedDifference, limits: GateSettings) -> float | None:
    """Chance that an equally good candidate is shown not to be worse by the margin.

    None if no row was scored differently: what little spread is then assumed was not observed.
    """
    if not difference.discordant_groups:
        return None
    return pass_probability(
        limits.margin, difference.standard_error, difference.groups, limits.alpha
    )


def _foretold(chance: float | None) -> str:
    if chance is None:
        return "both score the same in every row"
    # Neither 0 nor 100 %: the approximation does not reach that far.
    return f"an equally good candidate passes with {min(99, max(1, round(100 * chance)))} %"


def _too_few(unclear: Sequence[PairedDifference], limits: GateSettings) -> dict[str, int]:
    """How many groups there are and how many it takes, if only their number stands in the way."""
    if not unclear or any(difference.discordant_groups for difference in unclear):
        return {}
    needed = groups_needed(limits.margin, limits.alpha)
    return {"groups": unclear[0].groups, "groups_needed": needed}


def _wanted(figures: Mapping[str, Any]) -> str:
    if "groups_needed" not in figures:
        return ""
    return (
        f", but {figures['groups']} groups of test rows are too few to show it: about "
        f"{figures['groups_needed']} are needed"
    )


def _ids(evaluation: Evaluation | None) -> set[str]:
    return {row.id for row in evaluation.rows} if evaluation else set()


def _shown(difference: PairedDifference) -> str:
    return f"{difference.estimate:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"


def _rounded(p: float) -> str:
    return f"p = {p:.2g}" if p >= 0.0001 else "p < 0.0001"


def _level(interval: Interval) -> str:
    return f"{interval.estimate:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def _levels(ours: list[float], theirs: list[float]) -> dict[str, float]:
    return {"candidate": sum(ours) / len(ours), "reference": sum(theirs) / len(theirs)}
