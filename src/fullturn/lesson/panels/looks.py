"""The looks at a release, drawn: each guardrail's two e-processes on their way to a threshold."""

from __future__ import annotations

from collections.abc import Callable

from fullturn.lesson.panels.events import Tell, axis, line, mark, point, say, table
from fullturn.release.records import Decision, Reading, Stage
from fullturn.verbs.release_state import Release

WORSE, FINE = "worse", "fine"
COLUMNS = ("guardrail", ">champion", ">new", ">difference", "worse?", "not worse?")
ABOUT = {
    "shadow": "shadow: the new version answers copies of requests, which no user sees",
    "canary": "canary: some users get the new version, as many form the control group",
}


class Looks:
    """Told every look at a release."""

    def __init__(self, tell: Tell, asked: Callable[[], int]) -> None:
        """`asked` counts the requests so far."""
        self._tell, self._asked = tell, asked
        self._stage: Stage | None = None

    def __call__(self, release: Release, decision: Decision) -> None:
        """Draw it."""
        at = self._asked()
        if decision.stage != self._stage:
            self._begin(decision, at)
        for one in decision.readings:
            if one.pairs:
                self._tell(point(WORSE, one.guardrail, at, max(1e-3, one.worse)))
                self._tell(point(FINE, one.guardrail, at, max(1e-3, one.not_worse)))
        self._tell(table("guardrails", COLUMNS, [_row(one) for one in decision.readings]))
        if decision.action == "advance":
            points = 100 * decision.margin
            self._tell(say(f"shown on every guardrail: worse by less than {points:.0f} points"))

    def _begin(self, decision: Decision, at: int) -> None:
        if self._stage is None:
            first = decision.readings[0]
            self._tell(axis(WORSE, "e-value: it is worse", "requests"))
            self._tell(line(WORSE, first.worse_at, "rolls back", log=True))
            self._tell(axis(FINE, "e-value: it is not worse", "requests"))
            self._tell(line(FINE, first.not_worse_at, "shown", log=True))
        self._stage = decision.stage
        self._tell(say(ABOUT[decision.stage]))
        for plot in (WORSE, FINE):
            self._tell(mark(plot, at, decision.stage))


def _row(one: Reading) -> tuple[str, ...]:
    return (
        one.guardrail,
        f"{100 * one.champion:.1f} %",
        f"{100 * one.candidate:.1f} %",
        f"{100 * one.difference:+.1f}",
        one.worse_told,
        one.not_worse_told,
    )
