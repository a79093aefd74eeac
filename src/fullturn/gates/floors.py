"""Demands on single scores: what is never acceptable, however good the rest is."""

from __future__ import annotations

from dataclasses import asdict

from fullturn.core.settings import GateSettings
from fullturn.gates.check import Check, Verdict, failed, inconclusive, passed
from fullturn.gates.evidence import Evidence
from fullturn.statistics.intervals import cluster_mean


class Floors(Check):
    """Every score that the settings give a floor is above it."""

    code, family, needs = "EVAL05", "quality", ("candidate",)

    def judge(self, evidence: Evidence, limits: GateSettings) -> Verdict:
        if not limits.floors:
            return Verdict("NOT_APPLICABLE", "no score has a floor in the settings")
        evaluation = evidence.candidate
        assert evaluation is not None
        unknown = sorted(limits.floors.keys() - set(evaluation.metrics))
        if unknown:
            known = ", ".join(evaluation.metrics) or "none"
            return inconclusive(f"there is no score '{unknown[0]}', only: {known}")
        found = {
            name: cluster_mean(evaluation.column(name), evaluation.groups, 1 - 2 * limits.alpha)
            for name in limits.floors
        }
        figures = {
            name: {**asdict(level), "floor": limits.floors[name]} for name, level in found.items()
        }
        below = [name for name in found if found[name].high < limits.floors[name]]
        across = [name for name in found if found[name].low < limits.floors[name]]
        shown = below or across or list(found)
        reason = "; ".join(
            f"{name} {found[name].estimate:.3f} [{found[name].low:.3f}, {found[name].high:.3f}], "
            f"floor {limits.floors[name]:g}"
            for name in shown
        )
        if below:
            return failed(reason, scores=figures)
        return (inconclusive if across else passed)(reason, scores=figures)
