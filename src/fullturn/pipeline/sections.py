"""The parts of the report: differences in scores, rows and inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from fullturn.core.wording import code, prose
from fullturn.metrics.metric import SHARE
from fullturn.pipeline.records import Cost, DataChange, Delivery, Difference, Flip, Pair
from fullturn.pipeline.rendering import (
    ReportLimits,
    amount,
    drawn,
    interval,
    left_out,
    level,
    percent,
    reading,
    signed,
)

_PLOTTED = 8
"""Slices in the plot, at most."""


def compared(delivery: Delivery, room: ReportLimits) -> Iterator[str]:
    """Candidate against champion; nothing if they were not compared."""
    if delivery.scores:
        yield from ("### Candidate against champion", "")
        yield from _scores(delivery, room)
        yield from _plot(delivery, room)
        yield from _slices(delivery, room)
        yield from _flips(delivery, room)


def _scores(delivery: Delivery, room: ReportLimits) -> Iterator[str]:
    confidence = percent(delivery.scores[0].confidence)
    yield f"| Score | Rows | Champion | Candidate | Difference | {confidence} interval | |"
    yield "|---|--:|--:|--:|--:|:-:|---|"
    for one in delivery.scores[: room.lists]:
        yield _row(code(one.name), one, delivery.margin)
    if delivery.shared:
        name = f"{code(delivery.shared.name)}, only test rows of both datasets"
        yield _row(name, delivery.shared, delivery.margin)
    if left := left_out(delivery.scores, room.lists):
        yield from ("", left)
    yield from (
        "",
        "Difference: candidate minus champion on the same test rows. Up to "
        f"{delivery.margin:g} worse counts as not worse.{_own_margins(delivery)}",
        "",
    )


def _own_margins(delivery: Delivery) -> str:
    own = [f"{code(o.name)} {o.margin:g}" for o in delivery.scores if o.margin is not None]
    if not own:
        return ""
    return f" Margins of their own: {', '.join(own)}. A positive difference is always better."


def _row(name: str, one: Difference, margin: float) -> str:
    before, after = level(one.champion, one.unit), level(one.candidate, one.unit)
    return (
        f"| {name} | {one.rows:,} | {before} | {after} "
        f"| **{signed(one.estimate, one.unit)}** | {interval(one)} | {reading(one, margin)} |"
    )


def _plot(delivery: Delivery, room: ReportLimits) -> Iterator[str]:
    scores = [one for one in delivery.scores[: room.lists] if one.unit == SHARE]
    if not scores:
        return
    slices = [one for one in delivery.slices if one.unit == SHARE]
    marks = (*scores, *_plotted(slices, scores))
    yield from ("```text", *drawn(marks, delivery.margin), "```", "")


def _plotted(slices: Sequence[Difference], scores: Sequence[Difference]) -> list[Difference]:
    """Slices that moved, and others that are no wider: tiny ones would set the scale of all."""
    widest = max(_width(one) for one in (*scores, *(one for one in slices if one.moved)))
    return [one for one in slices if one.moved or _width(one) <= 2 * widest][:_PLOTTED]


def _width(of: Difference) -> float:
    return of.high - of.low


def _slices(delivery: Delivery, room: ReportLimits) -> Iterator[str]:
    moved = [one for one in delivery.slices if one.moved]
    if not delivery.slices:
        return
    confidence = percent(delivery.slices[0].confidence)
    still = len(delivery.slices) - len(moved)
    rest = (
        f"In {still} of {len(delivery.slices)} slices the interval contains zero." if still else ""
    )
    if not moved:
        yield from (f"**No slice moved.** {rest}", "")
        return
    yield from ("### Slices that moved", "")
    yield f"| Slice | Rows | Champion | Candidate | Difference | {confidence} interval | |"
    yield "|---|--:|--:|--:|--:|:-:|---|"
    for one in moved[: room.lists]:
        yield _row(code(one.name), one, delivery.margin)
    yield ""
    if left := left_out(moved, room.lists):
        yield from (left, "")
    primary = delivery.scores[0]
    together = f"{confidence} each is {percent(primary.confidence)} for all slices together"
    yield from (f"On {code(primary.name)}; {together}. {rest}", "")


def _flips(delivery: Delivery, room: ReportLimits) -> Iterator[str]:
    if not (delivery.lost or delivery.gained):
        return
    yield from ("### Test rows that flipped", "")
    yield f"On {code(delivery.scores[0].name)}: {delivery.lost:,} lost, {delivery.gained:,} gained."
    yield ""
    for gained, word, count in ((False, "lost", delivery.lost), (True, "gained", delivery.gained)):
        chosen = [flip for flip in delivery.flips if flip.gained is gained][: room.flips]
        if chosen:
            what = f"{len(chosen)} of {count:,}" if len(chosen) < count else f"{count:,}"
            yield from _table(f"{what} {word}", chosen, room)


def _table(summary: str, flips: Sequence[Flip], room: ReportLimits) -> Iterator[str]:
    yield from (f"<details><summary>{summary}</summary>", "")
    yield from ("| Row | Input | Expected | Champion | Candidate |", "|---|---|---|---|---|")
    for one in flips:
        cells = (one.question, one.expected, one.champion, one.candidate)
        line = " | ".join(prose(text, room.text // 2 + 30) for text in cells)
        yield f"| {code(one.id, 60)} | {line} |"
    yield from ("", "</details>", "")


Changed = Mapping[str, tuple[str | None, str | None]]


def ingredients(delivery: Delivery, room: ReportLimits) -> Iterator[str]:
    """How the candidate's inputs differ from the champion's, and what both cost."""
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
        yield from (f"**{what}**: not recorded for one of the two.", "")
    elif not changed:
        yield from (f"**{what}**: nothing differs.", "")
    else:
        yield from (f"| {what} | Champion | Candidate |", "|---|---|---|")
        for name, values in list(changed.items())[: room.lists]:
            shown = (code(value, room.text) if value is not None else "–" for value in values)
            yield f"| {code(name)} | {' | '.join(shown)} |"
        yield ""
        if left := left_out(changed, room.lists):
            yield from (left, "")


def _short(files: Changed | None) -> Changed | None:
    """Digests shortened as by Git."""
    if files is None:
        return None
    return {n: (a and a[:7], b and b[:7]) for n, (a, b) in files.items()}


def _data(change: DataChange | None, room: ReportLimits) -> Iterator[str]:
    if change is None:
        yield from ("**Data**: not recorded for one of the two.", "")
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
            line = f"{amount(theirs, unit)} | {amount(ours, unit)}"
            yield f"| {name} | {line} | {_change((ours, theirs))} |"
        yield ""


def _change(pair: Pair) -> str:
    ours, theirs = pair
    if ours is None or not theirs:
        return ""
    if ours > 10 * theirs:
        return f"× {ours / theirs:,.0f}"
    return f"{100 * (ours / theirs - 1):+.0f} %".replace("-", "−")
