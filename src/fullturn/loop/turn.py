"""One pass through the loop: do what is due, and say what and why."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

from fullturn.entities import RunRecord
from fullturn.errors import Inconclusive, Refused
from fullturn.experiments.tracking import reap
from fullturn.loop.gating import gate
from fullturn.loop.project import Progress, Project, commit, latest, silent
from fullturn.loop.promoting import promote
from fullturn.loop.training import Trial, search
from fullturn.registry import promotion, versions
from fullturn.registry.versions import MODEL
from fullturn.store import PREFIX


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a turn did or found not due."""

    stage: str
    done: bool
    what: str
    why: str


def turn(project: Project, progress: Progress = silent) -> Iterator[Step]:
    """Data → experiments → gate → registry → promotion; each step as it ends.

    Raises:
        Refused: the gate failed.
        Inconclusive: the gate could not decide.
    """
    for run in reap(project.store, project.state):
        yield Step("runs", True, f"closed run '{run.name}'", "its process is gone")
    version = yield from _data(project)
    best = yield from _experiments(project, version, progress)
    yield from _gate(project, best, progress)


def _data(project: Project) -> Generator[Step, None, int]:
    before = latest(project)
    data = commit(project, [], "turn")
    new = data.version != before
    why = f"{data.added} rows added, {data.removed} removed, {data.changed} changed"
    what = f"dataset version {data.version}, {data.rows} rows"
    yield Step("data", new, what, why if new else "the files have not changed")
    return data.version


def _experiments(
    project: Project, version: int, progress: Progress
) -> Generator[Step, None, RunRecord]:
    known = trained(project, version)
    if known:
        best = max(known, key=primary_of)
        why = f"{len(known)} runs on dataset version {version} exist"
        yield Step("experiments", False, f"best is '{best.name}'", why)
        return best
    count = project.settings.experiment.candidates
    trials = search(project, count, version=version, progress=progress)
    yield Step("experiments", True, _outcome(trials), f"no run on dataset version {version} yet")
    return trials[0].run


def _gate(project: Project, best: RunRecord, progress: Progress) -> Iterator[Step]:
    champion = promotion.settle(project.store)
    if champion and versions.version(project.store, str(champion)).run_id == best.id:
        yield Step("gate", False, f"version {champion} is champion", "it is the best run")
        return
    gated = gate(project, best.id, progress=progress)
    blocking = [r for r in gated.report.results if r.outcome in ("FAILED", "INCONCLUSIVE")]
    why = "; ".join(f"{r.code} {r.outcome}: {r.reason}" for r in blocking[:2])
    if gated.version is None:
        error = Refused if gated.report.outcome == "FAILED" else Inconclusive
        raise error(f"the gate of '{best.name}' ended {gated.report.outcome}: {why}")
    passed = sum(r.outcome == "PASSED" for r in gated.report.results)
    yield Step("gate", True, f"'{best.name}' PASSED", f"{passed} checks passed, none open")
    reason = f"gate {gated.run[:8]} passed"
    promote(project, str(gated.version.version), reason)
    yield Step("registry", True, f"version {gated.version.version} is champion", reason)


def trained(project: Project, version: int) -> list[RunRecord]:
    """Finished training runs on a dataset version that stored a bundle and raced to the end."""
    return [
        run
        for run in project.store.runs("train")
        if run.status == "FINISHED"
        and run.tags.get(PREFIX + "data") == str(version)
        and MODEL in run.tags
        and not run.tags.get(PREFIX + "race", "stopped").startswith("stopped")
    ]


def primary_of(run: RunRecord) -> float:
    """A run's primary score on the validation split."""
    name = run.tags.get(PREFIX + "primary", "")
    return run.metrics.get(f"validation.{name}", 0.0)


def _outcome(trials: list[Trial]) -> str:
    stopped = sum(trial.race.stopped for trial in trials)
    best = trials[0]
    metric = best.race.evaluation.metrics[0]
    tail = f", {stopped} stopped early" if stopped else ""
    return f"{len(trials)} candidates{tail}; best '{best.run.name}': {metric} {best.score:.3f}"
