"""Release a new version under live traffic: shadow, canary, and what the evidence says."""

from __future__ import annotations

from fullturn.core.entities import Params
from fullturn.core.errors import Inconclusive, Refused
from fullturn.demo.example import broken_copy
from fullturn.lesson.panels.events import Options, Tell, outcome, say
from fullturn.lesson.panels.looks import Looks
from fullturn.lesson.panels.recovery import BROKEN_DATA, restore
from fullturn.lesson.panels.stage import Stage
from fullturn.registry import promotion, versions
from fullturn.verbs import release, release_state
from fullturn.verbs.data import commit
from fullturn.verbs.gate import GateResult, gate
from fullturn.verbs.train import train
from fullturn.verbs.workspace import Workspace

HEALTHY, BROKEN = "healthy", "broken"
CHOICES = (
    {"value": HEALTHY, "label": "a sound version"},
    {"value": BROKEN, "label": "a version from broken data"},
)
RATE = 300.0
"""Requests a second, at most. All are judged, as the canary decides by labels."""
MARGIN = 0.15
"""How much worse still counts as not worse: half as many answers decide as with the example's."""
VARIATIONS: tuple[Params, ...] = (
    {"passages": 4},
    {"sentences": 5},
    {"passages": 4, "sentences": 5},
)
"""Over the app's defaults, in turn: other answers, about as good, so that the gate passes them."""


def perform(stage: Stage, options: Options, tell: Tell) -> None:
    """Train a version, gate it, and let users' answers decide."""
    project = stage.project
    stage.warm()
    make = broken if options.get("version") == BROKEN else healthy
    gated = make(project, tell)
    if gated.version is None:
        tell(outcome(gated.report.outcome, "the gate did not let it through: nothing is released"))
        return
    number = gated.version.version
    tell(say(f"the gate passed: version {number}. From here on users' answers decide"))
    with stage.audience(RATE, labelled=1.0) as audience:
        watch = Looks(tell, lambda: audience.counts().asked)
        tell(outcome(*_released(project, str(number), watch)))
        seen = audience.counts()
    tell(say(f"{seen.failed} of {seen.asked:,} requests failed meanwhile"))


def healthy(project: Workspace, tell: Tell) -> GateResult:
    """A small change of parameters, on the same data."""
    made, now = len(release_state.releases(project)), _champions(project)
    defaults = project.app.defaults
    changes = [VARIATIONS[(made + n) % len(VARIATIONS)] for n in range(len(VARIATIONS))]
    change = next(one for one in changes if _text({**defaults, **one}) != now)
    named = ", ".join(f"{name} {value}" for name, value in change.items()) or "defaults"
    tell(say(f"training a version with a small change ({named}), then its gate"))
    trial = train(project, change, name=f"{named}, again" if made else named, seed=made + 1)
    return gate(project, trial.run.id)


def broken(project: Workspace, tell: Tell) -> GateResult:
    """The same parameters on a copy that lost five chapters, and all test questions on them."""
    data = commit(project, broken_copy(project), BROKEN_DATA)
    tell(say(f"data version {data.version}: a copy broke off, {data.removed} rows are lost, also "
             "test questions; training on it, then its gate"))  # fmt: skip
    try:
        trial = train(project, {}, name="on the broken copy")
        return gate(project, trial.run.id)
    finally:
        restore(project, tell)


def _champions(project: Workspace) -> dict[str, str]:
    """The parameters of the champion's run, as far as the app has them."""
    number = promotion.champion(project.store)
    run = project.store.run(versions.version(project.store, str(number)).run_id)
    return {name: run.params.get(name, "") for name in project.app.defaults}


def _text(params: Params) -> dict[str, str]:
    return {name: str(value) for name, value in params.items()}


def _deciding_soon(project: Workspace) -> Workspace:
    """The project with a wider margin; the release's run records it, as every setting."""
    settings = project.settings
    release = settings.release.model_copy(update={"margin": max(MARGIN, settings.release.margin)})
    return Workspace(project.root, settings.model_copy(update={"release": release}))


def _released(project: Workspace, reference: str, watch: Looks) -> tuple[str, str]:
    try:
        ended = release.release(_deciding_soon(project), reference, watch)
    except (Refused, Inconclusive):
        ended = release_state.releases(project)[0]
        return "ROLLED BACK", f"version {ended.version} in {ended.stage}: {ended.reason}"
    points = 100 * ended.settings.margin
    why = f"on every guardrail shown to be worse by less than {points:.0f} points"
    return "PROMOTED", f"version {ended.version} is champion: {why}"
