"""The state of monitoring, as JSON, as Markdown, and as a page with plots.

Only geometry is decided here, in per cent of the width and height; `page.html.jinja` draws it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from fullturn.core.entities import Alarm, Change, Diagnosis
from fullturn.core.errors import IntegrityError
from fullturn.core.wording import prose, readable
from fullturn.monitoring.changes import figure
from fullturn.monitoring.detectors import ESTIMATE, QUALITY, SCORING
from fullturn.monitoring.watch import DetectorState

TOP = 12.0
"""Position of the threshold, in per cent from the top."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One detector's statistic over the observations that it has seen."""

    state: DetectorState
    alarms: tuple[Alarm, ...]

    @property
    def line(self) -> str:
        """Points of the statistic, for an SVG of 100 by 100; empty before the first."""
        return " ".join(f"{self.x(at)},{self.y(value)}" for at, value in self.state.curve)

    @property
    def area(self) -> str:
        """The line, closed along the bottom."""
        if not self.state.curve:
            return ""
        first, last = self.state.curve[0][0], self.state.curve[-1][0]
        return f"{self.x(first)},100 {self.line} {self.x(last)},100"

    def x(self, observation: int) -> float:
        """Position of an observation, in per cent of the width."""
        return round(100 * observation / max(1, self.state.requests), 2)

    def y(self, statistic: float) -> float:
        """Position of a statistic, in per cent from the top; logarithmic, since it multiplies."""
        share = math.log1p(min(statistic, self.state.threshold)) / math.log1p(self.state.threshold)
        return round(100 - (100 - TOP) * share, 2)


def panels(states: Sequence[DetectorState], alarms: Sequence[Alarm]) -> list[Panel]:
    """One for each detector: those with alarms first, then those nearest to one."""
    found = [Panel(s, tuple(a for a in alarms if a.detector == s.name)) for s in states]
    return sorted(found, key=lambda panel: (-len(panel.alarms), -panel.state.share))


_LONGEST_CELL = 300
_SIGNS = {
    "broken pipeline": "🔧",
    "harmful shift": "❌",
    "harmless shift": "✅",
    "unclear": "❔",
}
CLASSES = {
    "broken pipeline": "FAILED",
    "harmful shift": "FAILED",
    "harmless shift": "PASSED",
    "unclear": "INCONCLUSIVE",
}
"""The tone in which the page shows each verdict."""
MEANING = "An alarm says that something changed; its verdict says whether that matters."


def to_json(states: Sequence[DetectorState], alarms: Sequence[Alarm]) -> str:
    """Every detector and these alarms; a cell that is not a JSON value becomes text."""
    body = {"detectors": [asdict(s) for s in states], "alarms": [asdict(a) for a in alarms]}
    return json.dumps(body, indent=1, ensure_ascii=False, default=str) + "\n"


def from_json(text: str) -> tuple[list[DetectorState], list[Alarm]]:
    """What `to_json` wrote.

    Raises:
        IntegrityError: the text is incomplete, or was changed.
    """
    try:
        body = json.loads(text)
        states = [
            DetectorState(**{**state, "curve": tuple(map(tuple, state["curve"]))})
            for state in body["detectors"]
        ]
        return states, [alarm_of(alarm) for alarm in body["alarms"]]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise IntegrityError(
            f"the monitoring report is damaged: {error}; run `fullturn monitor` again"
        ) from error


def alarm_of(body: Mapping[str, Any]) -> Alarm:
    """An alarm from its JSON object; raises TypeError or KeyError if it is something else."""
    diagnosis = dict(body["diagnosis"])
    diagnosis["changes"] = tuple(Change(**change) for change in diagnosis["changes"])
    for name in ("words", "examples"):
        diagnosis[name] = tuple(diagnosis[name])
    return Alarm(**{**body, "diagnosis": Diagnosis(**diagnosis)})


def to_markdown(states: Sequence[DetectorState], alarms: Sequence[Alarm]) -> str:
    """Alarms and detectors in GitHub's Markdown."""
    lines = [f"## {summary(states, alarms)}", "", *([MEANING, ""] if alarms else [])]
    for alarm in alarms:
        lines += _alarm(alarm)
    lines += ["| Detector | Observations | Of threshold | Run length | Alarms |"]
    lines += ["|---|--:|--:|--:|--:|"]
    lines += [
        f"| {_cell(s.name)} | {s.requests:,} | {s.share:.0%} | ≥ {s.arl:,.0f} | {s.alarms} |"
        for s in states
    ]
    return "\n".join(lines) + "\n"


def to_html(states: Sequence[DetectorState], alarms: Sequence[Alarm], clipped: str = "") -> str:
    """One page that needs no network, no script and no other file.

    `clipped` says how many of how many losses count as 1 although they are larger.
    """
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters.update(
        origin=origin,
        figure=figure,
        observed_count=observed_count,
        informative_examples=informative_examples,
    )
    source = files("fullturn.monitoring").joinpath("page.html.jinja").read_text(encoding="utf-8")
    return environment.from_string(source).render(
        summary=summary(states, alarms),
        meaning=MEANING,
        tone=tone(alarms),
        alarms=list(reversed(alarms)),
        clipped=clipped,
        classes=CLASSES,
        panels=panels(states, alarms),
        top=TOP,
        combined_arl=combined_arl(states),
        requests=max((state.requests for state in states), default=0),
    )


def summary(states: Sequence[DetectorState], alarms: Sequence[Alarm]) -> str:
    """In a sentence: the number of alarms, and their verdicts."""
    seen = max((state.requests for state in states), default=0)
    if not alarms:
        return f"No alarm in {seen:,} requests"
    verdicts = dict.fromkeys(alarm.diagnosis.verdict for alarm in reversed(alarms))
    number = "1 alarm" if len(alarms) == 1 else f"{len(alarms)} alarms"
    return f"{number} in {seen:,} requests: {', '.join(verdicts)}"


def tone(alarms: Sequence[Alarm]) -> str:
    """The worst tone of the alarms; without alarms, that of a gate that passed."""
    found = {CLASSES[alarm.diagnosis.verdict] for alarm in alarms}
    return next((name for name in ("FAILED", "INCONCLUSIVE") if name in found), "PASSED")


def combined_arl(states: Sequence[DetectorState]) -> float:
    """Mean number of requests to a false alarm of any detector, at least; 0 without detectors."""
    rate = sum(1 / state.arl for state in states)
    return 1 / rate if rate else 0.0


def moment(milliseconds: int) -> str:
    """A time in readable form."""
    time = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return f"{time.day} {time:%B %Y, %H:%M:%S} UTC"


def origin(alarm: Alarm) -> str:
    """The version and time of the alarm; the row of a table, if no version of ours answered."""
    where = f"Version {alarm.version}" if alarm.version else f"Row {alarm.sequence:,}"
    return f"{where}, {moment(alarm.time)}" if alarm.time else where


def observed_count(alarm: Alarm) -> str:
    """The observations of its detector before the alarm: requests, answers or labels."""
    noun = "request"
    if alarm.detector in (QUALITY, SCORING):
        noun = "labelled answer"
    elif alarm.detector == ESTIMATE or alarm.detector.startswith("output."):
        noun = "answer"
    return f"{alarm.requests:,} {noun}" + ("s" if alarm.requests != 1 else "")


def informative_examples(alarm: Alarm) -> list[dict[str, Any]]:
    """The examples without outputs that are the same in all and did not change: those are noise.

    A single example is shown in full.
    """
    shown = alarm.diagnosis.examples
    changed = {alarm.detector, *(change.column for change in alarm.diagnosis.changes)}
    names = dict.fromkeys(name for example in shown for name in example["output"])
    missing = object()
    varying = {
        name
        for name in names
        if f"output.{name}" in changed
        or len(shown) == 1
        or len({repr(example["output"].get(name, missing)) for example in shown}) > 1
    }
    return [
        {**one, "output": {name: cell for name, cell in one["output"].items() if name in varying}}
        for one in shown
    ]


def _alarm(alarm: Alarm) -> Iterator[str]:
    found = alarm.diagnosis
    yield f"### {_SIGNS[found.verdict]} {_cell(alarm.detector)}: {found.verdict}"
    yield ""
    yield f"{_cell(found.reason[:1].upper() + found.reason[1:])}."
    yield ""
    yield (
        f"{origin(alarm)}, after {observed_count(alarm)}; "
        f"statistic {figure(alarm.statistic)}, threshold {figure(alarm.threshold)}."
    )
    yield ""
    if found.words:
        yield from (f"Words that became more frequent: **{_cell(', '.join(found.words))}**.", "")
    yield from (f"- {_cell(change.sentence)}" for change in found.changes)
    examples = (readable(one["input"], column_of(alarm.detector)) for one in found.examples)
    yield from (f"- e.g. {_cell(example)}" for example in examples)
    yield ""


def column_of(detector: str) -> str:
    """The column that a detector watches; of another one, nothing that is a column."""
    return detector.partition(".")[2].removesuffix(".length")


def _cell(text: str) -> str:
    """Text from anywhere in a cell or a sentence."""
    return prose(text, _LONGEST_CELL, commands=False)
