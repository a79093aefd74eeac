"""Race untried candidates and show the runs as they arrive."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence

from fullturn.core.entities import Params, Scalar
from fullturn.lesson.panels.events import Emit, Options, axis, interval, line, outcome, say, table
from fullturn.lesson.panels.stage import Stage
from fullturn.tracking.runs import reap
from fullturn.tracking.search import candidates
from fullturn.verbs.parts.candidate import best_of, usable_runs
from fullturn.verbs.parts.training import Trial, recall, train_one
from fullturn.verbs.workspace import Workspace, latest

RANKED = "retrieval"
SPACE = 200
"""Larger than the assistant's search space."""
SCORES = "scores"
COLUMNS = ("", "candidate", ">score", ">95 % interval", ">answered", "race")


def perform(stage: Stage, options: Options, emit: Emit) -> None:
    """Train several parameter sets; each races the best run so far."""
    project = stage.project
    reap(project.store, project.state)
    known = usable_runs(project, latest(project) or 0)
    leader = recall(project, best_of(project, known))
    chosen = untried(project)
    metric = leader.race.evaluation.metrics[0]
    emit(axis(SCORES, f"{metric}: mean and 95 % interval", "candidate"))
    emit(line(SCORES, leader.score, f"best so far {leader.score:.3f}"))
    emit(
        say(f"the best run so far is '{leader.run.name}'; {len(chosen)} candidates race against it")
    )
    rows, trials = [("best", *_row(leader, "earlier run"))], list[Trial]()
    _show(emit, rows, 0, leader, "best so far")
    for number, (name, params) in enumerate(chosen.items(), 1):
        emit(table("runs", COLUMNS, [*rows, (str(number), name, "…", "", "", "training")]))
        trial = train_one(project, params, name=name, best=leader)
        trials.append(trial)
        rows.append((str(number), *_row(trial, _ended(trial))))
        _show(emit, rows, number, trial, _ended(trial))
        emit(say(f"run {trial.run.id[:8]}: {_raced(trial)}"))
        if not trial.race.stopped and trial.score > leader.score:
            leader = trial
            emit(line(SCORES, leader.score, f"best so far {leader.score:.3f}"))
    stopped = sum(trial.race.stopped for trial in trials)
    saved = sum(t.race.evaluation.expected_rows - len(t.race.evaluation.rows) for t in trials)
    emit(
        outcome(
            f"{len(trials)} RUNS",
            f"{stopped} stopped early, saving {saved} answers; best: '{leader.run.name}' "
            f"with {leader.score:.3f}",
        )
    )


def untried(project: Workspace) -> dict[str, Params]:
    """Parameter sets without a run, by name: one with the app's default retrieval, one with
    another retrieval, and one with a fixed threshold.

    Once all sets have been tried, they repeat.
    """
    app, draw = project.subject, random.Random(time.time_ns())
    runs = [run.params for run in project.store.runs("train")]
    points = candidates(app.defaults, app.space, SPACE, draw.randrange(2**31))
    fresh = [point for point in points if not _tried(point, runs)]
    some = []
    for alike in (True, False):
        kinds = [[one for one in part if (one[RANKED] == app.defaults[RANKED]) == alike]
                 for part in (fresh, points)]  # fmt: skip
        some.append(draw.choice(kinds[0] or kinds[1]))
    by_hand = {**draw.choice(points), "threshold": round(draw.uniform(0.85, 0.99), 3)}
    return {_name(app.defaults, point): point for point in (*some, by_hand)}


def _tried(point: Params, runs: Sequence[Mapping[str, str]]) -> bool:
    wanted = {name: str(value) for name, value in point.items()}
    return any(all(run.get(name) == value for name, value in wanted.items()) for run in runs)


def _name(defaults: Params, point: Params) -> str:
    changed = [f"{key} {_shown(value)}" for key, value in point.items() if defaults[key] != value]
    return ", ".join(changed) or "defaults"


def _shown(value: Scalar) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _row(trial: Trial, race: str) -> tuple[str, ...]:
    found, evaluation = trial.race.interval, trial.race.evaluation
    return (
        trial.run.name,
        f"{trial.score:.3f}",
        f"{found.low:.3f} to {found.high:.3f}",
        f"{len(evaluation.rows)} of {evaluation.expected_rows}",
        race,
    )


def _ended(trial: Trial) -> str:
    return "stopped early" if trial.race.stopped else "finished"


def _raced(trial: Trial) -> str:
    race = trial.race
    if race.stopped:
        return f"stopped after {race.groups} questions: shown to be worse, e = {race.e_value:.0f}"
    return "finished its race"


def _show(emit: Emit, rows: list[tuple[str, ...]], place: int, trial: Trial, series: str) -> None:
    emit(table("runs", COLUMNS, rows))
    found = trial.race.interval
    emit(interval(SCORES, str(place or "best"), place, found, series))
