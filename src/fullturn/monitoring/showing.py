"""Detectors and alarms as people see them in a terminal or a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fullturn.core.entities import Alarm
from fullturn.core.showing import Block, Style, grid, line, styled, view
from fullturn.core.wording import readable
from fullturn.monitoring import report
from fullturn.monitoring.watch import DetectorState

SHOWN = 3
"""Number of the newest alarms that are shown."""
LONGEST = 85
"""Maximum length of an example, in characters."""
STYLES: dict[str, Style] = {
    "broken pipeline": "bad",
    "harmful shift": "bad",
    "harmless shift": "good",
    "unclear": "open",
}


def detector_blocks(states: Sequence[DetectorState], alarms: Sequence[Alarm]) -> Iterator[Block]:
    """The state of each detector, and the newest alarms."""
    yield grid(
        ("detector", ">requests", "alarm level", ">declared ARL", ">alarms"),
        (
            (
                state.name,
                f"{state.requests:,}",
                _bar(state.share) + (" cooldown" if state.resting else ""),
                f"{state.arl:,.0f}",
                str(state.alarms or "-"),
            )
            for state in states
        ),
    )
    for alarm in alarms[-SHOWN:]:
        yield from view(alarm)


@view.register
def _(result: Alarm) -> Iterator[Block]:
    found = result.diagnosis
    verdict = styled(found.verdict, STYLES[found.verdict])
    what = f" of {result.detector} after {report.observed_count(result)}: "
    yield line(styled("alarm", "bold"), what, verdict)
    yield line(f"  {found.reason}")
    if found.words:
        words = styled(", ".join(found.words), "bold")
        yield line("  words that became more frequent: ", words)
    others = [one for one in found.changes if one.sentence not in found.reason]
    for change in others[:3]:
        yield line("  ", styled(change.sentence, "dim"))
    for example in found.examples[:2]:
        text = readable(example["input"], report.column_of(result.detector))
        yield line("  ", styled(f"for example: {_short(text)}", "dim"))


def _short(text: str) -> str:
    """Text shortened to one line."""
    words = " ".join(text.split())
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"


def _bar(share: float) -> str:
    filled = round(10 * share)
    return "█" * filled + "░" * (10 - filled) + f" {share:4.0%}"
