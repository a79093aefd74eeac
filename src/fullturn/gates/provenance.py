"""Checks of what a candidate was made from and what it consists of: its data and its files."""

from __future__ import annotations

from fullturn.core.settings import GateSettings
from fullturn.gates.check import Check, Evidence, Verdict, failed, no_evidence, passed
from fullturn.gates.judged import points, primary_metric
from fullturn.metrics import level
from fullturn.metrics.metric import number, signed, suffix


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
        metric = primary_metric(test, evidence)
        unit, better = metric.unit, 1 if metric.direction == "higher" else -1
        here, there = (level(metric, e.rows, 1 - limits.alpha) for e in (test, validation))
        gap = better * (here.estimate - there.estimate)
        ends = (
            (here.estimate - here.low, there.high - there.estimate)
            if better > 0
            else (here.high - here.estimate, there.estimate - there.low)
        )
        width = (ends[0] ** 2 + ends[1] ** 2) ** 0.5
        figures = {"test": here.estimate, "validation": there.estimate, "gap_low": gap - width}
        if gap - width > limits.leakage_margin * points(metric, test.rows):
            return failed(
                f"{metric.name} is {number(here.estimate, unit)} on test and "
                f"{number(there.estimate, unit)} on validation: at least "
                f"{number(gap - width, unit)}{suffix(unit)} too good to be unseen",
                **figures,
            )
        return passed(
            f"0 of {evidence.leakage.test_rows if evidence.leakage else 0} test rows trained on; "
            f"test minus validation {signed(here.estimate - there.estimate, unit)}{suffix(unit)}",
            **figures,
        )


class BundleComplete(Check):
    """Every file of the bundle is there and has the sha256 that its manifest states."""

    code, family, needs = "BNDL01", "bundle", ("bundle",)
    about = ("sealed bundle",)

    def judge(self, evidence: Evidence, limits: GateSettings) -> Verdict:
        state = evidence.bundle
        assert state is not None
        if state.problems:
            return failed("; ".join(state.problems[:3]), problems=list(state.problems))
        if not state.files:
            return failed("the bundle contains no files", files=0)
        return passed(f"{state.files} files match the manifest", files=state.files)


class BundleSafe(Check):
    """No file of the bundle can run code when it is loaded."""

    code, family, needs = "BNDL02", "bundle", ("bundle",)
    about = ("sealed bundle",)

    def judge(self, evidence: Evidence, limits: GateSettings) -> Verdict:
        state = evidence.bundle
        assert state is not None
        if state.unsafe:
            return failed("; ".join(state.unsafe[:3]), unsafe=list(state.unsafe))
        return passed(f"{state.files} files, all in safe formats", files=state.files)
