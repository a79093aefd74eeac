"""Checks of the data that a candidate was made from."""

from __future__ import annotations

from fullturn.core.settings import GateSettings
from fullturn.gates.check import Check, Verdict, failed, no_evidence, passed
from fullturn.gates.evidence import Evidence
from fullturn.gates.quality import primary_metric
from fullturn.statistics.intervals import cluster_mean


class DataDigest(Check):
    """The dataset version still has the digest that the run recorded."""

    code, family, needs = "DATA01", "data", ("data",)
    about = ("training",)

    def judge(self, evidence: Evidence, limits: GateSettings) -> Verdict:
        state = evidence.data
        assert state is not None
        if state.recorded != state.found:
            return failed(
                f"the run recorded {state.recorded[:12]}, the rows have {state.found[:12]}: "
                "train again on a committed version",
                recorded=state.recorded,
                found=state.found,
            )
        return passed(f"digest {state.found[:12]}", digest=state.found)


class Leakage(Check):
    """No test row was trained on, and the test score is not better than an unseen one can be."""

    code, family, needs = "DATA02", "data", ("leakage", "candidate", "validation")

    def judge(self, evidence: Evidence, limits: GateSettings) -> Verdict:
        state = evidence.leakage
        assert state is not None
        if state.shared:
            return failed(
                f"{len(state.shared)} of {state.test_rows} test rows are among the "
                f"{state.trained_rows} rows trained on, first '{state.shared[0]}'",
                shared=len(state.shared),
            )
        if not state.test_rows:
            return no_evidence("no test row was looked up among those trained on", "leakage")
        return self._gap(evidence, limits)

    def _gap(self, evidence: Evidence, limits: GateSettings) -> Verdict:
        test, validation = evidence.candidate, evidence.validation
        assert test is not None and validation is not None
        metric = primary_metric(test)
        here, there = (
            cluster_mean(e.column(metric), e.groups, 1 - limits.alpha) for e in (test, validation)
        )
        gap = here.estimate - there.estimate
        width = ((here.estimate - here.low) ** 2 + (there.high - there.estimate) ** 2) ** 0.5
        figures = {"test": here.estimate, "validation": there.estimate, "gap_low": gap - width}
        if gap - width > limits.leakage_margin:
            return failed(
                f"{metric} is {here.estimate:.3f} on test and {there.estimate:.3f} on validation: "
                f"at least {gap - width:.3f} too good to be unseen",
                **figures,
            )
        return passed(
            f"0 of {evidence.leakage.test_rows if evidence.leakage else 0} test rows trained on; "
            f"test minus validation {gap:+.3f}",
            **figures,
        )
