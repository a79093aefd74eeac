"""The report of a pipeline: one page of Markdown for a pull request, JSON, and JUnit XML.

Everything on the page may come from a stranger: whatever is quoted goes through
`fullturn.core.wording`, and the page is short enough for a comment whatever it is given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fullturn.core.entities import CheckResult
from fullturn.core.wording import code, prose
from fullturn.pipeline import sections
from fullturn.pipeline.junit import to_junit
from fullturn.pipeline.records import Delivery, Ended
from fullturn.pipeline.rendering import LIMITS, ReportLimits, left_out
from fullturn.pipeline.stored import from_json, to_json

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
    for room in LIMITS:
        page = "\n".join(_page(delivery, room)) + "\n"
        if len(page) < MOST:
            break
    return page


def _page(delivery: Delivery, room: ReportLimits) -> Iterator[str]:
    yield from (MARKER, *_verdict(delivery, room))
    yield from _warnings(delivery, room)
    if delivery.unchanged and delivery.verdict == "PASSED":
        return
    yield from _subjects(delivery, room)
    yield from sections.compared(delivery, room)
    yield from sections.ingredients(delivery, room)
    yield from _checks(delivery, room)
    yield from _steps(delivery, room)
    yield from _reproduce(delivery)


def _verdict(delivery: Delivery, room: ReportLimits) -> Iterator[str]:
    same = delivery.unchanged and delivery.verdict == "PASSED"
    word = "nothing to decide" if same else _HEADINGS[delivery.verdict]
    yield f"## {SIGNS[delivery.verdict]} {prose(delivery.project, 80)}: {word}"
    yield from ("", prose(delivery.reason, 2 * room.text), "")


def _warnings(delivery: Delivery, room: ReportLimits) -> Iterator[str]:
    if delivery.warnings:
        yield "> [!WARNING]"
        shown = [prose(text, 3 * room.text) for text in delivery.warnings[: room.lists]]
        bullet = "- " if len(delivery.warnings) > 1 else ""
        yield from (f"> {bullet}{text}" for text in shown)
        if left := left_out(delivery.warnings, room.lists):
            yield f"> - {left}"
        yield ""


def _subjects(delivery: Delivery, room: ReportLimits) -> Iterator[str]:
    git = delivery.checkout
    facts = []
    for role, one in (("Candidate", delivery.candidate), ("Champion", delivery.champion)):
        if one is not None:
            of = f" of commit {code(one.commit[:12])}" if one.commit else ""
            facts.append(f"{role}: {prose(one.name, room.text)}{of}")
    if git.branch:
        facts.append(code(git.branch) + (f" → {code(git.base)}" if git.base else ""))
    if git.code.commit:
        facts.append(f"commit {code(git.code.commit[:12])}")
    if facts:
        yield from (" · ".join(facts), "")


def _checks(delivery: Delivery, room: ReportLimits) -> Iterator[str]:
    if delivery.gate is None:
        return
    results = delivery.gate.results
    opened = "" if delivery.gate.outcome == "PASSED" else " open"
    yield f"<details{opened}><summary>Checks of the gate: {_counted(results)}</summary>"
    yield from ("", "| | Check | Found |", "|---|---|---|")
    for one in results[: room.checks]:
        waived = f" Waived: {prose(one.waived, room.text)}" if one.waived is not None else ""
        found = f"{prose(one.reason, 2 * room.text)}{waived}"
        title = f"{code(one.code)} {prose(one.title, room.text)}"
        yield f"| {_OF_CHECKS[one.outcome]} | {title} | {found} |"
    yield from _closed(left_out(results, room.checks))


def _counted(results: tuple[CheckResult, ...]) -> str:
    words = ["waived" if r.waived is not None else r.outcome for r in results]
    named = {"PASSED": "passed", "FAILED": "failed", "INCONCLUSIVE": "open", "waived": "waived"}
    return ", ".join(f"{words.count(key)} {word}" for key, word in named.items() if key in words)


def _steps(delivery: Delivery, room: ReportLimits) -> Iterator[str]:
    if not delivery.steps:
        return
    failed = any(step.exit_code for step in delivery.steps)
    seconds = sum(step.seconds for step in delivery.steps)
    yield f"<details{' open' if failed else ''}><summary>Steps: {seconds:.1f} s</summary>"
    yield from ("", "| | Step | Command | Seconds | |", "|---|---|---|--:|---|")
    yield from (_step(step, room) for step in delivery.steps[: room.lists])
    yield from _closed(left_out(delivery.steps, room.lists))


def _step(step: Ended, room: ReportLimits) -> str:
    sign = _OF_STEPS.get(step.exit_code, "⛔")
    reached = step.exit_code is not None
    said = prose(step.reason, room.text) or ("" if reached else "not reached")
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
