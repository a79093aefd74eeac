"""Checks of behaviour: the same question typed otherwise, or asked twice."""

from __future__ import annotations

import json

from fullturn.core.settings import GateSettings
from fullturn.gates.check import Check, Verdict, failed, inconclusive, no_evidence, passed
from fullturn.gates.evidence import Evidence
from fullturn.gates.judged import difference_at, interval_figures, points, primary_metric, shown
from fullturn.metrics.text import SHARE


class _Behaviour(Check):
    family, needs, about = "behaviour", ("behaviours",), ("text",)
    kind: str
    change: str

    def judge(self, evidence: Evidence, limits: GateSettings) -> Verdict:
        assert evidence.behaviours is not None
        if self.kind not in evidence.behaviours:
            return no_evidence(f"rows with {self.change} were not answered", "behaviours")
        clean, perturbed = evidence.behaviours[self.kind]
        for evaluation, how in ((clean, "as they are"), (perturbed, f"with {self.change}")):
            if len(evaluation.rows) != evaluation.expected_rows:
                return failed(
                    f"{len(evaluation.rows)} rows out of {evaluation.expected_rows} {how}"
                )
        metric = primary_metric(perturbed, evidence)
        drop = difference_at(limits.alpha, metric, perturbed, clean)
        margin = limits.behaviour_margin * points(metric, clean.rows)
        reason = (
            f"{metric.name} {shown(drop)} with {self.change} in {drop.rows} rows; "
            f"margin {margin if metric.unit == SHARE else format(margin, '.4g')}"
        )
        figures = {
            "metric": metric.name,
            "change": self.change,
            "margin": margin,
            "rows": drop.rows,
            **interval_figures(drop),
        }
        if drop.p_not_worse(margin) < limits.alpha:
            return passed(reason, **figures)
        worse = drop.p_worse(margin) < limits.alpha
        return (failed if worse else inconclusive)(reason, **figures)


class BehaviourTypos(_Behaviour):
    """Typing errors do not lower the score by more than the margin."""

    code, kind, change = "BEHV01", "typos", "typing errors"


class BehaviourCase(_Behaviour):
    """Capitals do not lower the score by more than the margin."""

    code, kind, change = "BEHV02", "case", "other capitals"


class BehaviourParaphrase(_Behaviour):
    """A polite frame around the question does not lower the score by more than the margin."""

    code, kind, change = "BEHV03", "paraphrase", "a polite frame"


class Determinism(Check):
    """Two separately loaded predictors answer the same rows the same."""

    code, family, needs = "BEHV04", "behaviour", ("repeated",)

    def judge(self, evidence: Evidence, limits: GateSettings) -> Verdict:
        assert evidence.repeated is not None
        first, second = evidence.repeated
        if not 0 < first.expected_rows == len(first.rows) == len(second.rows):
            return failed(
                f"of {first.expected_rows} rows, {len(first.rows)} were answered at first and "
                f"{len(second.rows)} when asked again"
            )
        differing = [
            a.id
            for a, b in zip(first.rows, second.rows, strict=True)
            if _text(a.output) != _text(b.output)
        ]
        if differing:
            return failed(
                f"{len(differing)} of {len(first.rows)} rows answered otherwise when asked again, "
                f"first '{differing[0]}'",
                differing=len(differing),
            )
        return passed(f"{len(first.rows)} rows answered the same twice", rows=len(first.rows))


def _text(output: object) -> str:
    return json.dumps(output, sort_keys=True, default=str)
