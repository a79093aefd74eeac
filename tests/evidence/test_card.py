"""The model card says what is on record, and what nobody stated it calls so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fullturn.core.entities import CheckResult, DatasetVersion, GateReport, RunRecord
from fullturn.core.settings import CardSettings
from fullturn.evidence import card
from fullturn.evidence.inputs import EvidenceInputs, Repository
from fullturn.evidence.sbom import Asked

LEVEL = {"estimate": 0.7, "low": 0.6, "high": 0.8, "confidence": 0.9}
GAIN = {**LEVEL, "estimate": 0.02, "low": -0.01, "high": 0.05, "candidate": 0.9, "reference": 0.88}


def check(code: str, outcome: Any = "PASSED", **figures: Any) -> CheckResult:
    return CheckResult(code, "quality", f"What {code} demands.", outcome, "why so", figures)


RESULTS = (
    check("EVAL02", metric="right", p=0.001, **GAIN),
    check("EVAL03", margin=0.03, metrics={"right": GAIN}),
    check(
        "EVAL04",
        metric="right",
        floor=0.65,
        confidence=0.98,
        slices={
            "channel=mail": {"rows": 40, "estimate": 0.9, "low": 0.8, "high": 0.95},
            "channel=chat": {"rows": 30, **LEVEL},
        },
        too_small=["channel=letter"],
    ),
    check("SAFE01", "NOT_APPLICABLE"),
    replace(check("SERV01", "INCONCLUSIVE"), waived="the machine was busy"),
)
REPORT = GateReport(
    subject="r1",
    champion="version 2",
    dataset="mail version 5",
    data_digest="d5" * 32,
    outcome="PASSED",
    results=RESULTS,
    created="2026-01-02T03:04:05+00:00",
    actor="anna",
)
RUN = RunRecord(
    id="r1",
    name="defaults",
    kind="train",
    status="FINISHED",
    started="2026-01-01T00:00:00+00:00",
    duration=1.0,
    params={"smoothing": "1.0"},
    metrics={"validation.right": 0.9},
    tags={"fullturn.data": "5", "fullturn.data_digest": "d5" * 32, "fullturn.seed": "7",
          "fullturn.owner": "bert"},
)  # fmt: skip
DATA = DatasetVersion(
    name="mail", version=5, digest="d5" * 32, uri="", rows=100, splits={"train": 60, "test": 40},
    parent=4, added=3, removed=0, changed=1, message="", actor="anna", created="2025-12-31",
)  # fmt: skip
FACTS = EvidenceInputs(
    model="mail",
    version=3,
    app="classifier",
    bundle="ab" * 32,
    manifest=b"{}",
    run=RUN,
    gate="g1",
    report=REPORT,
    reports={},
    environment="",
    data=DATA,
    difference={"sentence": "From the data of version 2: 3 rows added."},
    code=Repository("c" * 40, False, None, "main", None),
    llm=None,
    card=CardSettings(),
)
SECTIONS = (
    "Intended use", "Data", "Results", "Results by slice", "Limits", "How it was made", "Owner",
)  # fmt: skip


def section(facts: EvidenceInputs, name: str) -> str:
    found = card.to_markdown(facts).split("\n## ")[1:]
    assert [part.partition("\n")[0] for part in found] == list(SECTIONS)
    return found[SECTIONS.index(name)]


def test_what_nobody_stated_is_called_so_and_how_to_state_it() -> None:
    for name, setting in {
        "Intended use": "intended_use",
        "Limits": "limits",
        "Owner": "contact",
    }.items():
        assert f"Not stated. Set `{setting}` in `[card]`" in section(FACTS, name)
    assert "bert" in section(FACTS, "Owner")  # who trained it, for want of another


def test_what_is_stated_is_on_the_card() -> None:
    stated = CardSettings(
        intended_use="Sorts mail.", out_of_scope="Legal advice.", limits=("German only.",),
        owner="Team Mail", contact="mail@example.org",
    )  # fmt: skip
    text = card.to_markdown(replace(FACTS, card=stated))
    assert "Not stated" not in text
    for line in ("Sorts mail.", "Legal advice.", "- German only.", "Team Mail", "mail@example.org"):
        assert line in text


def test_scores_stand_with_intervals_against_champion_and_baseline() -> None:
    text = section(FACTS, "Results")
    row = "| 0.900 | {} | 0.880 | +0.020 | [-0.010, +0.050] at 90% |"
    assert row.format("version 2") in text
    assert row.format("the trivial baseline") in text
    assert "Non-inferiority margin against version 2: 0.03." in text


def test_slices_stand_lowest_first_and_those_that_may_be_too_low_are_limits() -> None:
    text = section(FACTS, "Results by slice")
    assert text.index("channel=chat") < text.index("channel=mail")
    assert "| channel=chat | 30 | 0.700 | [0.600, 0.800] |" in text
    limits = section(FACTS, "Limits")
    assert "Slice channel=chat may score below its floor 0.65" in limits
    assert "channel=mail" not in limits
    assert "Too few rows to judge these slices: channel=letter" in limits


def test_checks_that_did_not_pass_are_limits_with_their_waiver() -> None:
    limits = section(FACTS, "Limits")
    assert (
        "SERV01 was inconclusive: why so (What SERV01 demands); waived: the machine was" in limits
    )
    assert "SAFE01 did not apply" in limits
    assert "EVAL02" not in limits


def test_the_way_back_to_data_code_and_llm_is_on_it() -> None:
    assert "mail version 5" in section(FACTS, "Data") and "d5" * 32 in section(FACTS, "Data")
    made = section(replace(FACTS, llm=Asked("tiny", None, None, "sha256:12")), "How it was made")
    for part in (
        "c" * 40,
        "`main`",
        "seed 7",
        "`smoothing=1.0`",
        "ab" * 32,
        "LLM tiny",
        "sha256:12",
    ):
        assert part in made
    dirty = replace(FACTS, code=Repository("c" * 40, True, "e" * 64, None, None))
    assert "with changes `eeeeeeeeeeee`" in section(dirty, "How it was made")
    assert "uncommitted changes" in section(dirty, "Limits")


def test_a_report_without_champion_slices_or_data_makes_a_card_too() -> None:
    bare = replace(REPORT, champion=None, results=(check("EVAL04", "NOT_APPLICABLE"),))
    facts = replace(FACTS, report=bare, data=None)
    assert "There was no champion" in section(facts, "Results")
    assert "No figures: why so." in section(facts, "Results by slice")
    assert "a table that was not available at the gate" in section(facts, "Data")
    empty = replace(FACTS, report=replace(REPORT, results=()))
    assert "The gate did not look at slices" in section(empty, "Results by slice")
    assert "has no figures" in section(empty, "Results")


@pytest.mark.parametrize("evil", ["a|b", "![x](http://example.org/x.png)", "<img src=x>", "@anna"])
def test_text_from_anywhere_does_nothing_on_the_card(evil: str) -> None:
    slices = {evil: {"rows": 40, **LEVEL}}
    result = check("EVAL04", metric="right", floor=0.1, confidence=0.9, slices=slices)
    report = replace(REPORT, results=(result,), actor=evil)
    run = replace(RUN, name=evil, tags={"fullturn.owner": evil})
    text = card.to_markdown(replace(FACTS, report=report, run=run))
    assert evil not in text


def test_the_same_facts_make_the_same_card() -> None:
    assert card.to_markdown(FACTS) == card.to_markdown(replace(FACTS))
