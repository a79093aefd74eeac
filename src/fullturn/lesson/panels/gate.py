"""Train a careless candidate and gate it."""

from __future__ import annotations

from fullturn.core.entities import CheckResult, ScoredRow
from fullturn.demo.example import CARELESS, CARELESS_PARAMS
from fullturn.gates.report import WORDS
from fullturn.lesson.panels.events import Emit, Options, outcome, say, shorter, table
from fullturn.lesson.panels.stage import Stage
from fullturn.registry import promotion
from fullturn.verbs.gate import ROWS, GateResult, gate
from fullturn.verbs.parts.training import train_one
from fullturn.verbs.workspace import Workspace, stored_evaluation

SHOWN, LONG = 3, 60
"""Number of questions shown, and the maximum length of a text."""
SIGNS = {"PASSED": "✓", "FAILED": "✗", "INCONCLUSIVE": "?", "NOT_APPLICABLE": "–"}
EVIDENCE = {
    "candidate": "test answers of the candidate",
    "data": "the training data",
    "leakage": "test questions in the training data",
    "champion": "the champion's answers to the same questions",
    "baseline": "a trivial baseline's answers",
    "typos": "questions with typos",
    "repeated": "the same questions a second time",
    "latencies": "latency",
    "refusal": "attempts to extract a secret",
}


def perform(stage: Stage, options: Options, emit: Emit) -> None:
    """Train a candidate that never declines, and gate it against the champion."""
    project = stage.project
    before = len(project.store.versions(project.store.name))
    emit(say(f"training a candidate that {CARELESS}: its threshold is 0"))
    trial = train_one(project, CARELESS_PARAMS, name=CARELESS)
    emit(say(f"run {trial.run.id[:8]} trained: {trial.race.evaluation.metrics[0]} "
             f"{trial.score:.3f} on validation; now the gate"))  # fmt: skip
    gated = gate(project, trial.run.id, progress=Watch(emit))
    show_checks(gated, emit)
    _questions(project, gated, emit)
    after = len(project.store.versions(project.store.name))
    champion = promotion.champion(project.store)
    registered = "not registered" if after == before else f"registered as version {after}"
    emit(say(f"{registered}; the registry has {after} version{'s' * (after != 1)}"))
    failed = [one.code for one in gated.report.results if one.outcome == "FAILED"]
    why = f"{', '.join(failed)} failed; {registered}, version {champion} stays champion"
    emit(outcome(gated.report.outcome, why))


class Watch:
    """Progress that reports each kind of evidence once."""

    def __init__(self, emit: Emit) -> None:
        self._emit, self._said = emit, set[str]()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Report it, if it has a description."""
        if what in EVIDENCE and what not in self._said:
            self._said.add(what)
            self._emit(say(f"evidence: {EVIDENCE[what]}"))


def show_checks(gated: GateResult, emit: Emit) -> None:
    """Show the checks one by one: those that did not pass in full, the others as a count."""
    order = ("FAILED", "INCONCLUSIVE", "PASSED", "NOT_APPLICABLE")
    rows: list[tuple[str, ...]] = []
    for kind in order:
        some = [one for one in gated.report.results if one.outcome == kind]
        for number, result in enumerate(some, 1):
            if kind in order[:2]:
                rows.append(_row(result))
            else:
                rows = [*rows[: len(rows) - (number > 1)], _counted(some[:number])]
            emit(table("checks", ("", "check", "found"), rows))


def _row(result: CheckResult) -> tuple[str, ...]:
    demanded = f"{result.code} {result.title.partition(';')[0]}"
    return _sign(result), shorter(demanded, LONG), shorter(result.reason, LONG)


def _counted(results: list[CheckResult]) -> tuple[str, ...]:
    families = ", ".join(dict.fromkeys(one.family for one in results))
    return _sign(results[0]), f"{len(results)} check{'s' * (len(results) != 1)}", families


def _sign(result: CheckResult) -> str:
    return f"{SIGNS[result.outcome]} {WORDS[result.outcome]}"


def _questions(project: Workspace, gated: GateResult, emit: Emit) -> None:
    """Show questions that the champion answers correctly and the candidate does not."""
    ours, theirs = (
        stored_evaluation(project, gated.run, ROWS[side]) for side in ("candidate", "champion")
    )
    primary = ours.metrics[0]
    before = {row.id: row.scores[primary] for row in theirs.rows}
    worse = [row for row in ours.rows if row.scores[primary] < before.get(row.id, 0.0)]
    title = (
        f"{len(worse)} test questions answered correctly by the champion, but not by the candidate"
    )
    rows = [(_text(row), _answer(row)) for row in worse[:SHOWN]]
    emit(table("questions", ("question", "the candidate's answer"), rows, title))


def _text(row: ScoredRow) -> str:
    return shorter(" ".join(map(str, row.input.values())), LONG)


def _answer(row: ScoredRow) -> str:
    return shorter(str(row.output.get("answer", "")), LONG)
