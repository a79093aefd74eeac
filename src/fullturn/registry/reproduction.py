"""Does a repeated run give the same results, and if not, what differs?"""

from __future__ import annotations

from dataclasses import dataclass

from fullturn.core.entities import Evaluation, RunRecord
from fullturn.core.showing import Result
from fullturn.core.tags import OriginTags, Tags, TrainingTags

INGREDIENTS: dict[str, tuple[type[Tags], tuple[str, ...]]] = {
    "code": (OriginTags, ("commit", "diff")),
    "environment": (OriginTags, ("environment",)),
    "data": (TrainingTags, ("data_digest",)),
    "seed": (OriginTags, ("seed",)),
}


@dataclass(frozen=True, slots=True)
class Divergence:
    """One ingredient that differs between two runs."""

    ingredient: str
    recorded: str
    found: str


@dataclass(frozen=True, slots=True)
class Reproduction(Result):
    """A run and its repetition."""

    original: str
    repeated: str
    same: bool
    rows: int
    differing_rows: int
    divergences: tuple[Divergence, ...]
    metrics: dict[str, tuple[float, float]]
    """Mean of each score, recorded and found."""

    @property
    def exit_code(self) -> int:
        """1 if any row scores differently."""
        return 0 if self.same else 1


def compare(
    original: RunRecord, repeated: RunRecord, recorded: Evaluation, found: Evaluation
) -> Reproduction:
    """Compare a run with its repetition: ingredients, and every answer on the same rows.

    "Same" means that every row got the same scores.
    """
    theirs = {row.id: row for row in found.rows}
    shared = [row for row in recorded.rows if row.id in theirs]
    differing = sum(dict(row.scores) != dict(theirs[row.id].scores) for row in shared)
    return Reproduction(
        original=original.id,
        repeated=repeated.id,
        same=differing == 0 and bool(shared),
        rows=len(shared),
        differing_rows=differing,
        divergences=tuple(_divergences(original, repeated)),
        metrics={
            name: (recorded.mean(name), found.mean(name))
            for name in recorded.metrics
            if name in found.metrics
        },
    )


def _divergences(original: RunRecord, repeated: RunRecord) -> list[Divergence]:
    found = []
    for ingredient, (kind, fields) in INGREDIENTS.items():
        before, after = (_shown(kind.read(run.tags), fields) for run in (original, repeated))
        if before != after:
            found.append(Divergence(ingredient, before, after))
    return found


def _shown(tags: Tags, fields: tuple[str, ...]) -> str:
    values = (getattr(tags, name) for name in fields)
    return " ".join("none" if value is None else str(value)[:12] for value in values)
