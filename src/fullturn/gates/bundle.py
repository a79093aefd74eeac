"""Checks of the candidate's files."""

from __future__ import annotations

from fullturn.core.settings import GateSettings
from fullturn.gates.check import Check, Verdict, failed, passed
from fullturn.gates.evidence import Evidence


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
            return failed("the bundle holds no file", files=0)
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
