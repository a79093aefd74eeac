"""One turn of the lifecycle: run every step that is due, with reasons.

Each stage reads the stored state before it acts, and stores its decision before it acts on it. So
the next turn resumes one that was killed, and neither repeats nor skips an effect.
"""

from __future__ import annotations

import contextlib
import shlex
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

from fullturn.core.entities import ModelVersion, RunRecord
from fullturn.core.errors import CouldNotEvaluate, Inconclusive, Refused
from fullturn.core.locks import project_lock
from fullturn.core.showing import Block, Result, Table, line, styled, then, view
from fullturn.evidence.signing import require_library
from fullturn.monitoring.report import observed_count
from fullturn.registry import history as histories
from fullturn.registry import promotion, versions
from fullturn.release import state
from fullturn.release.state import Release
from fullturn.serving import log
from fullturn.tracking.runs import reap
from fullturn.verbs import retrain
from fullturn.verbs.data import commit
from fullturn.verbs.deliver import deployment_route
from fullturn.verbs.gate import gate, reusable_gate
from fullturn.verbs.monitor import Monitor
from fullturn.verbs.parts import candidate
from fullturn.verbs.parts.admission import refusal, require_own_model, rolled_back, undecided
from fullturn.verbs.parts.candidate import (
    best_of,
    edited,
    of_sources,
    parameters,
    trained_on,
    usable_runs,
)
from fullturn.verbs.parts.register import complete
from fullturn.verbs.parts.training import Trial
from fullturn.verbs.promote import promote
from fullturn.verbs.release import OnLook, begin, follow, promoted
from fullturn.verbs.train import search_parameters, search_place
from fullturn.verbs.workspace import Progress, Workspace, latest, silent, unwatched

LATEST = 1000
"""Number of the newest steps that a watch returns."""


@dataclass(frozen=True, slots=True)
class Step(Result):
    """A step that a turn ran, or found not due."""

    stage: str
    done: bool
    what: str
    why: str


class Steps(Table[Step]):
    """The steps of a turn, in order."""

    question: str = "predict"
    """A command that queries the champion."""


@dataclass
class LoopRunner:
    """Runs turns of a project; its monitor remembers its place in the log between turns."""

    project: Workspace
    progress: Progress = silent
    on_look: OnLook = unwatched
    _monitor: Monitor | None = field(default=None, init=False)

    def turn(self) -> Iterator[Step]:
        """One turn, each step as it ends.

        Runs → release → monitoring → retraining → data → experiments → gate → deployment.

        Raises:
            Refused: the gate failed, or a release was rolled back by evidence.
            Inconclusive: the gate or a release could not decide.
            Conflict: another process is running a turn of this project.
        """
        settings = self.project.settings
        require_library(settings.signing, needed=settings.serving.signed)
        with project_lock(self.project.state, "fullturn turn"):
            for run in reap(self.project.store, self.project.state):
                yield Step("runs", True, f"marked run '{run.name}' KILLED", "its process is dead")
            yield from self._registry()
            yield from self._continue_release()
            yield from self._monitor_champion()
            version = yield from self._data()
            best = yield from self._experiments(version)
            candidate = yield from self._gate(best)
            if candidate:
                yield from self._deploy(candidate)

    def watch(self, every: float, pause: Callable[[float], None] = time.sleep) -> Iterator[Step]:
        """Run turns with a pause of `every` seconds; a turn that is refused is reported."""
        while True:
            try:
                yield from self.turn()
            except (Refused, Inconclusive) as error:
                yield Step("turn", False, "stopped here", str(error))
            except CouldNotEvaluate as error:
                yield Step(
                    "turn", False, "could not evaluate", f"{error}; the next turn tries again"
                )
            pause(every)

    def _registry(self) -> Iterator[Step]:
        """Whether the registered model is fullturn's, and has what the history says.

        Raises:
            Conflict: it is not, and nobody said that fullturn may use it.
            NotFound: the champion was deleted in MLflow.
        """
        store, found = self.project.store, histories.read(self.project.store)
        require_own_model(self.project)
        if found.champion is not None:
            versions.version(store, str(found.champion))
        foreign = promotion.alias_sentence(store, found)
        if foreign:
            yield Step("registry", False, "a foreign alias", foreign)

    def _continue_release(self) -> Iterator[Step]:
        opened = state.under_way(self.project.store)
        if opened and (opened.ending or log.writing(self.project.state)):
            yield _release_step(follow(self.project, opened, self.on_look))
        elif opened:
            why = (
                "no server runs here; run `fullturn turn --watch` next to the server to advance it"
            )
            yield Step("release", False, f"version {opened.version} is being released", why)

    def _monitor_champion(self) -> Iterator[Step]:
        if not log.exists(self.project.state) or promotion.champion(self.project.store) is None:
            return
        if self._monitor is None or not self._monitor.current:
            self._monitor = Monitor(self.project)
        for alarm in self._monitor.step():
            found = alarm.diagnosis
            what = f"alarm of {alarm.detector} after {observed_count(alarm)}: {found.verdict}"
            yield Step("monitoring", True, what, found.reason)
        trainable = self.project.subject.can("training")
        decided = retrain.consider(self._monitor) if trainable else None
        if decided:
            yield _retraining_step(decided)

    def _data(self) -> Generator[Step, None, int]:
        before = latest(self.project)
        data = commit(self.project, [], "turn")
        new = data.version != before
        why = f"{data.added} rows added, {data.removed} removed, {data.changed} changed"
        what = f"dataset version {data.version}, {data.rows} rows"
        yield Step("data", new, what, why if new else "the files are unchanged")
        return data.version

    def _experiments(self, version: int) -> Generator[Step, None, RunRecord]:
        project, settings = self.project, self.project.settings
        why = project.subject.lacks.get("training")
        if why is not None:
            run, before = candidate.newest_model(project)
            yield Step("experiments", not before, f"the candidate is '{run.name}'", why)
            return run
        usable = usable_runs(project, version)
        known = of_sources(project, usable)
        if known and not _is_interrupted(project, version):
            best = best_of(project, known)
            why = f"dataset version {version} has {len(known)} runs already"
            yield Step("experiments", False, f"best is '{best.name}'", why)
            return best
        champion = promotion.champion(project.store)
        count = settings.retraining.candidates if champion else settings.experiment.candidates
        trials = search_parameters(
            project,
            count,
            first=parameters(project),
            version=version,
            progress=self.progress,
            resume=True,
        )
        why = f"dataset version {version} has not been searched yet"
        if usable and not known:
            why = f"{edited(project, usable[0])} changed since '{usable[0].name}' was trained"
        yield Step("experiments", True, _outcome(trials), why)
        return trials[0].run

    def _gate(self, best: RunRecord) -> Generator[Step, None, ModelVersion | None]:
        project = self.project
        champion = promotion.sync_alias(project.store)
        registered = [v for v in project.store.versions(project.store.name) if v.run_id == best.id]
        registered = [complete(project, v) for v in registered]  # due after a turn that was killed
        if registered and registered[-1].version == champion:
            yield Step("gate", False, f"version {champion} is champion", "it is the best run")
            return None
        if registered:
            found = registered[-1]
            if histories.read(project.store).last_of(found.version):
                why = f"version {champion} came after it; to return to it, run `fullturn rollback`"
                yield Step("gate", False, f"version {found.version} was champion before", why)
                return None
            against = refusal(project, found)
            if against is None or rolled_back(project, found):
                why = f"version {found.version} is registered"
                yield Step("gate", False, f"'{best.name}' PASSED before", why)
                return found
        _refuse_unchanged(project, best)
        gated = gate(project, best.id, progress=self.progress)
        if gated.version is None:
            blocking = [
                one
                for outcome in ("FAILED", "INCONCLUSIVE")
                for one in gated.report.results
                if one.outcome == outcome and one.waived is None
            ]
            why = "; ".join(f"{r.code} {r.outcome}: {r.reason}" for r in blocking[:2])
            raise _blocked(best, gated.report.outcome, why)
        passed = sum(r.outcome == "PASSED" for r in gated.report.results)
        yield Step("gate", True, f"'{best.name}' PASSED", f"{passed} checks passed, none is open")
        if gated.unsigned:
            yield Step("evidence", False, "not signed", gated.unsigned)
        return gated.version

    def _deploy(self, version: ModelVersion) -> Iterator[Step]:
        """Release the version if a server runs, otherwise promote it directly."""
        project, number = self.project, version.version
        chosen, why = deployment_route(project, version)
        before = undecided(project, version)
        if before and chosen in ("by release", "elsewhere"):
            why = f"{before.reason}; `fullturn release {number}` releases it again"
            yield Step("release", False, f"version {number} was rolled back", why)
        elif chosen == "was refused":
            yield Step("release", False, f"version {number} was rolled back", why)
        elif chosen in ("by release", "elsewhere") and state.under_way(project.store):
            yield Step("release", False, f"version {number} waits", "another is being released")
        elif chosen in ("by release", "elsewhere"):
            opened = begin(project, version)
            yield Step(
                "release", True, f"release of version {number} starts", f"in {opened.stage}; {why}"
            )
            if chosen == "by release":
                yield _release_step(follow(project, opened, self.on_look))
        else:
            promote(project, number, why)
            yield Step("registry", True, f"version {number} is champion", why)


def turn(
    project: Workspace,
    watch: bool = False,
    every: float = 10.0,
    *,
    on_step: Callable[[Step], None] = lambda step: None,
    on_look: OnLook = unwatched,
    progress: Progress = silent,
) -> Steps:
    """Run every step that is due, with reasons: monitor, retrain, data, search, gate, release.

    With `watch`, repeat with a pause of `every` seconds until interrupted. `on_step` gets each step
    as it ends, `on_look` each look at a release.

    Raises:
        Refused: the gate failed, or a release was rolled back by evidence.
        Inconclusive: the gate or a release could not decide.
        Conflict: another process is running a turn of this project.
        CouldNotEvaluate: evidence is not available.
    """
    runner, steps = LoopRunner(project, progress, on_look), deque[Step](maxlen=LATEST)
    with contextlib.suppress(*([KeyboardInterrupt] if watch else [])):
        for step in runner.watch(every) if watch else runner.turn():
            steps.append(step)
            on_step(step)
    found = Steps(steps)
    found.question = question_for(project)
    return found


def question_for(project: Workspace) -> str:
    """The command that asks its champion, with the first inputs; `…` is for the reader to fill."""
    if project.subject.can("generated text"):
        return "ask '…'"
    names = project.subject.contract.names("input")
    more = " …" if len(names) > 3 else ""
    return "predict " + " ".join(f"{shlex.quote(name)}='…'" for name in names[:3]) + more


def _release_step(release: Release) -> Step:
    """The step of a release that was promoted.

    Raises:
        Refused, Inconclusive: it was rolled back.
    """
    ended = promoted(release)
    return Step("release", True, f"version {ended.version} is champion", ended.reason)


def _retraining_step(found: retrain.RecordedDecision) -> Step:
    decision = found.decision
    what = f"retrain, with {found.rows} new rows" if decision.retrain else "no retraining"
    return Step("retraining", decision.retrain, what, f"{decision.trigger}: {decision.reason}")


def _refuse_unchanged(project: Workspace, best: RunRecord) -> None:
    """Refuse a candidate whose gate did not pass, as long as nothing has changed."""
    stored = reusable_gate(project, best)
    if stored and stored.report.outcome != "PASSED":
        why = f"as before (gate {stored.run[:8]}); nothing has changed since"
        raise _blocked(best, stored.report.outcome, why)


def _blocked(best: RunRecord, outcome: str, why: str) -> Refused | Inconclusive:
    error = Refused if outcome == "FAILED" else Inconclusive
    return error(
        f"the gate of '{best.name}' ended {outcome}: {why}; `fullturn gate {best.id[:8]}` shows "
        "the report"
    )


def _is_interrupted(project: Workspace, version: int) -> bool:
    """Whether searches on this dataset version have begun, and none has finished."""
    runs = of_sources(project, trained_on(project, version))
    found = {search_place(run) for run in runs if run.status == "FINISHED"}
    finished = Counter(place[1] for place in found if place)
    return bool(finished) and all(count < size for size, count in finished.items())


def _outcome(trials: list[Trial]) -> str:
    stopped = sum(trial.race.stopped for trial in trials)
    best = trials[0]
    tail = f", {stopped} stopped early" if stopped else ""
    counted = f"{len(trials)} candidate{'s' if len(trials) > 1 else ''}"
    return f"{counted}{tail}; best '{best.run.name}': {best.headline}"


@view.register
def _(result: Step) -> Iterator[Block]:
    sign = styled("✓", "good") if result.done else styled("·", "dim")
    why = [styled(f" ({result.why})", "dim")] if result.why else []
    yield line(sign, " ", styled(f"{result.stage:<12}", "bold"), f" {result.what}", *why)


@view.register
def _(result: Steps) -> Iterator[Block]:
    for step in result:
        yield from view(step)
    yield then("fullturn history", "fullturn lineage champion", f"fullturn {result.question}")
