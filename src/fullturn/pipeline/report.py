"""The report of a pipeline: one page of Markdown for a pull request, and JUnit XML.

Everything on the page may come from a stranger: whatever is quoted goes through
`fullturn.core.wording`, and the page is short enough for a comment whatever it is given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from fullturn.core.entities import CheckResult
from fullturn.core.wording import code, cut, prose
from fullturn.pipeline import sections
from fullturn.pipeline.records import Delivery, StepResult, from_json, to_json
from fullturn.pipeline.sections import LIMITS, ReportLimits, left_out

__all__ = ["MARKER", "MOST", "from_json", "to_json", "to_junit", "to_markdown"]

MARKER = "<!-- fullturn-report -->"
"""The first line; the comment of an earlier run is found by it and replaced."""
MOST = 60_000
"""Characters of a page; GitHub takes 65,536 in a comment."""
SIGNS = {"PASSED": "✅", "FAILED": "❌", "INCONCLUSIVE": "❔", "COULD_NOT_EVALUATE": "⛔"}
_HEADINGS = {
    "PASSED": "passed",
    "FAILED": "refused",
    "INCONCLUSIVE": "inconclusive",
    "COULD_NOT_EVALUATE": "could not be evaluated",
}
_OF_CHECKS = {**SIGNS, "NOT_APPLICABLE": "➖"}
_OF_STEPS = {0: "✅", 1: "❌", 3: "❔", None: "➖"}
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


def to_markdown(delivery: Delivery) -> str:
    """The page, in GitHub's Markdown: fewer than MOST characters, lists shortened if necessary."""
    page = ""
    for limits in LIMITS:
        page = "\n".join(_page(delivery, limits)) + "\n"
        if len(page) < MOST:
            break
    return page


def _page(delivery: Delivery, limits: ReportLimits) -> Iterator[str]:
    yield from (MARKER, *_verdict(delivery, limits))
    yield from _warnings(delivery, limits)
    if delivery.unchanged and delivery.verdict == "PASSED":
        return
    yield from _subjects(delivery, limits)
    yield from sections.compared(delivery, limits)
    yield from sections.ingredients(delivery, limits)
    yield from _checks(delivery, limits)
    yield from _steps(delivery, limits)
    yield from _reproduce(delivery)


def _verdict(delivery: Delivery, limits: ReportLimits) -> Iterator[str]:
    same = delivery.unchanged and delivery.verdict == "PASSED"
    word = "nothing to decide" if same else _HEADINGS[delivery.verdict]
    yield f"## {SIGNS[delivery.verdict]} {prose(delivery.project, 80)}: {word}"
    yield from ("", prose(delivery.reason, 2 * limits.text), "")


def _warnings(delivery: Delivery, limits: ReportLimits) -> Iterator[str]:
    if delivery.warnings:
        yield "> [!WARNING]"
        shown = [prose(text, 3 * limits.text) for text in delivery.warnings[: limits.lists]]
        bullet = "- " if len(delivery.warnings) > 1 else ""
        yield from (f"> {bullet}{text}" for text in shown)
        if left := left_out(delivery.warnings, limits.lists):
            yield f"> - {left}"
        yield ""


def _subjects(delivery: Delivery, limits: ReportLimits) -> Iterator[str]:
    git = delivery.checkout
    facts = []
    for role, one in (("Candidate", delivery.candidate), ("Champion", delivery.champion)):
        if one is not None:
            of = f" of commit {code(one.commit[:12])}" if one.commit else ""
            facts.append(f"{role}: {prose(one.name, limits.text)}{of}")
    if git.branch:
        facts.append(code(git.branch) + (f" → {code(git.base)}" if git.base else ""))
    if git.code.commit:
        facts.append(f"commit {code(git.code.commit[:12])}")
    if facts:
        yield from (" · ".join(facts), "")


def _checks(delivery: Delivery, limits: ReportLimits) -> Iterator[str]:
    if delivery.gate is None:
        return
    results = delivery.gate.results
    opened = "" if delivery.gate.outcome == "PASSED" else " open"
    yield f"<details{opened}><summary>Checks of the gate: {_counted(results)}</summary>"
    yield from ("", "| | Check | Found |", "|---|---|---|")
    for one in results[: limits.checks]:
        waived = f" Waived: {prose(one.waived, limits.text)}" if one.waived is not None else ""
        found = f"{prose(one.reason, 2 * limits.text)}{waived}"
        title = f"{code(one.code)} {prose(one.title, limits.text)}"
        yield f"| {_OF_CHECKS[one.outcome]} | {title} | {found} |"
    yield from _closed(left_out(results, limits.checks))


def _counted(results: tuple[CheckResult, ...]) -> str:
    words = ["waived" if r.waived is not None else r.outcome for r in results]
    named = {"PASSED": "passed", "FAILED": "failed", "INCONCLUSIVE": "open", "waived": "waived"}
    return ", ".join(f"{words.count(key)} {word}" for key, word in named.items() if key in words)


def _steps(delivery: Delivery, limits: ReportLimits) -> Iterator[str]:
    if not delivery.steps:
        return
    failed = any(step.exit_code for step in delivery.steps)
    seconds = sum(step.seconds for step in delivery.steps)
    yield f"<details{' open' if failed else ''}><summary>Steps: {seconds:.1f} s</summary>"
    yield from ("", "| | Step | Command | Seconds | |", "|---|---|---|--:|---|")
    yield from (_step(step, limits) for step in delivery.steps[: limits.lists])
    yield from _closed(left_out(delivery.steps, limits.lists))


def _step(step: StepResult, limits: ReportLimits) -> str:
    sign = _OF_STEPS.get(step.exit_code, "⛔")
    reached = step.exit_code is not None
    said = prose(step.reason, limits.text) or ("" if reached else "not reached")
    seconds = f"{step.seconds:.1f}" if reached else "–"
    return f"| {sign} | {code(step.name, 60)} | {code(step.command)} | {seconds} | {said} |"


def _closed(left: str) -> Iterator[str]:
    if left:
        yield from ("", left)
    yield from ("", "</details>", "")


def _reproduce(delivery: Delivery) -> Iterator[str]:
    found = delivery.checkout.code
    if found.commit and _COMMIT.fullmatch(found.commit):
        also = ", with the same uncommitted changes" if found.dirty else ""
        yield from (f"The same on your machine{also}:", "", "```sh")
        yield from (f"git checkout {found.commit} && fullturn ci", "```")


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
        _junit_step(pipeline, step)
    if delivery.gate is not None:
        gate = ET.SubElement(root, "testsuite", name="gate")
        for result in delivery.gate.results:
            _junit_check(gate, result)
    for suite in root:
        _count(suite)
    _count(root)
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def _junit_step(suite: ET.Element, step: StepResult) -> None:
    case = _case(suite, step.name, "pipeline", max(0.0, step.seconds))
    if step.exit_code is None:
        _note(case, "skipped", "not reached", step.reason)
    elif step.exit_code:
        kind = "failure" if step.exit_code == 1 else "error"
        _note(case, kind, f"exit code {step.exit_code}", step.reason)


def _junit_check(suite: ET.Element, result: CheckResult) -> None:
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
