"""The parts of the report's page: differences in scores, rows and inputs, drawn with characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass

from fullturn.core.wording import MEANINGS, code, plain, prose
from fullturn.metrics import metric
from fullturn.metrics.metric import SHARE, suffix
from fullturn.pipeline.records import Cost, DataChange, Delivery, Difference, Flip, Pair

MINUS = "−"


def signed(value: float, unit: str = SHARE) -> str:
    """A difference with its sign."""
    return metric.signed(value + 0.0, unit).replace("-", MINUS)


def level(value: float, unit: str = SHARE) -> str:
    """A metric of one side."""
    return metric.number(value, unit)


def interval(of: Difference) -> str:
    """Both bounds."""
    return f"[{signed(of.low, of.unit)}, {signed(of.high, of.unit)}]"


def percent(share: float) -> str:
    """A share, such as a confidence."""
    return f"{100 * share:.4g} %"


def amount(value: float | None, unit: str) -> str:
    """A cost with its unit, to three digits; a dash where it is not known."""
    if value is None:
        return "–"
    return f"{value:,.0f} {unit}" if abs(value) >= 100 else f"{value:.3g} {unit}"


def reading(of: Difference, margin: float) -> str:
    """What an interval says about the candidate; a metric's own margin takes precedence."""
    margin = margin if of.margin is None else of.margin
    if of.low > 0:
        return "better"
    if of.high < -margin:
        return "worse by more than the margin" if margin else "worse"
    if of.low >= -margin:
        return "worse, within the margin" if of.high < 0 else "not worse"
    return "worse, margin not excluded" if of.high < 0 else "inconclusive"


@dataclass(frozen=True, slots=True)
class ReportLimits:
    """At most: entries of a list, flipped rows each way, checks, characters of a text."""

    lists: int
    flips: int
    checks: int
    text: int


LIMITS = (
    ReportLimits(20, 10, 40, 300),
    ReportLimits(12, 6, 30, 160),
    ReportLimits(6, 3, 20, 80),
    ReportLimits(3, 2, 5, 60),
)
"""The first with which the page is short enough is used; with the last one it always is."""


def left_out(entries: Sized, most: int) -> str:
    """A line on what a list does not show; empty if it shows all."""
    left = len(entries) - most
    return f"… and {left:,} more, not shown; all are in the report's JSON." if left > 0 else ""


_NAME, _AXIS = 21, 33
_LEAST = 0.02
"""Half the axis is at least this wide, in score points: tiny differences must look tiny."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Score points from `low` to `high` on so many columns."""

    low: float
    high: float

    def column(self, value: float) -> int:
        """Column of a value, 0 … columns - 1."""
        share = (value - self.low) / (self.high - self.low)
        return min(_AXIS - 1, max(0, round(share * (_AXIS - 1))))


def drawn(differences: Sequence[Difference], margin: float) -> list[str]:
    """A line for each difference, then what the two vertical lines mean."""
    axis = _axis(differences, margin)
    lines = [_line(each, axis, margin) for each in differences]
    line = f"┊ {signed(-margin)}, the margin   " if margin else ""
    return [*lines, f"{'':{_NAME}} {line}│ no difference"]


def _axis(differences: Sequence[Difference], margin: float) -> Axis:
    low = min([-_LEAST, -1.2 * margin, *(each.low for each in differences)])
    high = max([_LEAST, *(each.high for each in differences)])
    return Axis(low, high)


def _line(of: Difference, axis: Axis, margin: float) -> str:
    cells = [" "] * _AXIS
    low, middle, high = (axis.column(value) for value in (of.low, of.estimate, of.high))
    cells[low : high + 1] = "─" * (high + 1 - low)
    cells[low], cells[high] = "├", "┤"
    for value, alone, crossed in ((-margin, "┊", "┼"), (0.0, "│", "┼")):
        column = axis.column(value)
        cells[column] = {" ": alone, "─": crossed}.get(cells[column], cells[column])
    cells[middle] = "●"
    return f"{_padded(of.name)} {''.join(cells)} {signed(of.estimate)} {interval(of)}"


def _padded(name: str) -> str:
    """A name, cut or padded to its column; it cannot end a code fence."""
    shown, width = "", 0
    for letter in plain(name).replace("`", "'"):
        width += _columns(letter)
        if width > _NAME:
            while shown and sum(map(_columns, shown)) >= _NAME:
                shown = shown[:-1]
            shown += "…"
            break
        shown += letter
    return shown + " " * (_NAME - sum(map(_columns, shown)))


def _columns(letter: str) -> int:
    if unicodedata.combining(letter) or letter in "\u200c\u200d":
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


_PLOTTED = 8
"""Slices in the plot, at most."""


def compared(delivery: Delivery, limits: ReportLimits) -> Iterator[str]:
    """Candidate against champion; nothing if they were not compared."""
    if delivery.scores:
        yield from ("### Candidate against champion", "")
        yield from _scores(delivery, limits)
        yield from _plot(delivery, limits)
        yield from _slices(delivery, limits)
        yield from _flips(delivery, limits)


def _scores(delivery: Delivery, limits: ReportLimits) -> Iterator[str]:
    confidence = percent(delivery.scores[0].confidence)
    yield f"| Score | Rows | Champion | Candidate | Difference | {confidence} interval | |"
    yield "|---|--:|--:|--:|--:|:-:|---|"
    for one in delivery.scores[: limits.lists]:
        yield _row(f"{code(one.name)}{prose(suffix(one.unit))}", one, delivery.margin)
    if delivery.shared:
        name = f"{code(delivery.shared.name)}, only test rows of both datasets"
        yield _row(name, delivery.shared, delivery.margin)
    if left := left_out(delivery.scores, limits.lists):
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


def _plot(delivery: Delivery, limits: ReportLimits) -> Iterator[str]:
    scores = [one for one in delivery.scores[: limits.lists] if one.unit == SHARE]
    if not scores:
        return
    slices = [one for one in delivery.slices if one.unit == SHARE]
    marks = (*scores, *_plotted(slices, scores))
    yield from ("```text", *drawn(marks, delivery.margin), "```", "")


def _plotted(slices: Sequence[Difference], scores: Sequence[Difference]) -> list[Difference]:
    """Slices that moved, and others that are no wider: tiny ones would set the scale of all."""
    widest = max(_breadth(one) for one in (*scores, *(one for one in slices if one.moved)))
    return [one for one in slices if one.moved or _breadth(one) <= 2 * widest][:_PLOTTED]


def _breadth(of: Difference) -> float:
    return of.high - of.low


def _slices(delivery: Delivery, limits: ReportLimits) -> Iterator[str]:
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
    for one in moved[: limits.lists]:
        yield _row(code(one.name), one, delivery.margin)
    yield ""
    if left := left_out(moved, limits.lists):
        yield from (left, "")
    primary = delivery.scores[0]
    together = f"{confidence} each is {percent(primary.confidence)} for all slices together"
    yield from (f"On {code(primary.name)}; {together}. {rest}", "")


def _flips(delivery: Delivery, limits: ReportLimits) -> Iterator[str]:
    if not (delivery.lost or delivery.gained):
        return
    of = delivery.flips_of or delivery.scores[0].name
    graded = of in MEANINGS
    words = ("worse", "better") if graded else ("lost", "gained")
    counts = (delivery.lost, delivery.gained)
    yield from (f"### Test rows that {'changed' if graded else 'flipped'}", "")
    yield f"On {code(of)}: {counts[0]:,} {words[0]}, {counts[1]:,} {words[1]}."
    yield from (f"({code(of)}: {MEANINGS[of]}.)", "") if graded else ("",)
    for gained, word, count in zip((False, True), words, counts, strict=True):
        chosen = [flip for flip in delivery.flips if flip.gained is gained][: limits.flips]
        if chosen:
            what = f"{len(chosen)} of {count:,}" if len(chosen) < count else f"{count:,}"
            yield from _table(f"{what} {word}", chosen, limits)


def _table(summary: str, flips: Sequence[Flip], limits: ReportLimits) -> Iterator[str]:
    yield from (f"<details><summary>{summary}</summary>", "")
    yield from ("| Row | Input | Expected | Champion | Candidate |", "|---|---|---|---|---|")
    for one in flips:
        cells = (one.question, one.expected, one.champion, one.candidate)
        line = " | ".join(prose(text, limits.text // 2 + 30) for text in cells)
        yield f"| {code(one.id, 60)} | {line} |"
    yield from ("", "</details>", "")


Changed = Mapping[str, tuple[str | None, str | None]]


def ingredients(delivery: Delivery, limits: ReportLimits) -> Iterator[str]:
    """How the candidate's inputs differ from the champion's, and what both cost."""
    if delivery.champion is not None and delivery.candidate is not None:
        yield from ("### What differs from the champion", "")
        yield from _changed("Parameters", delivery.params, limits)
        yield from _changed("Code", _short(delivery.files), limits)
        yield from _data(delivery.data, limits)
        yield from _changed("Environment", delivery.packages, limits)
    if delivery.cost is not None:
        yield from _cost(delivery.cost)


def _changed(what: str, changed: Changed | None, limits: ReportLimits) -> Iterator[str]:
    if changed is None:
        yield from (f"**{what}**: not recorded for one of the two.", "")
    elif not changed:
        yield from (f"**{what}**: nothing differs.", "")
    else:
        yield from (f"| {what} | Champion | Candidate |", "|---|---|---|")
        for name, values in list(changed.items())[: limits.lists]:
            shown = (code(value, limits.text) if value is not None else "–" for value in values)
            yield f"| {code(name)} | {' | '.join(shown)} |"
        yield ""
        if left := left_out(changed, limits.lists):
            yield from (left, "")


def _short(files: Changed | None) -> Changed | None:
    """Digests shortened as by Git."""
    if files is None:
        return None
    return {n: (a and a[:7], b and b[:7]) for n, (a, b) in files.items()}


def _data(change: DataChange | None, limits: ReportLimits) -> Iterator[str]:
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
        yield from ("", *_rows(change, limits))


def _counts(change: DataChange) -> str:
    return f"{change.added:,} rows added, {change.removed:,} removed, {change.changed:,} changed"


def _of_test(change: DataChange) -> str:
    if not change.test_changed:
        return "no test row is among them"
    added, removed, changed = change.test
    return f"**of the test rows {added:,} added, {removed:,} removed, {changed:,} changed**"


def _rows(change: DataChange, limits: ReportLimits) -> Iterator[str]:
    yield from ("<details><summary>Splits, and the first rows</summary>", "")
    yield from ("| Split | Rows before | Rows after |", "|---|--:|--:|")
    for name, (before, after) in list(change.splits.items())[: limits.lists]:
        yield f"| {code(name)} | {before:,} | {after:,} |"
    yield ""
    yield from (f"- {prose(text, limits.text)}" for text in change.examples[: limits.lists])
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
