"""What `monitor` tells a person about an alarm."""

from __future__ import annotations

import pytest

from fullturn.cli.output import show
from fullturn.core.entities import Alarm, Diagnosis
from fullturn.verbs.monitor import LONGEST


def alarm(detector: str, text: str) -> Alarm:
    found = Diagnosis(
        "unclear",
        "few labels",
        words=("invoice", "tax"),
        examples=({"id": "p1", "input": {"note": text}, "output": {}},),
    )
    return Alarm(detector, 3, 4000, 1, 3229, 2e5, 1e5, 3900, found)


def test_an_alarm_says_what_its_detector_counted(capsys: pytest.CaptureFixture[str]) -> None:
    show(alarm("quality", "short"))
    said = capsys.readouterr().out
    assert "alarm of quality after 3,229 labelled answers: unclear" in said
    assert "words that became more frequent: invoice, tax" in said
    assert "for example: short\n" in said


def test_a_long_example_is_cut_where_one_sees_it(capsys: pytest.CaptureFixture[str]) -> None:
    show(alarm("input.note", "a [b] " + "word\n" * 40))
    [line] = [one for one in capsys.readouterr().out.splitlines() if "for example" in one]
    text = line.split(": ")[1]
    assert text.startswith("a [b] word word") and text.endswith("…")
    assert len(text) == LONGEST
