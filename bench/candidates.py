"""Every way the example's assistant can answer, on the same validation questions, none stopped.

    python bench/candidates.py [--project DIR] [--markdown FILE]

Trains each candidate as `fullturn train` does, in a project made from the example, and compares
it with the best one, paired by question. The LLM's answers are cached in the project: a second
run with the same DIR pays only for what changed. `--markdown docs/candidates.md` writes the page.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fullturn.core import settings
from fullturn.core.entities import Evaluation, Example, Params
from fullturn.core.tags import TrainingTags
from fullturn.evaluation import scoring
from fullturn.llm import uncached
from fullturn.statistics.intervals import Interval, cluster_mean
from fullturn.statistics.paired import paired_difference
from fullturn.subjects.protocols import Predictor
from fullturn.verbs import init
from fullturn.verbs import workspace as projects
from fullturn.verbs.parts.training import training_view
from fullturn.verbs.train import train

TIMED = 15
ONE: Params = {"passages": 1}
CANDIDATES: dict[str, Params] = {
    "word search (BM25), quoting": {"retrieval": "bm25"},
    "sentence vectors, quoting": {"retrieval": "vectors"},
    "learned fusion, quoting": {},
    "learned fusion, quoting one passage": ONE,
    "LLM zero-shot, told to be brief": {**ONE, "answer": "zero-shot", "prompt": "brief"},
    "LLM zero-shot, told to copy": {**ONE, "answer": "zero-shot", "prompt": "copy"},
    "LLM few-shot, may decline": {**ONE, "answer": "few-shot", "prompt": "brief"},
    "LLM few-shot, copying": {**ONE, "answer": "few-shot", "prompt": "copy"},
    "LLM behind the guard": {**ONE, "answer": "guarded", "prompt": "copy"},
}
HEADER = (
    "candidate", "accuracy", "95 % interval", "against the best", "recall at 1", "at 3", "facts",
    "grounded", "abstention accuracy", "ms", "tokens",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Measured:
    """A candidate and how it answered every validation question."""

    name: str
    evaluation: Evaluation
    seconds: float
    """Median of a single answer, none of them from the cache."""


def measure(folder: Path) -> list[Measured]:
    """Evaluate the baseline and all candidates; the best one first."""
    if not (folder / settings.FILE).exists():
        init.assistant(folder)
        projects.commit(projects.Workspace.open(folder), [], "handbook without two chapters")
    project = projects.Workspace.open(folder)
    data = projects.load(project)
    rows = data.split("validation")
    trivial = project.subject.baseline(training_view(data, "drop"))
    evaluation = scoring.evaluate(project.subject, trivial, rows, "baseline", data.version)
    name = "baseline: first sentence of BM25's best passage"
    found = [Measured(name, evaluation, timed(project, trivial, rows))]
    for name, params in CANDIDATES.items():
        print(f"… {name}", flush=True)
        trial = train(project, params, name=name)
        folder = project.store.fetch_model(TrainingTags.read(trial.run.tags).model or "")
        seconds = timed(project, project.subject.load(folder), rows)
        found.append(Measured(name, trial.race.evaluation, seconds))
    return sorted(found, key=lambda each: -each.evaluation.mean("accuracy"))


def timed(project: projects.Workspace, predictor: Predictor, rows: Sequence[Example]) -> float:
    """Seconds that a question takes, the median of some."""
    version = projects.load(project).version
    with uncached():
        found = scoring.evaluate_one_by_one(
            project.subject, predictor, rows[:TIMED], "timed", version
        )
    return _median([row.latency for row in found.rows])


def row(measured: Measured, best: Evaluation) -> tuple[str, ...]:
    """One line of the table."""
    evaluation = measured.evaluation
    right = _level(evaluation, "accuracy")
    tokens = [r.output["prompt_tokens"] + r.output["completion_tokens"] for r in evaluation.rows]
    others = ("recall_at_1", "recall_at_3", "facts", "grounded", "abstention_accuracy")
    return (
        measured.name,
        f"{right.estimate:.3f}",
        f"{right.low:.3f} to {right.high:.3f}",
        _difference(evaluation, best),
        *(f"{evaluation.mean(name):.3f}" for name in others),
        f"{1000 * measured.seconds:.0f}",
        f"{sum(tokens) / len(tokens):.0f}",
    )


def _level(evaluation: Evaluation, metric: str) -> Interval:
    return cluster_mean(evaluation.column(metric), evaluation.groups)


def _difference(evaluation: Evaluation, best: Evaluation) -> str:
    if evaluation is best:
        return "–"
    ours = {r.id: r.scores["accuracy"] for r in evaluation.rows}
    theirs = [r.scores["accuracy"] for r in best.rows]
    found = paired_difference([ours[r.id] for r in best.rows], theirs, best.groups)
    return f"{found.estimate:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def markdown(found: Sequence[Measured]) -> str:
    """The page docs/candidates.md."""
    best = found[0].evaluation
    lines = [HEADER, ("---", *("--:",) * (len(HEADER) - 1)), *(row(each, best) for each in found)]
    rows = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    return f"""# The candidates of the example, measured

Made by `python bench/candidates.py --markdown docs/candidates.md` on
{datetime.now(UTC):%Y-%m-%d}, {machine}:
{len(best.rows)} validation questions in {len(set(best.groups))} groups, each answered by every
candidate, none stopped early. `accuracy` is the primary metric: covered and grounded where the
handbook answers, declined where it does not. Intervals and differences are at 95 %, by group.
The LLM is the embedded one (SmolLM2, 135 million parameters).

{rows}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--project", type=Path, help="keep the project in DIR", metavar="DIR")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the page here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        found = measure(arguments.project or Path(temporary) / "project")
    best = found[0].evaluation
    for line in (HEADER, *(row(each, best) for each in found)):
        print(f"{line[0]:47}{line[1]:>6}{line[2]:>17}{line[3]:>26}{line[9]:>7}{line[10]:>7}")
    if arguments.markdown:
        arguments.markdown.write_text(markdown(found), encoding="utf-8")


if __name__ == "__main__":
    main()
