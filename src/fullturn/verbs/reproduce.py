"""Retrain a version from its recorded inputs, and compare."""

from __future__ import annotations

from collections.abc import Iterator

from fullturn.core.records import VALIDATION
from fullturn.core.showing import Block, grid, line, styled, view
from fullturn.core.tags import KIND
from fullturn.registry import reproduction, versions
from fullturn.registry.reproduction import Reproduction
from fullturn.verbs.parts import references
from fullturn.verbs.parts.training import train_one
from fullturn.verbs.workspace import Workspace, recorded_version, stored_evaluation


def reproduce(project: Workspace, reference: str | int) -> Reproduction:
    """Retrain a version from its recorded inputs, and show what diverged.

    Raises:
        NotFound: the version, its run or its evaluation does not exist.
        RowsMissing: the rows that it was trained on are not in this table.
        IntegrityError: they were changed.
    """
    version = references.version(project, reference)
    original = project.store.run(version.run_id)
    _, record = versions.files(project.store, version)
    data = recorded_version(project, int(record["data"]), record.get("data_digest"))
    stored = stored_evaluation(project, original.id, VALIDATION)
    repeated = train_one(
        project,
        record["params"],
        name=f"reproduction of version {version.version}",
        version=data,
        seed=int(record["seed"]),
        tags={KIND: "reproduction"},  # no candidate for a gate
    )
    return reproduction.compare(original, repeated.run, stored, repeated.race.evaluation)


@view.register
def _(result: Reproduction) -> Iterator[Block]:
    if result.same:
        yield line(styled("same", "good"), f": {result.rows} rows have the recorded scores")
    else:
        differing = f": {result.differing_rows} of {result.rows} rows have other scores"
        yield line(styled("diverged", "bad"), differing)
    rows = [(d.ingredient, d.recorded, d.found) for d in result.divergences]
    if rows:
        yield grid(("differs", "recorded", "now"), rows)
    elif not result.same:
        yield line("code, environment, data and seed are unchanged: training is not deterministic")
    yield grid(
        ("metric", ">recorded", ">now", ">difference"),
        (
            (name, f"{a:.4f}", f"{b:.4f}", f"{b - a:+.4f}")
            for name, (a, b) in result.metrics.items()
        ),
    )
