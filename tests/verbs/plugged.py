"""Plug-ins of the toy project: one of each kind, and some with faults. Test data throughout."""

from __future__ import annotations

from fullturn import (
    Check,
    Evidence,
    Example,
    Output,
    RowScorer,
    Scores,
    Verdict,
)
from fullturn.core.settings import GateSettings


class NoConstant(Check):
    """The candidate gives more than one label."""

    code, family, needs = "MINE01", "own", ("candidate",)

    def judge(self, evidence: Evidence, limits: GateSettings) -> Verdict:
        assert evidence.candidate is not None
        labels = {str(row.output["label"]) for row in evidence.candidate.rows}
        outcome = "PASSED" if len(labels) > 1 else "FAILED"
        return Verdict(outcome, f"{len(labels)} labels on {len(evidence.candidate.rows)} rows")


class Raises(NoConstant):
    """It never comes to a verdict."""

    code = "MINE02"

    def judge(self, evidence: Evidence, limits: GateSettings) -> Verdict:
        raise ValueError("no such key: 'label'")


class Short(RowScorer):
    """Whether the label is short."""

    def score(self, row: Example, output: Output) -> Scores:
        return {"short": float(len(output["label"]) < 8)}


class Again(RowScorer):
    """It uses a name of the app's."""

    def score(self, row: Example, output: Output) -> Scores:
        return {"right": 1.0}
