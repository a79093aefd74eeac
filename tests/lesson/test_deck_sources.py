"""Slides as files, figures and their sources: what is wrong is said, and never shown."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from fullturn.core.errors import CouldNotEvaluate, MissingFigure, UsageError
from fullturn.lesson import publishing
from fullturn.lesson.deck import SECTIONS, slides
from fullturn.lesson.figures import Figures, Source, benchmark_results, cases

RESULT = {
    "name": "serving",
    "command": "python bench/serving.py --keep",
    "date": "2026-11-24",
    "machine": "2 cores",
    "figures": {"ratio": 36.4, "answered": 12345, "same": "50/50"},
    "series": {"curve": [[0, 1], [1, 2.5]]},
}
DATED = re.compile(r"\d{1,2} (?:March) \d{4}")
"""Dates of events may be typed."""


@pytest.fixture
def figures(tmp_path: Path) -> Figures:
    (tmp_path / "serving.json").write_text(json.dumps(RESULT), encoding="utf-8")
    run = Source("run 0123abcd", "2026-11-24", "this project", "fullturn runs")
    return Figures(benchmark_results(tmp_path), {"lesson.best.accuracy": (0.675, run)})


def test_a_figure_tells_its_text_and_its_source(figures: Figures) -> None:
    ratio = figures("serving.ratio", "{:.1f} ×")
    assert ratio.text == "36.4 ×"
    assert ratio.source.command == "python bench/serving.py --keep"
    assert figures("serving.answered").text == "12,345"
    assert figures("lesson.best.accuracy").source.what == "run 0123abcd"
    assert figures.cited[0].name == "serving.ratio"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("serving.ratoi", "serving.ratio"),
        ("nothing.at_all", "bench/nothing.py --keep"),
        ("lesson.unknown", "present --reset"),
    ],
)
def test_a_missing_figure_is_named_with_the_next_step(
    figures: Figures, name: str, hint: str
) -> None:
    with pytest.raises(MissingFigure, match=re.escape(name)) as caught:
        figures(name)
    assert hint in str(caught.value)


def test_a_missing_curve_is_named(figures: Figures) -> None:
    assert figures.points("serving.curve") == ((0.0, 1.0), (1.0, 2.5))
    with pytest.raises(MissingFigure, match="serving.curv"):
        figures.points("serving.curv")


def test_a_damaged_result_is_named(tmp_path: Path) -> None:
    (tmp_path / "swap.json").write_text('{"name": "swap"', encoding="utf-8")
    with pytest.raises(CouldNotEvaluate, match="swap.json"):
        benchmark_results(tmp_path)


def test_the_results_say_who_made_them() -> None:
    for name, result in benchmark_results().items():
        assert result.name == name
        assert result.command.startswith(("python bench/", "fullturn "))
        assert "--keep" in result.command
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", result.date)
        assert "cores" in result.machine and "Python" in result.machine
        assert "/" not in result.machine


def test_the_slides_pace_twenty_five_minutes_in_five_sections() -> None:
    found = slides()
    assert 14 <= len(found) <= 18
    assert sum(slide.minutes for slide in found) == 25
    assert [slide.section for slide in found] == sorted(slide.section for slide in found)
    assert {slide.section for slide in found} == set(SECTIONS)


def test_each_slide_says_what_to_say() -> None:
    for slide in slides():
        sentences = re.split(r"[.:?!](?:\s|$)", " ".join(slide.notes))
        assert len([one for one in sentences if one.strip()]) >= 3, slide.name


def test_each_section_ends_where_the_audience_does_something() -> None:
    found = slides()
    for section in SECTIONS:
        last = [slide for slide in found if slide.section == section][-1]
        assert "turn()" in last.body, last.name


def test_the_panels_each_have_a_place() -> None:
    named = re.findall(r'live\("(\w+)"\)', "".join(slide.body for slide in slides()))
    expected = ["alarm", "ask", "canary", "compare", "gate", "rollback", "search"]
    assert sorted(named) == expected


def typed(body: str) -> list[str]:
    """Numbers that are written on a slide by hand, but for dates and the slide's own items."""
    text = re.sub(r"\{[{%].*?[%}]\}", " ", body)
    text = re.sub(r"<b>\d</b>", " ", text)
    text = re.sub(r"<[^>]*>", " ", text)
    return re.findall(r"\d[\d.,]*", DATED.sub(" ", text))


def test_no_number_on_a_slide_is_typed_by_hand() -> None:
    assert typed("<p>It takes 26 times as long</p>") == ["26"]
    for slide in slides():
        assert typed(slide.body) == [], slide.name
        assert not re.search(r"\d", slide.title), slide.name


def test_a_teacher_replaces_adds_and_leaves_out(tmp_path: Path) -> None:
    before = [slide.name for slide in slides()]
    (tmp_path / "10-pipeline.html").write_text("", encoding="utf-8")
    own = "title: Ours\nsection: 3\nminutes: 2\n---\n<p>Ours</p>\n---\nSay: ours.\n"
    (tmp_path / "07-versions.html").write_text(own, encoding="utf-8")
    (tmp_path / "07a-more.html").write_text(own, encoding="utf-8")
    after = {slide.name: slide for slide in slides(tmp_path)}
    assert set(after) == {*before, "07a-more"} - {"10-pipeline"}
    assert after["07-versions"].title == "Ours" and after["07-versions"].seconds == 120


@pytest.mark.parametrize(
    "text",
    [
        "no head at all",
        "title: A\nsection: 9\nminutes: 1\n---\nbody\n---\nnotes\n",
        "title: A\nsection: 1\nminutes: soon\n---\nbody\n---\nnotes\n",
        "title: A\nsection: 1\nminutes: 1\n---\nbody\n---\n\n",
        "section: 1\nminutes: 1\n---\nbody\n---\nnotes\n",
    ],
)
def test_a_file_that_is_no_slide_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "03-mine.html").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=re.escape("03-mine.html")):
        slides(tmp_path)


def test_without_the_extra_its_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(UsageError, match=re.escape("fullturn[lesson]")):
        publishing.reveal()


def test_each_case_says_how_far_its_source_was_read() -> None:
    found = cases()
    assert len(found) >= 5
    assert all(case.guard and case.source for case in found)
    assert {case.read for case in found} == {"at its source", "second-hand"}
