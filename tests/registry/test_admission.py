"""The one decision whether a version may become champion, on records alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fullturn.core.entities import GateReport, HistoryEntry, ModelVersion
from fullturn.core.errors import Conflict, NotGated, Refused
from fullturn.registry.history import History
from fullturn.registry.promotion import GateEvidence, Today, admit

VERSION = ModelVersion("toy", 3, "run3", "models:/m-3", (), {"fullturn.outcome": "PASSED"}, "")
REPORT = GateReport(
    subject="run3",
    champion="version 2",
    dataset="toy version 5",
    data_digest="d5",
    outcome="PASSED",
    results=(),
    created="",
    actor="me",
)
GATE = GateEvidence("gate3", REPORT, "sha")


def entry(number: int, version: int) -> HistoryEntry:
    return HistoryEntry(number, "promotion", version, None, "me", "why", None, "")


TODAY = Today(History((entry(1, 1), entry(2, 2)), (1, 2)), "d5")


def with_report(**changes: object) -> GateEvidence:
    return replace(GATE, run="other", report=replace(REPORT, **changes))  # type: ignore[arg-type]


def test_a_gate_against_todays_champion_and_data_that_passed_admits() -> None:
    found = admit(VERSION, [with_report(champion="version 1"), GATE], TODAY)
    assert (found.gate, found.report, found.seen, found.override) == ("gate3", "sha", 2, "")


@pytest.mark.parametrize(
    ("gates", "reason"),
    [
        ([], "no gate report"),
        ([with_report(champion="version 1")], "against version 1, and the champion is version 2"),
        ([with_report(champion=None)], "against no champion, and the champion is version 2"),
        ([with_report(data_digest="d4")], "there is a newer dataset version"),
        ([with_report(subject="run9")], "about another run"),
        ([with_report(outcome="FAILED"), GATE], "ended FAILED"),
        ([with_report(outcome="INCONCLUSIVE"), GATE], "ended INCONCLUSIVE"),
    ],
)
def test_anything_else_is_refused_unless_it_is_overridden(
    gates: list[GateEvidence], reason: str
) -> None:
    with pytest.raises(NotGated, match=rf"version 3 .*{reason}.*--override"):
        admit(VERSION, gates, TODAY)
    assert reason in admit(VERSION, gates, TODAY, override=True).override


def test_what_its_release_rolled_back_is_refused_unless_it_is_overridden() -> None:
    today = replace(TODAY, refused="errors +12 points")
    said = r"its release rolled it back \(errors \+12 points\)"
    with pytest.raises(Refused, match=said) as found:
        admit(VERSION, [GATE], today)
    assert type(found.value) is Refused, "and not that it lacks a gate"
    assert "rolled it back" in admit(VERSION, [GATE], today, override=True).override


def test_at_the_end_of_a_release_the_data_may_be_newer_and_the_champion_not() -> None:
    at_the_end = replace(TODAY, data=None)
    assert admit(VERSION, [with_report(data_digest="d4")], at_the_end).gate == "other"
    with pytest.raises(NotGated, match="against version 1"):
        admit(VERSION, [with_report(champion="version 1")], at_the_end)


def test_no_override_makes_the_champion_champion_again() -> None:
    with pytest.raises(Conflict, match="already"):
        admit(replace(VERSION, version=2), [GATE], TODAY, override=True)
