"""The recorded start of the lesson's project: first candidates, both gates, first champion.

The panels continue in the same project. What they add is not read here, so a rebuilt deck shows
the same figures.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fullturn.core.entities import CheckResult, GateReport, RunRecord
from fullturn.core.errors import FullturnError, MissingFigure
from fullturn.core.records import REPORTS
from fullturn.core.tags import GateTags, TrainingTags
from fullturn.gates import report as writer
from fullturn.lesson.figures import Source, Value
from fullturn.registry.lineage import Lineage
from fullturn.tracking.comparison import Comparison
from fullturn.verbs.compare import compare
from fullturn.verbs.lineage import of_version
from fullturn.verbs.parts.training import Trial, recall
from fullturn.verbs.workspace import Workspace

FIRST = "1"
"""The version created by the preparation."""
LONGEST = 170
"""Maximum length of an answer shown on a slide, in characters."""
Recorded = dict[str, tuple[Value, Source]]


@dataclass(frozen=True, slots=True)
class GatedCandidate:
    """A candidate and its gate."""

    run: RunRecord
    """The gate's run."""
    candidate: str
    report: GateReport


@dataclass(frozen=True, slots=True)
class Past:
    """The data that the slides show."""

    candidates: tuple[Trial, ...]
    """Best first; stopped candidates last."""
    blocked: GatedCandidate
    passed: GatedCandidate
    first: Lineage
    """Lineage of version 1."""
    comparison: Comparison
    """The best candidate compared with the second-best that finished its race."""
    made: str
    """ISO 8601: time of the newest item."""


def past(project: Workspace) -> Past:
    """Read the recorded start of the project.

    Raises:
        MissingFigure: part of it is missing.
    """
    try:
        blocked, passed = (_first_gate(project, outcome) for outcome in ("FAILED", "PASSED"))
        trials = _trials(project, passed.run)
        finished = [trial for trial in trials if not trial.race.stopped]
        return Past(
            candidates=trials,
            blocked=blocked,
            passed=passed,
            first=of_version(project, FIRST),
            comparison=compare(project, finished[1].run.id, finished[0].run.id),
            made=passed.run.started,
        )
    except (FullturnError, LookupError, StopIteration) as error:
        raise MissingFigure(
            f"the project in {project.root.name} lacks what the lesson needs ({error}); "
            "`fullturn present --reset` recreates it"
        ) from error


def _first_gate(project: Workspace, outcome: str) -> GatedCandidate:
    """The oldest gate with this outcome."""
    runs = project.store.runs("gate")
    run = next(run for run in reversed(runs) if GateTags.read(run.tags).outcome == outcome)
    text = project.store.get(run.id, REPORTS[0]).read_text(encoding="utf-8")
    return GatedCandidate(run, project.store.run(_subject(run)).name, writer.from_json(text))


def _trials(project: Workspace, before: RunRecord) -> tuple[Trial, ...]:
    """Candidates that raced before that gate, except the careless one."""
    gates = project.store.runs("gate")
    careless = {_subject(run) for run in gates if GateTags.read(run.tags).outcome == "FAILED"}
    found = [
        recall(project, run)
        for run in reversed(project.store.runs("train"))
        if TrainingTags.read(run.tags).race_of_groups
        and run.id not in careless
        and run.started <= before.started
    ]
    return tuple(sorted(found, key=lambda trial: (trial.race.stopped, -trial.score)))


def _subject(gate: RunRecord) -> str:
    return GateTags.read(gate.tags).candidate or ""


def figures(of: Past, folder: str) -> Recorded:
    """All figures that slides may cite, by name, with their runs.

    Raises:
        MissingFigure: the best candidate has no correct answer.
    """
    try:
        return dict(_figures(of, folder))
    except (LookupError, ValueError) as error:
        raise MissingFigure(
            f"the lesson's runs are incomplete ({error}); `fullturn present --reset` recreates them"
        ) from error


def _figures(of: Past, folder: str) -> Iterator[tuple[str, tuple[Value, Source]]]:
    yield from _of_candidates(of, folder)
    yield from _of_gates(of, folder)
    first = of.first
    source = _source(f"run {first.run}", first.trained, folder, "lineage 1")
    chain: Mapping[str, Value] = {
        "run": first.run[:8],
        "commit": _commit(first.commit),
        "data": int(first.data),
        "digest": first.data_digest[:12],
        "environment": first.environment[:12],
        "bundle": first.bundle[:12],
        "gate": first.gate[:8],
        "version": first.version,
    }
    for name, value in chain.items():
        yield f"lesson.first.{name}", (value, source)


def _commit(text: str) -> str:
    return text if text.startswith("not ") else text[:12]


def _of_candidates(of: Past, folder: str) -> Iterator[tuple[str, tuple[Value, Source]]]:
    trials, pair = of.candidates, of.comparison
    best, second, last = trials[0], trials[1], trials[-1]
    one = _source(f"run {best.run.id}", best.run.started, folder, "runs")
    worst = _source(f"run {last.run.id}", last.run.started, folder, "runs")
    two = f"{second.run.id[:8]} {best.run.id[:8]}"
    both = _source(f"runs {two}", best.run.started, folder, f"compare {two}")
    question, answer = _example(best)
    yield "lesson.example.question", (question, one)
    yield "lesson.example.answer", (answer, one)
    yield "lesson.candidates", (len(trials), one)
    yield "lesson.rows", (len(best.race.evaluation.rows), one)
    yield "lesson.best.accuracy", (round(best.race.interval.estimate, 3), one)
    yield "lesson.best.low", (round(best.race.interval.low, 3), one)
    yield "lesson.best.high", (round(best.race.interval.high, 3), one)
    yield "lesson.worst.groups", (last.race.groups, worst)
    yield "lesson.worst.of", (last.race.of_groups, worst)
    lead = pair.metrics[0].difference
    yield "lesson.lead", (round(100 * lead.estimate, 1), both)
    yield "lesson.lead.low", (round(100 * lead.low, 1), both)
    yield "lesson.lead.high", (round(100 * lead.high, 1), both)
    yield "lesson.detectable", (round(100 * pair.detectable, 1), both)
    yield "lesson.flips.gained", (sum(flip.gained for flip in pair.flips), both)
    yield "lesson.flips.lost", (sum(not flip.gained for flip in pair.flips), both)


def _example(trial: Trial) -> tuple[str, str]:
    """A question that is a full sentence, and the start of the shortest correct answer."""
    evaluation = trial.race.evaluation
    answered = [
        (str(next(iter(row.input.values()))), str((row.output or {}).get("answer", "")))
        for row in evaluation.rows
        if row.scores[evaluation.metrics[0]] == 1.0 and not (row.output or {}).get("abstained")
    ]
    question, answer = min(
        (pair for pair in answered if pair[0].endswith("?")), key=lambda pair: (len(pair[1]), pair)
    )
    return question, _beginning(answer)


def _beginning(text: str) -> str:
    """As many whole sentences as fit on a slide."""
    if len(text) <= LONGEST:
        return text
    end = text.rfind(". ", 0, LONGEST)
    return text[: end + 1] + " …" if end > 0 else text[:LONGEST] + "…"


def _of_gates(of: Past, folder: str) -> Iterator[tuple[str, tuple[Value, Source]]]:
    for name, gated in (("blocked", of.blocked), ("passed", of.passed)):
        subject = f"gate {gated.report.subject[:8]} --no-register"
        source = _source(f"run {gated.run.id}", gated.run.started, folder, subject)
        results = gated.report.results
        failed = [result for result in results if result.outcome == "FAILED"]
        yield f"lesson.{name}.checks", (len(results), source)
        yield f"lesson.{name}.failed", (len(failed), source)
        yield f"lesson.{name}.candidate", (gated.candidate, source)
        for result in results:
            for score, found in result.figures.get("scores", {}).items():
                yield f"lesson.{name}.{score}", (round(100 * found["estimate"], 1), source)
        refused = next((r for r in results if "attempts" in r.figures), None)
        if refused is not None:
            yield f"lesson.{name}.attempts", (refused.figures["attempts"], source)
            yield f"lesson.{name}.leaks", (int(refused.figures.get("leaks", 0)), source)
    for result in of.blocked.report.results:
        for which, figures_of in _below(result):
            source = _source(
                f"run {of.blocked.run.id}", of.blocked.run.started, folder,
                f"gate {of.blocked.report.subject[:8]} --no-register",
            )  # fmt: skip
            yield "lesson.blocked.slice", (which.replace("=", " = "), source)
            yield "lesson.blocked.slice.high", (round(figures_of["high"], 2), source)
            yield "lesson.blocked.floor", (result.figures["floor"], source)


def _below(result: CheckResult) -> list[tuple[str, Mapping[str, float]]]:
    """Slices of a check whose whole interval is below the floor."""
    slices = result.figures.get("slices", {})
    floor = result.figures.get("floor", 0.0)
    return [(name, each) for name, each in slices.items() if each["high"] < floor][:1]


def _source(what: str, started: str, folder: str, verb: str) -> Source:
    machine = f"this project, Python {platform.python_version()}"
    return Source(what, started[:10], machine, f"fullturn -C {folder} {verb}")
