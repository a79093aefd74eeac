"""Evidence on candidates of known worth, made from real records (test data, no model behind it)."""

import random
from dataclasses import replace
from functools import cache

from fullturn.core.entities import DatasetVersion, Evaluation, ScoredRow
from fullturn.gates import (
    BundleState,
    DataState,
    Evidence,
    LeakageState,
    RefusalState,
)

DIGEST = "9f2c41d07be35a86c1f0e4d97a20b58c6613ed4f08a7795be2d1c3f46a8b9e05"
DATA = DatasetVersion(
    name="questions",
    version=4,
    digest=DIGEST,
    uri="data/questions",
    rows=2000,
    splits={"train": 1000, "validation": 400, "test": 600},
    parent=3,
    added=120,
    removed=0,
    changed=3,
    message="labelled rows of October",
    actor="ada",
    created="2026-11-02T09:14:00+00:00",
)
STYLES = ("plain", "terse", "misspelt", "roundabout")


@cache
def evaluation(
    subject: str = "candidate",
    share: float = 0.85,
    *,
    rows: int = 600,
    seed: int = 0,
    harmed: str = "",
    sliced: bool = True,
) -> Evaluation:
    """Pairs of rows answered right with chance `share`; none right in the style `harmed`.

    Answers depend on seed and row only, so two evaluations differ by their shares alone.
    """
    return Evaluation(
        subject=subject,
        dataset="questions",
        split="test",
        rows=tuple(_row(number, share, seed, harmed, sliced) for number in range(rows)),
        expected_rows=rows,
        seconds=1.0,
    )


def evidence(**changed: object) -> Evidence:
    """A sound candidate, slightly better than its champion; `changed` replaces fields."""
    clean, spoilt = evaluation(rows=200), evaluation(rows=200, share=0.84)
    sound = Evidence(
        subject="3f9b6d21c4e84a0f9d1be7a25c608e13",
        champion_name="version 7",
        dataset=DATA,
        data=DataState(DIGEST, DIGEST),
        leakage=LeakageState(trained_rows=1000, test_rows=600, shared=()),
        bundle=BundleState(files=6, problems=(), unsafe=()),
        candidate=evaluation(),
        validation=evaluation("validation", rows=400, seed=1),
        champion=evaluation("champion", share=0.84),
        baseline=evaluation("baseline", share=0.3),
        behaviours=dict.fromkeys(("typos", "case", "paraphrase"), (clean, spoilt)),
        repeated=(evaluation(rows=30), evaluation(rows=30)),
        latencies=tuple(0.012 + 0.0004 * number for number in range(40)),
        refusal=RefusalState(attempts=64, leaks=()),
    )
    return replace(sound, **changed)  # type: ignore[arg-type]


def empty(whole: Evaluation) -> Evaluation:
    """The same evaluation when no row came back."""
    return replace(whole, rows=())


def wrong_in(whole: Evaluation, rows: int) -> Evaluation:
    """The same evaluation with its first `rows` rows answered otherwise and wrong."""
    spoilt = [
        replace(row, output={"answer": "?"}, scores=dict.fromkeys(row.scores, 0.0))
        for row in whole.rows[:rows]
    ]
    return replace(whole, rows=(*spoilt, *whole.rows[rows:]))


def _row(number: int, share: float, seed: int, harmed: str, sliced: bool) -> ScoredRow:
    source = random.Random(f"{seed}:{number}")
    style = STYLES[number % 4]
    right = source.random() < share and style != harmed
    cited = source.random() < share + 0.1 and style != harmed
    return ScoredRow(
        id=f"row-{number}",
        group=f"question-{number // 2}",
        slices={"style": style, "kind": "question" if number % 5 else "unanswerable"}
        if sliced
        else {},
        input={"text": f"question {number}"},
        output={"answer": f"answer {number}" if right else "no"},
        scores={"accuracy": float(right), "citation": float(cited)},
        latency=0.01,
    )
