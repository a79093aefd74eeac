"""Checks of quality on the test split, paired row by row and clustered by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fullturn.core.entities import Evaluation
from fullturn.core.settings import GateSettings
from fullturn.core.wording import listed, nearest
from fullturn.gates.check import Check, Evidence, Verdict, failed, inconclusive, no_evidence, passed
from fullturn.gates.judged import (
    Judged,
    compared,
    compared_with,
    difference_at,
    interval_figures,
    is_share,
    judged_metrics,
    level_figures,
    primary_metric,
    shown,
    shown_level,
)
from fullturn.metrics import Difference, Metric, RowMetric, level, paired_rows
from fullturn.metrics.metric import number, suffix
from fullturn.statistics.paired import holm


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
        assert evidence.candidate is not None and evidence.baseline is not None
        metric = primary_metric(evidence.candidate, evidence)
        gain = difference_at(limits.alpha, metric, evidence.candidate, evidence.baseline)
        p = gain.p_not_worse()
        reason = f"{compared_with(gain, metric, 'the baseline')}, {_rounded(p)}"
        figures = {
            "metric": metric.name,
            "p": p,
            **interval_figures(gain),
            **level_figures(gain),
        }
        if p < limits.alpha:
            return passed(reason, **figures)
        return (failed if gain.estimate <= 0 else inconclusive)(reason, **figures)


class NonInferior(Check):
    """On no metric is the candidate worse than the champion by more than the margin."""

    code, family, needs = "EVAL03", "quality", ("candidate", "champion")

    def applies(self, evidence: Evidence) -> str | None:
        return None if evidence.champion_name else "there is no champion yet"

    def judge(self, evidence: Evidence, limits: GateSettings) -> Verdict:
        assert evidence.candidate is not None and evidence.champion is not None
        metrics = judged_metrics(evidence.candidate, evidence)
        judged = compared(metrics, evidence.candidate, evidence.champion, limits)
        found, margins = judged.found, judged.margins
        unknown = {**judged.unknown, **_unknown_margins(metrics, limits)}
        if not found:
            return no_evidence(_reasons(unknown), *unknown)
        if not unknown and _is_one_model(evidence):
            return _of_one_model(found, margins, limits)
        # All metrics must pass, so each may be tested at alpha (intersection-union test; Berger,
        # Technometrics 24, 1982); one is enough to fail, so those p-values are adjusted.
        not_worse = {name: one.p_not_worse(margins[name]) for name, one in found.items()}
        worse = holm({name: one.p_worse(margins[name]) for name, one in found.items()})
        detectable = {name: one.detectable() for name, one in found.items()}
        figures: dict[str, Any] = {
            "margin": limits.margin,
            "metrics": {
                name: {
                    **interval_figures(one),
                    **level_figures(one),
                    **({} if margins[name] == limits.margin else {"margin": margins[name]}),
                    "p_not_worse": not_worse[name],
                    "p_worse": worse[name],
                    "minimum_detectable_effect": detectable[name],
                }
                for name, one in found.items()
            },
        }
        primary = next(iter(found))
        chance = _pass_probability(found[primary], margins[primary], limits.alpha)
        if chance is not None:
            figures["pass_probability"] = chance
        open_metrics = [name for name in found if not_worse[name] >= limits.alpha]
        losers = [name for name in open_metrics if worse[name] < limits.alpha]
        figures |= _too_few(judged, open_metrics, limits.alpha)
        named = losers or open_metrics or [primary]
        lowest = min(named, key=lambda name: found[name].estimate / margins[name])
        unit = found[lowest].unit
        reason = (
            f"{lowest} {shown(found[lowest])}; margin {margins[lowest]:g}{suffix(unit)}, "
            f"smallest detectable difference {number(detectable[lowest], unit)}{suffix(unit)}; "
            f"{_power(chance)}{f' on {primary}' if len(found) > 1 else ''}{_needed(figures)}"
        )
        if losers:
            return failed(reason, **figures)
        if unknown:
            missing = f"no evidence: {_reasons(unknown)}; {reason}"
            return Verdict("INCONCLUSIVE", missing, figures, tuple(unknown))
        return (inconclusive if open_metrics else passed)(reason, **figures)


class Slices(Check):
    """No slice with enough rows scores below its floor; it fails if a whole interval does.

    A slice whose interval contains the floor is inconclusive, and named; the check is too if the
    lowest estimate is below the floor.
    """

    code, family, needs = "EVAL04", "quality", ("candidate",)

    def applies(self, evidence: Evidence) -> str | None:
        rows = evidence.candidate.rows if evidence.candidate else ()
        sliced = any(row.slices for row in rows)
        return "the data has no slices" if rows and not sliced else None

    def judge(self, evidence: Evidence, limits: GateSettings) -> Verdict:
        assert evidence.candidate is not None
        metric, floor = _of_slices(evidence.candidate, evidence), limits.slice_floor
        if not is_share(metric):
            why = f"slice_floor is a share, and {metric.name} is measured in {metric.unit}"
            return Verdict("NOT_APPLICABLE", why)
        slices, small = _slices(evidence.candidate, limits.slice_rows)
        without = {
            name: missing
            for name, part in slices.items()
            if (missing := metric.applies(part.rows)) is not None
        }
        slices = {name: part for name, part in slices.items() if name not in without}
        if not slices:
            first = next((f"; {name}: {reason}" for name, reason in without.items()), "")
            return inconclusive(
                f"none of {len(small) + len(without)} slices has {limits.slice_rows} rows in two "
                f"groups or more{first}"
            )
        confidence = 1 - 2 * limits.alpha / len(slices)
        intervals = {name: level(metric, part.rows, confidence) for name, part in slices.items()}
        figures = {
            "metric": metric.name,
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
            "too_small": [*small, *without],
        }
        below = [name for name, interval in intervals.items() if interval.high < floor]
        lowest = min(below or intervals, key=lambda name: intervals[name].estimate)
        across = [name for name in intervals if intervals[name].low < floor <= intervals[name].high]
        found = f"lowest {lowest}: {shown_level(intervals[lowest])}, floor {floor}"
        reason = f"{len(slices)} slices; {found}{_unknown(across)}"
        if below:
            return failed(reason, **figures)
        if intervals[lowest].estimate < floor:
            return inconclusive(reason, **figures)
        return passed(reason, **figures)


def _is_one_model(evidence: Evidence) -> bool:
    """Whether candidate and champion have the same files, and gave the same answers here."""
    assert evidence.candidate is not None and evidence.champion is not None
    if not evidence.identical:
        return False
    pair = paired_rows(evidence.candidate.rows, evidence.champion.rows)
    return all(ours.output == theirs.output for ours, theirs in zip(*pair, strict=True))


def _of_one_model(
    found: Mapping[str, Difference], margins: Mapping[str, float], limits: GateSettings
) -> Verdict:
    """The difference is 0 by identity, however few rows there are: nothing is estimated."""
    exactly = {"estimate": 0.0, "low": 0.0, "high": 0.0, "p_not_worse": 0.0, "p_worse": 1.0}
    metrics = {
        name: {
            **interval_figures(one),
            **level_figures(one),
            **({} if margins[name] == limits.margin else {"margin": margins[name]}),
            **exactly,
            "minimum_detectable_effect": 0.0,
        }
        for name, one in found.items()
    }
    rows = next(iter(found.values())).rows
    return passed(
        f"candidate and champion are the same files, and answered all {rows} rows the same: the "
        "difference is exactly 0",
        margin=limits.margin,
        metrics=metrics,
        identical=True,
    )


def _of_slices(candidate: Evaluation, evidence: Evidence) -> Metric:
    """The metric of slices: the first one; instead of one that the settings put first, a mean
    over rows, as a slice may have one label only, and its floor is a share."""
    metrics = judged_metrics(candidate, evidence)
    means = (one for one in metrics if isinstance(one, RowMetric) and is_share(one))
    return next(means, metrics[0]) if evidence.primary else metrics[0]


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
    return f"; inconclusive slices: {listed(across)}"


def _pass_probability(one: Difference, margin: float, alpha: float) -> float | None:
    """Probability that an equally good candidate passes: the power of the check.

    None if no row was scored differently: the little spread assumed then was not observed.
    """
    return one.pass_probability(margin, alpha) if one.discordant_groups else None


def _power(chance: float | None) -> str:
    if chance is None:
        return "both score the same in every row"
    # Neither 0 nor 100 %: the approximation does not reach that far.
    return f"power: {min(99, max(1, round(100 * chance)))} % for an equally good candidate"


def _too_few(judged: Judged, unclear: Sequence[str], alpha: float) -> dict[str, int]:
    """How many groups there are and how many are needed, if only their number is the cause."""
    pairs = [(judged.found[name], judged.margins[name]) for name in unclear]
    if not pairs or any(one.discordant_groups for one, _ in pairs):
        return {}
    needed = max(one.groups_needed(margin, alpha) for one, margin in pairs)
    return {"groups": pairs[0][0].groups, "groups_needed": needed}


def _unknown_margins(metrics: Sequence[Metric], limits: GateSettings) -> dict[str, str]:
    names = [metric.name for metric in metrics]
    return {
        name: f"[gates] margins names it, but it is not judged{nearest(name, names)}"
        for name in limits.margins
        if name not in names
    }


def _reasons(unknown: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {why}" for name, why in unknown.items())


def _needed(figures: Mapping[str, Any]) -> str:
    if "groups_needed" not in figures:
        return ""
    return (
        f", but {figures['groups']} groups of test rows are too few to show it: about "
        f"{figures['groups_needed']} are needed"
    )


def _ids(evaluation: Evaluation | None) -> set[str]:
    return {row.id for row in evaluation.rows} if evaluation else set()


def _rounded(p: float) -> str:
    return f"p = {p:.2g}" if p >= 0.0001 else "p < 0.0001"
