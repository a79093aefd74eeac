"""The looks at a release as JSON, as Markdown, and as a page with charts.

Only geometry is decided here, in per cent of width and height; `report.html.jinja` draws it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from itertools import pairwise
from typing import Any

from fullturn.core.errors import CouldNotEvaluate, IntegrityError
from fullturn.release.records import Decision, Reading

SHOWN = 300
"""Looks in a report, at most: those at which something changed, evenly spread."""
_SIGNS = {"PASSED": "✅", "FAILED": "❌", "INCONCLUSIVE": "❔"}
_ENDS = {
    "promote": "Promoted",
    "advance": "On to the canary",
    "go on": "Under way",
    "roll back": "Rolled back",
}


def read_look(record: Mapping[str, Any]) -> Decision:
    """The look that `dataclasses.asdict` made this record of.

    Raises:
        IntegrityError: a field is missing or unknown.
    """
    try:
        readings = tuple(Reading(**one) for one in record["readings"])
        return Decision(**{**record, "readings": readings})
    except (TypeError, KeyError) as error:
        raise IntegrityError(
            f"a stored look at a release is damaged ({error}); see the release's run in MLflow"
        ) from None


def to_json(looks: Sequence[Decision]) -> str:
    """The looks, oldest first; `read_look` reads each.

    Raises:
        CouldNotEvaluate: there are none.
    """
    return json.dumps([asdict(look) for look in thinned(looks)], indent=1) + "\n"


def to_markdown(title: str, looks: Sequence[Decision]) -> str:
    """How a release went, for a run's note or a pull request.

    Raises:
        CouldNotEvaluate: there are no looks.
    """
    last = thinned(looks)[-1]
    lines = [
        f"## {_SIGNS[last.outcome]} {ending(last)}: {title}",
        "",
        f"{_sentence(last.reason)}.",
        "",
    ]
    for look in stages(looks):
        lines += [f"### {_heading(look)}", "", *_table(look), ""]
    return "\n".join(lines)


def to_html(title: str, looks: Sequence[Decision]) -> str:
    """How a release went, as one page that needs no network, no script and no other file.

    Raises:
        CouldNotEvaluate: there are no looks.
    """
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters.update(points=points, outline=outline)
    source = files("fullturn.release").joinpath("report.html.jinja").read_text(encoding="utf-8")
    shown = thinned(looks)
    return environment.from_string(source).render(
        title=title,
        last=shown[-1],
        ending=ending(shown[-1]),
        reason=_sentence(shown[-1].reason),
        stages=[(_heading(look), look) for look in stages(shown)],
        evidence_chart=evidence_chart(shown),
        difference_charts=difference_charts(shown),
    )


def ending(look: Decision) -> str:
    """The action of a look, in two or three words."""
    if look.action == "roll back" and look.outcome == "INCONCLUSIVE":
        return "Rolled back, inconclusive"
    return _ENDS[look.action]


def stages(looks: Sequence[Decision]) -> list[Decision]:
    """The last look at each stage, in order."""
    return list({look.stage: look for look in looks}.values())


def thinned(looks: Sequence[Decision]) -> list[Decision]:
    """The first and the last look, those that decide, and some between them.

    Raises:
        CouldNotEvaluate: there are none.
    """
    if not looks:
        raise CouldNotEvaluate("there were no looks at this release: there is nothing to report")
    shown = [looks[0]]
    shown += [one for last, one in pairwise(looks) if _changed(last, one)]
    step = -(-len(shown) // SHOWN)
    even = [one for n, one in enumerate(shown) if n % step == 0 or one.action != "go on"]
    return even if even[-1] is looks[-1] else [*even, looks[-1]]


def points(value: float) -> str:
    """A difference of shares in points, signed."""
    return f"{100 * value:+.2f}".replace("-", "−")


def outline(places: Sequence[Point]) -> str:
    """Points as SVG writes them."""
    return " ".join(f"{x:g},{y:g}" for x, y in places)


def _changed(last: Decision, one: Decision) -> bool:
    return last.action != one.action or last.stage != one.stage or last.readings != one.readings


def _sentence(reason: str) -> str:
    return re.sub(r"(?<![\w.-])-(?=\d)", "−", reason[:1].upper() + reason[1:])


def _heading(look: Decision) -> str:
    what = "requests" if look.stage == "shadow" else "requests an arm"
    heading = f"{look.stage.capitalize()}: {look.requests:,} {what}"
    if look.stage == "shadow" and look.agreement is not None:
        heading += f", {100 * look.agreement:.1f} % of the outputs equal"
    return heading


def _table(look: Decision) -> Iterator[str]:
    yield "| | Pairs | Champion | Candidate | Difference, points | Worse? | Not worse? |"
    yield "|---|--:|--:|--:|:-:|--:|--:|"
    for one in look.readings:
        bounds = f"{points(one.difference)} [{points(one.low)}, {points(one.high)}]"
        yield (
            f"| {one.title} | {one.pairs:,} "
            f"| {100 * one.champion:.2f} % | {100 * one.candidate:.2f} % | {bounds} "
            f"| {one.worse_text} | {one.not_worse_text} |"
        )


_FLOOR = 1e-3
"""Smaller evidence is drawn at the bottom: it is negligible."""
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to per cent; values outside are clamped."""

    low: float
    high: float

    def at(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(1.0, max(0.0, share)), 2)


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled position on an axis, in per cent."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    """The line of one guardrail; `tone` is a class of the page's style."""

    name: str
    tone: str
    note: str
    points: tuple[Point, ...]
    band: tuple[Point, ...] = ()
    """The outline of an interval around it."""


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over requests, and a limit to stay below. Heights count from the top."""

    title: str
    lines: tuple[Line, ...]
    limit: Tick
    heights: tuple[Tick, ...]
    requests: tuple[Tick, ...]
    borders: tuple[Tick, ...]
    """Where a stage begins."""


def evidence_chart(looks: Sequence[Decision]) -> Chart:
    """E-values of all guardrails on one logarithmic scale, with the one that rolls back."""
    limit = looks[-1].readings[0].worse_at
    seen = [reading.worse for look in looks for reading in look.readings]
    low = math.log10(max(_FLOOR, min(0.5, *seen)))
    high = math.log10(min(max(3 * limit, *seen), 100 * limit))
    heights, across = Scale(high, low), _across(looks)
    lines = []
    for name in _names(looks):
        readings = _of(looks, name)
        values = (math.log10(max(_FLOOR, reading.worse)) for reading in readings)
        points = tuple(zip(_places(looks, across), map(heights.at, values), strict=True))
        lines.append(Line(name, name, f"worse? {readings[-1].worse_text}", points))
    powers = range(math.ceil(low), math.floor(high) + 1)
    return Chart(
        title="Evidence that it is worse",
        lines=tuple(lines),
        limit=Tick(heights.at(math.log10(limit)), f"{limit:g} rolls back"),
        heights=tuple(Tick(heights.at(power), f"{10.0**power:g}") for power in powers),
        requests=_request_ticks(across),
        borders=_borders(looks, across),
    )


def difference_charts(looks: Sequence[Decision]) -> list[Chart]:
    """For each guardrail, how much worse it is, with bounds, and the margin; those with pairs."""
    names = [name for name in _names(looks) if any(one.pairs for one in _of(looks, name))]
    return [_difference(looks, name) for name in names]


def _difference(looks: Sequence[Decision], name: str) -> Chart:
    readings, margin, across = _of(looks, name), looks[-1].margin, _across(looks)
    later = readings[len(readings) // 5 :]
    reach = 1.15 * max(2 * margin, *(abs(reading.difference) for reading in later))
    heights, places = Scale(reach, -reach), _places(looks, across)
    line = [heights.at(reading.difference) for reading in readings]
    above = [(x, heights.at(r.high)) for x, r in zip(places, readings, strict=True)]
    below = [(x, heights.at(r.low)) for x, r in zip(places, readings, strict=True)]
    last = readings[-1]
    note = f"{100 * last.difference:+.2f} [{100 * last.low:+.2f}, {100 * last.high:+.2f}]"
    step = next(s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if s >= reach / 3)
    return Chart(
        title=name,
        lines=(
            Line(
                name,
                _state(last),
                note,
                tuple(zip(places, line, strict=True)),
                _outline(above, below),
            ),
        ),
        limit=Tick(heights.at(margin), f"margin {100 * margin:+g}"),
        heights=tuple(
            Tick(heights.at(value), f"{100 * value:+g}" if value else "0")
            for value in (-2 * step, -step, 0.0, step, 2 * step)
            if abs(value) < reach
        ),
        requests=_request_ticks(across),
        borders=_borders(looks, across),
    )


def _outline(above: Iterable[Point], below: Sequence[Point]) -> tuple[Point, ...]:
    return (*above, *reversed(below))


def _state(reading: Reading) -> str:
    if reading.breached:
        return "beyond"
    return "clear" if reading.cleared else "across"


def _names(looks: Sequence[Decision]) -> list[str]:
    return [reading.guardrail for reading in looks[-1].readings]


def _of(looks: Sequence[Decision], name: str) -> list[Reading]:
    return [next(r for r in look.readings if r.guardrail == name) for look in looks]


def _requests(looks: Sequence[Decision]) -> list[int]:
    """Requests at each look, the stages one after the other."""
    shadow = max((look.requests for look in looks if look.stage == "shadow"), default=0)
    return [look.requests + (shadow if look.stage == "canary" else 0) for look in looks]


def _across(looks: Sequence[Decision]) -> Scale:
    return Scale(0.0, max(1, *_requests(looks)) if len(looks) > 1 else max(1, looks[0].requests))


def _places(looks: Sequence[Decision], across: Scale) -> list[float]:
    return [across.at(requests) for requests in _requests(looks)]


def _request_ticks(across: Scale) -> tuple[Tick, ...]:
    least = across.high / 5
    power = 10 ** math.floor(math.log10(least)) if least >= 1 else 1
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least)
    return tuple(
        Tick(across.at(requests), f"{requests:,}")
        for requests in range(0, int(across.high) + 1, step)
    )


def _borders(looks: Sequence[Decision], across: Scale) -> tuple[Tick, ...]:
    """Names of the stages, each where it begins."""
    begins = [Tick(0.0, looks[0].stage)]
    for before, after in pairwise(looks):
        if before.stage != after.stage:
            shadow = max(look.requests for look in looks if look.stage == before.stage)
            begins.append(Tick(across.at(shadow), after.stage))
    return tuple(begins)
