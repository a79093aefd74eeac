"""`fullturn demo`: the full lifecycle on the example project, step by step."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from fullturn.cli import live
from fullturn.cli.output import escape, progress, say, say_json, say_next, show
from fullturn.cli.story import Story

if TYPE_CHECKING:
    from fullturn.verbs.gate import GateResult
    from fullturn.verbs.parts.training import Trial
    from fullturn.verbs.workspace import Workspace

QUESTIONS = (
    "My training run crashed. Why does MLflow still show it as running?",
    "whats the diference between devops and mlops",
    "What is a good recipe for pancakes?",
)


def walk(folder: Path, *, as_json: bool, keep_serving: bool = False) -> None:
    """Create the example in `folder` and run the full lifecycle on it.

    Raises:
        UsageError: the folder contains something other than an earlier demo.
    """
    from fullturn.verbs.serve import serve_subprocess

    story = Story(folder, as_json)
    project = _project(story)
    _data(story, project)
    trials = _experiments(story, project)
    _blocked(story, project)
    gated = _passed(story, project, trials[0])
    _promoted(story, project, gated)
    with serve_subprocess(project) as address:
        _answers(story, project)
        with live.audience_at(story, project, address()) as served:
            live.quiet(served)
            live.truncated(served)
            live.shifted(served)
            live.retrained(served)
            live.summary(served)
            _ended(story)
            if keep_serving:
                live.keep_serving(served)


def _ended(story: Story) -> None:
    if story.as_json:
        say_json(story.scenes)
        return
    seconds = time.perf_counter() - story.started
    inside = escape(story.folder)
    say(f"\n[bold]Full turn in {seconds:.0f} s.[/bold] Everything is stored in {inside}/.fullturn.")
    say_next(
        f"cd {inside} && fullturn ask '…'", "fullturn monitor --page monitor.html",
        "fullturn history", "fullturn serve",
        f"mlflow ui --backend-store-uri sqlite:///{inside}/.fullturn/mlflow.db",
    )  # fmt: skip


def _project(story: Story) -> Workspace:
    from fullturn.demo import example

    story.scene("Project", "an assistant that answers questions about MLOps from a handbook")
    project = example.create(story.folder)
    if not story.as_json:
        say(f"{escape(story.folder)}/: fullturn.toml, handbook/, questions.jsonl, CI workflows")
    return project


def _data(story: Story, project: Workspace) -> int:
    from fullturn.demo.example import FIRST_DATA
    from fullturn.verbs.data import commit

    story.scene("Data version", "so that every run records the exact rows it used")
    version = commit(project, [], FIRST_DATA)
    story.record(version=version.version, digest=version.digest, rows=version.rows)
    if not story.as_json:
        splits = ", ".join(f"{count} {name}" for name, count in version.splits.items())
        say(f"version 1: {version.rows} rows ({splits}), digest {version.digest[:12]}")
    return version.version


def _experiments(story: Story, project: Workspace) -> list[Trial]:
    from fullturn.demo import example
    from fullturn.verbs.train import Trials

    story.scene("Experiments", "candidates are compared question by question; weak ones stop early")
    trials: list[Trial] = []
    with progress() as watch:
        arriving = example.race(project)
        for number, name in enumerate(example.CANDIDATES):
            watch(f"candidate '{name}'", number, len(example.CANDIDATES))
            trials.append(next(arriving))
    trials.sort(key=lambda trial: (trial.race.stopped, -trial.score))
    story.record(best=trials[0].run.name, score=trials[0].score)
    if not story.as_json:
        show(Trials(trials), next_too=False)
    return trials


def _blocked(story: Story, project: Workspace) -> None:
    from fullturn.demo.example import CARELESS, CARELESS_PARAMS
    from fullturn.verbs.gate import gate
    from fullturn.verbs.train import train

    story.scene(
        "A careless candidate", "it never says that it doesn't know, and the gate must catch that"
    )
    with progress() as watch:
        trial = train(project, CARELESS_PARAMS, name=CARELESS)
        gated = gate(project, trial.run.id, progress=watch)
    story.record(outcome=gated.report.outcome)
    if not story.as_json:
        show(gated.report)
        say("[bold]rejected[/bold]: not registered, never served to users")


def _passed(story: Story, project: Workspace, best: Trial) -> GateResult:
    from fullturn.core.errors import Refused
    from fullturn.verbs.gate import gate

    story.scene(
        "Gate", f"the best candidate, '{escape(best.run.name)}', goes through the same checks"
    )
    with progress() as watch:
        gated = gate(project, best.run.id, progress=watch)
    story.record(outcome=gated.report.outcome)
    if not story.as_json:
        show(gated.report)
    if gated.version is None:
        raise Refused(f"the gate of the best candidate ended {gated.report.outcome}")
    return gated


def _promoted(story: Story, project: Workspace, gated: GateResult) -> None:
    from fullturn.verbs.promote import promote

    story.scene(
        "Registry", "the candidate that passed becomes a version; the alias `champion` moves once"
    )
    assert gated.version is not None
    entry = promote(project, str(gated.version.version), f"gate {gated.run[:8]} passed")
    story.record(champion=entry.version)
    if not story.as_json:
        say(
            f"version {entry.version} is champion: {escape(entry.reason)}, by {escape(entry.actor)}"
        )


def _answers(story: Story, project: Workspace) -> None:
    from fullturn.verbs.predict import predict

    story.scene("Champion", "three questions; the handbook doesn't cover the last one")
    column = str(project.subject.contract.text)
    answered = predict(project, [{column: question} for question in QUESTIONS])
    story.record(answers=[each.output for each in answered])
    if not story.as_json:
        for each in answered:
            say(f"› {escape(each.input[column])}")
            show(each, next_too=False)
