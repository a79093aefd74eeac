"""The part of the report on what went in: parameters, data, environment, and the cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fullturn.core.markup import code, prose
from fullturn.pipeline.records import Cost, DataChange, Delivery, Pair
from fullturn.pipeline.rendering import ReportLimits, amount, left_out

Changed = Mapping[str, tuple[str | None, str | None]]


def section(delivery: Delivery, room: ReportLimits) -> Iterator[str]:
    """What the candidate has other than the champion, and what both cost."""
    if delivery.champion is not None and delivery.candidate is not None:
        yield from ("### What differs from the champion", "")
        yield from _changed("Parameters", delivery.params, room)
        yield from _changed("Code", _short(delivery.files), room)
        yield from _data(delivery.data, room)
        yield from _changed("Environment", delivery.packages, room)
    if delivery.cost is not None:
        yield from _cost(delivery.cost)


def _changed(what: str, changed: Changed | None, room: ReportLimits) -> Iterator[str]:
    if changed is None:
        yield from (f"**{what}**: one of the two is not on record.", "")
    elif not changed:
        yield from (f"**{what}**: nothing differs.", "")
    else:
        yield from (f"| {what} | Champion | Candidate |", "|---|---|---|")
        for name, values in list(changed.items())[: room.lists]:
            told = (code(value, room.text) if value is not None else "–" for value in values)
            yield f"| {code(name)} | {' | '.join(told)} |"
        yield ""
        if left := left_out(changed, room.lists):
            yield from (left, "")


def _short(files: Changed | None) -> Changed | None:
    """Digests as long as Git shows them."""
    if files is None:
        return None
    return {n: (a and a[:7], b and b[:7]) for n, (a, b) in files.items()}


def _data(change: DataChange | None, room: ReportLimits) -> Iterator[str]:
    if change is None:
        yield from ("**Data**: one of the two is not on record.", "")
    elif change.before == change.after:
        yield from (f"**Data**: nothing differs ({code(change.after[:12])}).", "")
    elif not change.known:
        digests = f"{code(change.before[:12])} → {code(change.after[:12])}"
        yield f"**Data**: {digests}; the champion's rows are not in this table: not compared."
        yield ""
    else:
        yield f"**Data**: {_counts(change)}; {_of_test(change)}."
        yield from ("", *_rows(change, room))


def _counts(change: DataChange) -> str:
    return f"{change.added:,} rows added, {change.removed:,} removed, {change.changed:,} changed"


def _of_test(change: DataChange) -> str:
    if not change.test_changed:
        return "no test row is among them"
    added, removed, changed = change.test
    return f"**of the test rows {added:,} added, {removed:,} removed, {changed:,} changed**"


def _rows(change: DataChange, room: ReportLimits) -> Iterator[str]:
    yield from ("<details><summary>Splits, and the first rows</summary>", "")
    yield from ("| Split | Rows before | Rows after |", "|---|--:|--:|")
    for name, (before, after) in list(change.splits.items())[: room.lists]:
        yield f"| {code(name)} | {before:,} | {after:,} |"
    yield ""
    yield from (f"- {prose(text, room.text)}" for text in change.examples[: room.lists])
    yield from ("", "</details>", "")


def _cost(cost: Cost) -> Iterator[str]:
    lines = (
        ("Training", "s", cost.train_seconds),
        ("An answer", "ms", cost.milliseconds),
        ("An answer", "tokens", cost.tokens),
    )
    known = [line for line in lines if line[2] != (None, None)]
    if known:
        yield from ("| Cost | Champion | Candidate | Change |", "|---|--:|--:|--:|")
        for name, unit, (ours, theirs) in known:
            told = f"{amount(theirs, unit)} | {amount(ours, unit)}"
            yield f"| {name} | {told} | {_change((ours, theirs))} |"
        yield ""


def _change(pair: Pair) -> str:
    ours, theirs = pair
    if ours is None or not theirs:
        return ""
    if ours > 10 * theirs:
        return f"× {ours / theirs:,.0f}"
    return f"{100 * (ours / theirs - 1):+.0f} %".replace("-", "−")
