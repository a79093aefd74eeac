"""The part of the report that compares: scores, slices, test rows that flipped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fullturn.core.markup import code, prose
from fullturn.pipeline.records import Delivery, Difference, Flip
from fullturn.pipeline.rendering import (
    ReportLimits,
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


def section(delivery: Delivery, room: ReportLimits) -> Iterator[str]:
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
        f"{delivery.margin:g} worse counts as not worse.",
        "",
    )


def _row(name: str, one: Difference, margin: float) -> str:
    return (
        f"| {name} | {one.rows:,} | {level(one.champion)} | {level(one.candidate)} "
        f"| **{signed(one.estimate)}** | {interval(one)} | {reading(one, margin)} |"
    )


def _plot(delivery: Delivery, room: ReportLimits) -> Iterator[str]:
    scores = delivery.scores[: room.lists]
    marks = (*scores, *_plotted(delivery.slices, scores))
    yield from ("```text", *drawn(marks, delivery.margin), "```", "")


def _plotted(slices: Sequence[Difference], scores: Sequence[Difference]) -> list[Difference]:
    """Slices that moved, and others that are no wider: tiny ones would set the scale for all."""
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
    rest = f"In {still} of {len(delivery.slices)} slices the interval holds zero." if still else ""
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
        told = " | ".join(prose(text, room.text // 2 + 30) for text in cells)
        yield f"| {code(one.id, 60)} | {told} |"
    yield from ("", "</details>", "")
