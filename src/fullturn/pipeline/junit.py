"""A delivery as JUnit XML, which every CI system can show."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from fullturn.core.entities import CheckResult
from fullturn.core.wording import cut
from fullturn.pipeline.records import Delivery, Ended

_UNALLOWED = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot represent, even escaped (section 2.2)."""
_LONGEST = 4000


def to_junit(delivery: Delivery) -> str:
    """Suite `pipeline` with a case for each step, suite `gate` with one for each check.

    What the evidence refuses is a failure; what is inconclusive or missing is an error; what was
    not reached, does not apply or was waived is skipped.
    """
    root = ET.Element("testsuites", name=_clean(f"fullturn {delivery.project}"))
    pipeline = ET.SubElement(root, "testsuite", name="pipeline")
    for step in delivery.steps:
        _step(pipeline, step)
    if delivery.gate is not None:
        gate = ET.SubElement(root, "testsuite", name="gate")
        for result in delivery.gate.results:
            _check(gate, result)
    for suite in root:
        _count(suite)
    _count(root)
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def _step(suite: ET.Element, step: Ended) -> None:
    case = _case(suite, step.name, "pipeline", max(0.0, step.seconds))
    if step.exit_code is None:
        _note(case, "skipped", "not reached", step.reason)
    elif step.exit_code:
        kind = "failure" if step.exit_code == 1 else "error"
        _note(case, kind, f"exit code {step.exit_code}", step.reason)


def _check(suite: ET.Element, result: CheckResult) -> None:
    case = _case(suite, f"{result.code} {result.title}", f"gate.{result.family}", 0.0)
    if result.waived is not None:
        _note(case, "skipped", f"waived: {result.waived}", f"{result.outcome}: {result.reason}")
    elif result.outcome == "NOT_APPLICABLE":
        _note(case, "skipped", "not applicable", result.reason)
    elif result.outcome != "PASSED":
        kind = "failure" if result.outcome == "FAILED" else "error"
        _note(case, kind, result.reason, f"{result.outcome}: {result.reason}")


def _case(suite: ET.Element, name: str, group: str, seconds: float) -> ET.Element:
    given = {"classname": _clean(group), "name": _clean(name), "time": f"{seconds:.3f}"}
    return ET.SubElement(suite, "testcase", given)


def _note(case: ET.Element, kind: str, message: str, text: str) -> None:
    ET.SubElement(case, kind, message=_clean(message)).text = _clean(text)


def _count(suite: ET.Element) -> None:
    cases = list(suite.iter("testcase"))
    suite.set("tests", str(len(cases)))
    for kind, word in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(word, str(sum(case.find(kind) is not None for case in cases)))
    suite.set("time", f"{sum(float(case.get('time', '0')) for case in cases):.3f}")


def _clean(text: str) -> str:
    return cut(_UNALLOWED.sub("\ufffd", text), _LONGEST)
