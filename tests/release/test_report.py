"""The release report: kept whole, readable in a run's note, and a page that stands alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace

import pytest

from fullturn.core.errors import CouldNotEvaluate, IntegrityError
from fullturn.release.decision import decide
from fullturn.release.evidence import Evidence
from fullturn.release.records import Decision, Stage
from fullturn.release.report import (
    SHOWN,
    difference_charts,
    ending,
    evidence_chart,
    points,
    read_look,
    stages,
    thinned,
    to_html,
    to_json,
    to_markdown,
)
from tests.reading import Page
from tests.release.traffic import SETTINGS, in_canary, in_shadow, shared

TITLE = "version 4 against version 3 <script>alert('x')</script>"
ROUTES: dict[str, tuple[float, float]] = {"promoted": (0.0, 0.02), "worse": (0.02, 0.4)}


def looks(more: float, canary: float) -> list[Decision]:
    """A release from its first look to its last."""
    evidence, found = Evidence(SETTINGS), list[Decision]()
    parts: Sequence[tuple[Stage, list[object]]] = (
        ("shadow", list(in_shadow(shared(0.02, more), 300, 1, "loss"))),
        ("canary", list(in_canary(canary, 0.02, 1500, 2, "loss"))),
    )
    for stage, observations in parts:
        found.append(decide(evidence, stage, 0.0))
        for start in range(0, len(observations), 40):
            evidence.fold(observations[start : start + 40])  # type: ignore[arg-type]
            found.append(decide(evidence, stage, start))
            if found[-1].action != "go on":
                break
    return found


PROMOTED, WORSE = looks(*ROUTES["promoted"]), looks(*ROUTES["worse"])
UNDER_WAY = PROMOTED[:1]
LATE = [*PROMOTED[:2], decide(Evidence(SETTINGS), "shadow", 1e9)]
ALL = {"promoted": PROMOTED, "worse": WORSE, "under way": UNDER_WAY, "late": LATE}
every_release = pytest.mark.parametrize("release", ALL.values(), ids=ALL)


@every_release
def test_looks_are_read_back_as_they_were(release: list[Decision]) -> None:
    assert [read_look(record) for record in json.loads(to_json(release))] == thinned(release)


def test_a_damaged_look_says_so() -> None:
    record = asdict(PROMOTED[-1])
    for broken in (record | {"colour": "red"}, {}, record | {"readings": [{"pairs": 1}]}):
        with pytest.raises(IntegrityError, match="damaged"):
            read_look(broken)


def test_endings_have_names() -> None:
    assert [ending(release[-1]) for release in ALL.values()] == [
        "Promoted",
        "Rolled back",
        "Under way",
        "Rolled back, inconclusive",
    ]


@every_release
def test_the_page_stands_alone_and_says_why(release: list[Decision]) -> None:
    source = to_html(TITLE, release)
    page = Page(source)
    reason = release[-1].reason.replace(" -", " −")
    assert reason[1:] in page.text and ending(release[-1]) in page.text
    assert "<script" not in source
    assert not any("src" in names or "href" in names for _, names in page.tags)
    lines = [names for tag, names in page.tags if tag == "polyline"]
    assert len(lines) == 3 + len(difference_charts(release))


@every_release
def test_markdown_has_the_reason_and_a_row_for_each_guardrail(release: list[Decision]) -> None:
    text = to_markdown("version 4", release)
    assert (
        text.startswith(("## ✅", "## ❌", "## ❔"))
        and release[-1].reason[1:].replace(" -", " −") in text
    )
    for stage in stages(release):
        assert f"### {stage.stage.capitalize()}" in text
    rows = [line for line in text.splitlines() if line.startswith(("| errors", "| slow", "| loss"))]
    assert len(rows) == 3 * len(stages(release))


@every_release
def test_charts_stay_inside_their_frame(release: list[Decision]) -> None:
    for chart in (evidence_chart(release), *difference_charts(release)):
        assert 0 <= chart.limit.at <= 100
        for line in chart.lines:
            assert all(0 <= place <= 100 for at in (*line.points, *line.band) for place in at)
        for ticks in (chart.heights, chart.requests, chart.borders):
            assert all(0 <= tick.at <= 100 for tick in ticks)


def test_a_breach_is_drawn_above_the_limit_and_a_pass_below() -> None:
    chart = evidence_chart(WORSE)
    loss = next(line for line in chart.lines if line.name == "loss")
    assert loss.points[-1][1] <= chart.limit.at
    assert all(line.points[-1][1] > chart.limit.at for line in evidence_chart(PROMOTED).lines)
    assert [tick.label for tick in evidence_chart(PROMOTED).borders] == ["shadow", "canary"]
    assert {chart.lines[0].tone for chart in difference_charts(PROMOTED)} == {"clear"}
    assert [c.lines[0].tone for c in difference_charts(WORSE) if c.title == "loss"] == ["beyond"]


def test_a_long_release_is_thinned_but_keeps_its_decisions() -> None:
    one = PROMOTED[2]
    many = [replace(one, readings=(replace(one.readings[0], pairs=n),)) for n in range(2000)]
    kept = thinned([*many, replace(many[-1], action="promote"), many[-1]])
    assert len(kept) <= SHOWN + 3
    assert kept[0] is many[0] and [look.action for look in kept].count("promote") == 1
    assert thinned([one] * 50) == [one]


def test_nothing_to_report_is_no_report() -> None:
    with pytest.raises(CouldNotEvaluate, match="no looks"):
        to_html("version 4", [])


def test_numbers_are_short() -> None:
    assert (points(-0.0123), points(0.5)) == ("−1.23", "+50.00")


def test_evidence_is_told_in_words_and_never_as_if_it_were_there_already() -> None:
    one = replace(PROMOTED[-1].readings[0], worse_at=60.0, not_worse_at=20.0)
    told = {peak: replace(one, worse_peak=peak).worse_text for peak in (1.0, 8.7, 59.99, 60, 1e23)}
    assert list(told.values()) == ["no", "8 of 60", "59 of 60", "shown", "shown"]
    told = {e: replace(one, not_worse=e).not_worse_text for e in (7e-4, 19.9, 20.0, 7e4)}
    assert list(told.values()) == ["0 of 20", "19 of 20", "shown", "shown"]
    assert replace(one, not_worse=1.0, asked=False).not_worse_text == "left to the canary"


@every_release
def test_the_evidence_is_words_on_page_and_in_markdown_and_numbers_in_json(
    release: list[Decision],
) -> None:
    cells = [cell.strip() for cell in to_markdown("version 4", release).split("|")]
    for look in stages(thinned(release)):
        for one in look.readings:
            assert {one.worse_text, one.not_worse_text} <= set(cells)
            assert f"<td>{one.worse_text}</td>\n<td>{one.not_worse_text}</td>" in to_html(
                "version 4", release
            )
    assert json.loads(to_json(release))[-1]["readings"][0]["worse"] == release[-1].readings[0].worse
