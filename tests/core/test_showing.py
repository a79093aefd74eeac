"""A result says once what it is: for the terminal, a notebook, a program and pandas."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fullturn.cli.output import say_json, show
from fullturn.core.settings import ReleaseSettings
from fullturn.core.showing import (
    Block,
    Result,
    Table,
    framed,
    grid,
    line,
    mark,
    plain,
    styled,
    then,
    view,
)


@dataclass(frozen=True, slots=True)
class Score(Result):
    name: str
    mean: float
    parts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Report(Result):
    title: str
    scores: tuple[Score, ...]
    _rows = "scores"


class Scores(Table[Score]):
    """Scores."""


@view.register
def _(result: Report) -> Iterator[Block]:
    yield line("about ", styled(result.title, "bold"))
    yield grid(
        ("score", ">mean", "outcome"),
        ((s.name, f"{s.mean:.2f}", mark("PASSED")) for s in result.scores),
    )
    yield then("fullturn runs", "fullturn compare A B")


REPORT = Report("<b>[red]", (Score("recall", 0.5, {"a": 1}), Score("f1", 0.25, {"a": 2})))


def test_a_terminal_shows_lines_grids_and_what_is_next(capsys: pytest.CaptureFixture[str]) -> None:
    show(REPORT)
    said = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert said[0] == "about <b>[red]"
    assert [line.split() for line in said[1:4]] == [
        ["score", "mean", "outcome"],
        ["recall", "0.50", "✓", "passed"],
        ["f1", "0.25", "✓", "passed"],
    ]
    assert said[-1] == "next: fullturn runs  ·  fullturn compare A B"
    assert REPORT.next_steps == ("fullturn runs", "fullturn compare A B")


def test_a_notebook_shows_the_same_and_no_text_becomes_html() -> None:
    page = REPORT._repr_html_()
    assert "&lt;b&gt;[red]" in page and "<b>" not in page
    assert '<td style="text-align:right">0.50</td>' in page
    assert "<code>fullturn compare A B</code>" in page


def test_json_has_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    say_json(REPORT)
    assert json.loads(capsys.readouterr().out) == REPORT.to_dict()
    assert REPORT.to_dict()["scores"][1] == {"name": "f1", "mean": 0.25, "parts": {"a": 2}}


def test_pandas_has_a_row_for_each_item() -> None:
    assert list(REPORT.to_pandas().columns) == ["name", "mean", "parts.a"]
    assert list(REPORT.scores[0].to_pandas()["mean"]) == [0.5]
    assert list(Scores(REPORT.scores).to_pandas()["name"]) == ["recall", "f1"]


def test_a_table_is_a_tuple_that_shows_itself() -> None:
    found = Scores(REPORT.scores)
    assert found[0].name == "recall" and len(found) == 2
    assert found.to_dict() == REPORT.to_dict()["scores"]
    assert "<td" in found._repr_html_() and Scores()._repr_html_() == ""


def test_a_whole_page_keeps_its_styles_to_itself() -> None:
    page = '<!doctype html><style>p {color: red}</style><p title="x">'
    assert framed(page).startswith("<iframe srcdoc=") and 'title="x"' not in framed(page)
    assert framed("<p>piece</p>") == "<p>piece</p>"


def test_what_json_has_no_word_for_becomes_a_value_or_text() -> None:
    found = plain({1: np.float32(0.5), "b": np.arange(2), "c": Path("x"), "d": ReleaseSettings()})
    assert found["1"] == 0.5 and found["b"] == [0, 1] and found["c"] == "x"
    assert found["d"]["alpha"] == 0.05
    json.dumps(found)
