"""The looks at a release as JSON, as Markdown, and as a page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files
from itertools import pairwise
from typing import Any

from fullturn.core.errors import CouldNotEvaluate, IntegrityError
from fullturn.release import plots
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
        evidence_chart=plots.evidence_chart(shown),
        difference_charts=plots.difference_charts(shown),
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


def outline(places: Sequence[plots.Point]) -> str:
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
            f"| {one.guardrail} | {one.pairs:,} "
            f"| {100 * one.champion:.2f} % | {100 * one.candidate:.2f} % | {bounds} "
            f"| {one.worse_text} | {one.not_worse_text} |"
        )
