"""Minimum values of single metrics: what is never acceptable, however good the rest is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from fullturn.core.entities import Evaluation
from fullturn.core.errors import StatisticsInputError
from fullturn.core.settings import GateSettings
from fullturn.core.wording import listed, nearest
from fullturn.gates.check import Check, Evidence, Verdict, failed, inconclusive, passed
from fullturn.gates.judged import judged_metrics, shown_level
from fullturn.metrics import Metric, levels
from fullturn.metrics.metric import SHARE
from fullturn.statistics.intervals import Interval


@dataclass(frozen=True, slots=True)
class _Floor:
    """A metric beside its floor, which is a ceiling where lower is better."""

    metric: Metric
    alone: Interval
    """As wide as one test at alpha needs it."""
    together: Interval
    """As wide as the tests of all floors at alpha together need it."""
    floor: float

    @property
    def is_missed(self) -> bool:
        """Whether the whole wider interval is on the wrong side."""
        if self.metric.direction == "higher":
            return self.together.high < self.floor
        return self.together.low > self.floor

    @property
    def is_met(self) -> bool:
        """Whether the whole narrower interval is on the right side."""
        if self.metric.direction == "higher":
            return self.alone.low >= self.floor
        return self.alone.high <= self.floor

    @property
    def level(self) -> Interval:
        """The one that decided."""
        return self.alone if self.is_met else self.together

    def __str__(self) -> str:
        word = "floor" if self.metric.direction == "higher" else "ceiling"
        shown = shown_level(self.level, self.metric.unit)
        return f"{self.metric.name} {shown}, {word} {self.floor:g}"

    def figures(self) -> dict[str, object]:
        """What the report stores; unit and direction where they are not the usual ones."""
        metric = self.metric
        unit = {} if metric.unit == SHARE else {"unit": metric.unit}
        direction = {} if metric.direction == "higher" else {"direction": metric.direction}
        return {**asdict(self.level), "floor": self.floor, **unit, **direction}


class Floors(Check):
    """Every metric with a floor in the settings is above it (below it, where lower is better).

    All must be above, so each is tested at alpha (intersection-union test; Berger, Technometrics
    24, 1982); one below is enough to fail, so that is tested at alpha ÷ floors (Bonferroni).
    """

    code, family, needs = "EVAL05", "quality", ("candidate",)

    def judge(self, evidence: Evidence, limits: GateSettings) -> Verdict:
        if not limits.floors:
            return Verdict("NOT_APPLICABLE", "no score has a floor in the settings")
        assert evidence.candidate is not None
        metrics = {m.name: m for m in judged_metrics(evidence.candidate, evidence)}
        found, unknown = _floors(metrics, evidence.candidate, limits)
        figures = {name: one.figures() for name, one in found.items()}
        missed = [one for one in found.values() if one.is_missed]
        across = [one for one in found.values() if not one.is_met]
        reason = "; ".join(map(str, missed or across or found.values()))
        if missed:
            return failed(reason, scores=figures)
        if unknown:
            why = "; ".join([*unknown.values(), *([reason] if reason else [])])
            return Verdict("INCONCLUSIVE", why, {"scores": figures}, tuple(unknown))
        return (inconclusive if across else passed)(reason, scores=figures)


def _floors(
    metrics: Mapping[str, Metric], candidate: Evaluation, limits: GateSettings
) -> tuple[dict[str, _Floor], dict[str, str]]:
    """Those that can be compared with their floor, and why others cannot."""
    found, unknown = dict[str, _Floor](), dict[str, str]()
    confidences = (1 - 2 * limits.alpha, 1 - 2 * limits.alpha / len(limits.floors))
    for name, floor in limits.floors.items():
        if name not in metrics:
            hint = nearest(name, list(metrics))
            unknown[name] = f"there is no metric '{name}'{hint}, only: {listed(list(metrics))}"
            continue
        metric = metrics[name]
        low, high = metric.bounds
        if not low < floor < high:
            unknown[name] = f"the floor {floor:g} of {name} is not between {low:g} and {high:g}"
            continue
        try:
            alone, together = levels(metric, candidate.rows, *confidences)
        except StatisticsInputError as error:
            unknown[name] = f"{name} cannot be computed: {error}"
            continue
        found[name] = _Floor(metric, alone, together, floor)
    return found, unknown
