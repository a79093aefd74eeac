"""Release a new version under live traffic and plot the evidence at every look."""

from __future__ import annotations

from collections.abc import Callable

from fullturn.core.entities import Params
from fullturn.core.errors import Inconclusive, Refused
from fullturn.demo.example import broken_copy
from fullturn.lesson.panels.events import (
    Emit,
    Options,
    axis,
    line,
    mark,
    outcome,
    point,
    say,
    table,
)
from fullturn.lesson.panels.preparing import BROKEN_DATA, restore
from fullturn.lesson.panels.stage import Stage
from fullturn.registry import promotion, versions
from fullturn.release import state
from fullturn.release.records import Decision, Reading
from fullturn.release.records import Stage as ReleaseStage
from fullturn.release.state import Release
from fullturn.verbs import release
from fullturn.verbs.data import commit
from fullturn.verbs.gate import GateResult, gate
from fullturn.verbs.train import train
from fullturn.verbs.workspace import Workspace

WORSE, FINE = "worse", "fine"
COLUMNS = ("guardrail", ">champion", ">new", ">difference", "worse", "non-inferior")
ABOUT = {
    "shadow": "shadow: the new version answers copies of requests; users do not see its answers",
    "canary": "canary: some users get the new version, and an equal number form the control group",
}


class Looks:
    """Shows every look at a release."""

    def __init__(self, emit: Emit, asked: Callable[[], int]) -> None:
        """`asked` counts the requests so far."""
        self._emit, self._asked = emit, asked
        self._stage: ReleaseStage | None = None

    def __call__(self, release: Release, decision: Decision) -> None:
        """Plot this look."""
        at = self._asked()
        if decision.stage != self._stage:
            self._begin(decision, at)
        for one in decision.readings:
            if one.pairs:
                self._emit(point(WORSE, one.guardrail, at, max(1e-3, one.worse)))
                self._emit(point(FINE, one.guardrail, at, max(1e-3, one.not_worse)))
        self._emit(table("guardrails", COLUMNS, [_row(one) for one in decision.readings]))
        if decision.action == "advance":
            points = 100 * decision.margin
            self._emit(say(f"non-inferior on every guardrail (margin {points:.0f} points)"))

    def _begin(self, decision: Decision, at: int) -> None:
        if self._stage is None:
            first = decision.readings[0]
            self._emit(axis(WORSE, "e-value: worse", "requests"))
            self._emit(line(WORSE, first.worse_at, "roll back", log=True))
            self._emit(axis(FINE, "e-value: non-inferior", "requests"))
            self._emit(line(FINE, first.not_worse_at, "shown", log=True))
        self._stage = decision.stage
        self._emit(say(ABOUT[decision.stage]))
        for plot in (WORSE, FINE):
            self._emit(mark(plot, at, decision.stage))


def _row(one: Reading) -> tuple[str, ...]:
    return (
        one.guardrail,
        f"{100 * one.champion:.1f} %",
        f"{100 * one.candidate:.1f} %",
        f"{100 * one.difference:+.1f}",
        one.worse_text,
        one.not_worse_text,
    )


HEALTHY, BROKEN = "healthy", "broken"
CHOICES = (
    {"value": HEALTHY, "label": "a good version"},
    {"value": BROKEN, "label": "a version trained on broken data"},
)
RATE = 300.0
"""Maximum requests per second. All are labelled, because the canary needs labels."""
MARGIN = 0.15
"""Non-inferiority margin; this one needs half as many answers as the example's."""
VARIATIONS: tuple[Params, ...] = (
    {"passages": 4},
    {"sentences": 5},
    {"passages": 4, "sentences": 5},
)
"""Changes to the app's defaults, used in turn: different answers of similar quality."""


def perform(stage: Stage, options: Options, emit: Emit) -> None:
    """Train a version, gate it and release it."""
    project = stage.project
    stage.warm()
    make = broken if options.get("version") == BROKEN else healthy
    gated = make(project, emit)
    if gated.version is None:
        emit(outcome(gated.report.outcome, "the gate did not pass; nothing is released"))
        return
    number = gated.version.version
    emit(say(f"the gate passed: version {number}. Now the release decides, on live traffic"))
    with stage.audience(RATE, labelled=1.0) as audience:
        watch = Looks(emit, lambda: audience.counts().asked)
        emit(outcome(*_released(project, str(number), watch)))
        seen = audience.counts()
    emit(say(f"{seen.failed} of {seen.asked:,} requests failed meanwhile"))


def healthy(project: Workspace, emit: Emit) -> GateResult:
    """A small parameter change on the same data."""
    made, now = len(state.releases(project.store)), _champions(project)
    defaults = project.subject.defaults
    changes = [VARIATIONS[(made + n) % len(VARIATIONS)] for n in range(len(VARIATIONS))]
    change = next(one for one in changes if _text({**defaults, **one}) != now)
    named = ", ".join(f"{name} {value}" for name, value in change.items()) or "defaults"
    emit(say(f"training a version with a small change ({named}), then gating it"))
    trial = train(project, change, name=f"{named}, again" if made else named, seed=made + 1)
    return gate(project, trial.run.id)


def broken(project: Workspace, emit: Emit) -> GateResult:
    """The same parameters on a data copy without five chapters and their test questions."""
    data = commit(project, broken_copy(project), BROKEN_DATA, confirm_fewer_rows=True)
    emit(say(f"dataset version {data.version}: the copy was cut short and lost {data.removed} "
             "rows, including test questions; training on it, then gating"))  # fmt: skip
    try:
        trial = train(project, {}, name="on the broken copy")
        return gate(project, trial.run.id)
    finally:
        restore(project, emit)


def _champions(project: Workspace) -> dict[str, str]:
    """The champion's parameters that the app has."""
    number = promotion.champion(project.store)
    run = project.store.run(versions.version(project.store, str(number)).run_id)
    return {name: run.params.get(name, "") for name in project.subject.defaults}


def _text(params: Params) -> dict[str, str]:
    return {name: str(value) for name, value in params.items()}


def _with_wider_margin(project: Workspace) -> Workspace:
    """The project with a wider margin, which the release's run records."""
    settings = project.settings
    release = settings.release.model_copy(update={"margin": max(MARGIN, settings.release.margin)})
    return Workspace(project.root, settings.model_copy(update={"release": release}))


def _released(project: Workspace, reference: str, watch: Looks) -> tuple[str, str]:
    try:
        ended = release.release(_with_wider_margin(project), reference, watch)
    except (Refused, Inconclusive):
        ended = state.releases(project.store)[0]
        return "ROLLED BACK", f"version {ended.version} in {ended.stage}: {ended.reason}"
    points = 100 * ended.settings.margin
    why = f"non-inferior on every guardrail (margin {points:.0f} points)"
    return "PROMOTED", f"version {ended.version} is champion: {why}"
