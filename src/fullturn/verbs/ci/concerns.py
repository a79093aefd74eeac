"""What a reviewer must not miss, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fullturn.core.entities import Evaluation, GateReport
from fullturn.core.tags import OriginTags
from fullturn.core.wording import listed
from fullturn.pipeline.records import Checkout, Difference
from fullturn.pipeline.rendering import interval, percent, signed
from fullturn.verbs.ci.sides import ComparedRuns, DataFound


def of_test_set(
    sides: ComparedRuns, data: DataFound | None, shared: Difference | None
) -> Iterator[str]:
    """The test set is another than the champion's was decided on."""
    if data is None or not data.change.test_changed:
        return
    added, removed, changed = data.change.test
    rows = f"{added:,} test rows added, {removed:,} removed, {changed:,} changed"
    differing = sides.differing(data)
    if differing:
        yield (
            f"THE TEST SET CHANGED IN THE SAME BRANCH AS THE MODEL: {rows}; the model differs in "
            f"{listed(differing)}. A better score may come from the questions and not from the "
            f"model. Both sides were scored on the new rows. {_on_shared(data, shared)}"
        )
    else:
        yield (
            f"The test set changed, and the model did not: {rows}. Both sides were scored on the "
            "new rows; what differs between them says nothing about a better model."
        )


def of_code(checkout: Checkout, sides: ComparedRuns) -> Iterator[str]:
    """The commit does not hold what was run."""
    if checkout.code.dirty:
        yield (
            "Uncommitted changes: the commit does not hold what was run, and nobody else can "
            "repeat it. Commit them, and run the pipeline again."
        )
    elif sides.candidate and OriginTags.read(sides.candidate.tags).dirty:
        yield (
            f"The candidate, run '{sides.candidate.name}', was trained with uncommitted changes: "
            "train it again from a clean checkout if it is to be released."
        )
    if checkout.code.commit is None:
        yield "The project is not in Git: no commit says what was run."
    elif checkout.shallow:
        yield (
            "The clone is shallow: what the branch changed since its base cannot be seen here. "
            "Fetch the whole history (`fetch-depth: 0`)."
        )


def of_gate(gate: GateReport | None, before: GateReport | None) -> Iterator[str]:
    """The gate compared with nothing, was waived, or demands another thing than before."""
    if gate is None:
        return
    if gate.champion is None:
        yield "There is no champion: nothing was compared, and the other checks decided alone."
    waived = {result.code: result.waived for result in gate.results if result.waived is not None}
    for code, reason in waived.items():
        yield f"{code} was waived: {reason}"
    if changes := _limits(before.limits, gate.limits) if before else []:
        yield (
            "The gate's settings differ from those that the champion had to meet: "
            f"{listed(changes)}."
        )


def of_rows(
    gate: GateReport | None, candidate: Evaluation | None, champion: Evaluation | None
) -> Iterator[str]:
    """A side was not scored, or not on all rows."""
    if gate and gate.champion and candidate and champion is None:
        yield f"The champion, {gate.champion}, could not be scored again: nothing was compared."
    for name, one in (("candidate", candidate), ("champion", champion)):
        if one is not None and len(one.rows) < one.expected_rows:
            yield (
                f"The {name} answered {len(one.rows):,} of {one.expected_rows:,} test rows: the "
                "comparison leaves the others out, and they may be the difficult ones."
            )


def of_champion(compared_with: int | None, now: int | None) -> Iterator[str]:
    """The champion was replaced after the gate."""
    if compared_with != now:
        was = f"version {compared_with}" if compared_with else "no champion"
        is_now = f"version {now}" if now else "nothing"
        yield f"The gate compared with {was}; the champion is {is_now} now. Gate again."


def _on_shared(data: DataFound, shared: Difference | None) -> str:
    if shared is None:
        return f"Both versions share {len(data.shared):,} test rows, too few to compare on."
    return (
        f"On the {shared.rows:,} test rows that both versions share, {shared.name} differs by "
        f"{signed(shared.estimate)} {interval(shared)} at {percent(shared.confidence)}."
    )


def _limits(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Settings that both gates know and that differ."""
    return [
        f"{name} {before[name]} → {value}"
        for name, value in after.items()
        if name in before and before[name] != value
    ]
