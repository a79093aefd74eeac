"""List the runs of a project."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from fullturn.core.entities import RunRecord
from fullturn.core.showing import Block, Table, grid, line, then, view
from fullturn.core.tags import OriginTags, TrainingTags
from fullturn.tracking.runs import headline, reap
from fullturn.verbs.workspace import Workspace

Kind = Literal["train", "gate", "all"]


class Runs(Table[RunRecord]):
    """Runs of one kind, newest first."""

    kind: Kind = "train"


def runs(project: Workspace, kind: Kind = "train", limit: int = 20) -> Runs:
    """Runs, newest first; marks runs of dead processes KILLED."""
    reap(project.store, project.state)
    found = Runs(project.store.runs(None if kind == "all" else kind, limit))
    found.kind = kind
    return found


@view.register
def _(result: Runs) -> Iterator[Block]:
    if not result:
        yield line(f"no {result.kind} runs yet" if result.kind == "gate" else "no runs yet")
        yield then("fullturn turn")
        return
    columns = ("run", "name", "status", ">seconds", ">data", "metric", "race or gate")
    yield grid(columns, map(_row, result))
    yield then("fullturn compare A B", "fullturn gate RUN")


def _row(run: RunRecord) -> tuple[str, ...]:
    tags = TrainingTags.read(run.tags)
    return (
        run.id[:8],
        run.name,
        run.status,
        "-" if run.duration is None else f"{run.duration:.1f}",
        "-" if tags.data is None else str(tags.data),
        headline(run) or "-",
        (OriginTags.read(run.tags).error or tags.outcome or _race(tags)).partition("\n")[0],
    )


def _race(tags: TrainingTags) -> str:
    if tags.race_of_groups is None:
        return ""
    if tags.race_stopped:
        return f"stopped after {tags.race_groups} of {tags.race_of_groups} groups"
    return f"all {tags.race_of_groups} groups"
