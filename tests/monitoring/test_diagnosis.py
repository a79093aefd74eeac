"""What an alarm means: each planted cause gets its verdict, and the reason names it."""

from __future__ import annotations

from typing import Any

import pytest

from fullturn.core.entities import Diagnosis
from fullturn.core.settings import MonitoringSettings
from fullturn.monitoring import Case, diagnose
from fullturn.monitoring.changes import changes
from fullturn.monitoring.columns import Watched
from tests.monitoring.streams import CONTRACT, NEW, OLD, Row, reference, traffic, vectors


def case(
    detector: str = "input.weight", n: int = 300, labelled: int = 0, **planted: Any
) -> Diagnosis:
    """The diagnosis of `n` changed requests, so many of them labelled."""
    stream = traffic(n, begins=0, **planted)
    losses = [one for one in stream if one.loss is not None]
    return diagnose(
        Case(
            detector=detector,
            contract=CONTRACT,
            reference=tuple(reference()),
            answered=tuple(one for one in stream if one.loss is None),
            labelled=tuple(losses[:labelled]),
            limits=MonitoringSettings(),
            vectors=vectors,
        )
    )


def sometimes(share: float, **cells: Any) -> dict[str, Any]:
    return {"change": lambda row, rng: {**row, **cells} if rng.random() < share else row}


def scaled(row: Row, rng: Any) -> Row:
    return {**row, "weight": row["weight"] * 1000}


def cut(row: Row, rng: Any) -> Row:
    return {**row, "note": row["note"][:20]}


@pytest.mark.parametrize(
    ("planted", "column", "says"),
    [
        (sometimes(0.3, weight=None), "input.weight", "'weight' is missing in"),
        (sometimes(0.3, country=None), "input.country", "'country' is missing in"),
        (sometimes(0.5, note=None), "input.note", "'note' is missing in"),
        ({"change": scaled}, "input.weight", "times what it was, as if the unit had changed"),
        (sometimes(1, weight=2.5), "input.weight", "'weight' is 2.5 in 100%, before"),
        (sometimes(1, country="it"), "input.country", "it has become constant"),
        ({"change": cut}, "input.note.length", "'note' ends at 20 characters in"),
    ],
)
def test_a_fault_of_the_pipeline_is_named(planted: dict[str, Any], column: str, says: str) -> None:
    found = case(labelled=300, **planted)
    assert found.verdict == "broken pipeline"
    assert says in found.reason
    assert [change.column for change in found.changes if change.broken] == [column]


@pytest.mark.parametrize("n", [3, 10, 40])
def test_another_unit_is_seen_in_a_few_requests(n: int) -> None:
    found = case(n=n, change=scaled)
    assert found.verdict == "broken pipeline"
    assert "as if the unit had changed" in found.reason


def test_a_moderate_shift_is_no_other_unit() -> None:
    found = case(change=lambda row, rng: {**row, "weight": row["weight"] * 1.5})
    assert found.verdict == "unclear"
    assert found.changes[0].column == "input.weight"
    assert found.changes[0].after == pytest.approx(1.5 * found.changes[0].before, rel=0.15)


def test_requests_that_break_the_contract_are_a_broken_pipeline() -> None:
    found = case(**sometimes(0.2, country="gb"))
    assert found.verdict == "broken pipeline"
    assert "requests break the contract" in found.reason


@pytest.mark.parametrize(
    ("detector", "says"), [("errors", "requests fail"), ("slow", "answers are slow")]
)
def test_failures_and_slowness_are_never_a_matter_of_training(detector: str, says: str) -> None:
    found = case(detector)
    assert found.verdict == "broken pipeline"
    assert says in found.reason


def test_labels_show_a_harmful_shift() -> None:
    found = case("quality", labelled=300, right=0.5)
    assert found.verdict == "harmful shift"
    assert "on 300 labelled requests" in found.reason
    assert found.labelled == 300


def test_labels_show_a_harmless_shift() -> None:
    found = case("input.note", labelled=300, texts=OLD + NEW, right=0.78)
    assert found.verdict == "harmless shift"
    assert "has not risen by 0.05" in found.reason


def test_a_loss_below_the_old_one_is_said_to_be_no_harm() -> None:
    found = case("input.note", labelled=300, texts=OLD + NEW, right=0.98)
    assert found.verdict == "harmless shift"
    assert "no harm, the loss is lower than before" in found.reason


def test_a_change_that_its_figures_do_not_show_is_not_listed() -> None:
    weight = Watched("input", "weight", "number")
    before = [1.0] * 60 + [0.0] * 40
    assert changes(weight, before, [1.0] * 60 + [2.0] * 40, alarmed=True) == []
    [told] = changes(weight, before, [1.0] * 40 + [2.0] * 60)
    assert (told.before, told.after) == (1.0, 2.0)
    assert told.sentence == "'weight' has a median of 2, before 1"


def test_few_labels_leave_it_unclear() -> None:
    found = case("input.note", labelled=10, texts=OLD + NEW)
    assert found.verdict == "unclear"
    assert "give feedback on more requests" in found.reason


def test_without_labels_confidence_foretells_harm_and_says_that_it_estimates() -> None:
    found = case("output.confidence", sure=0.55)
    assert found.verdict == "harmful shift"
    assert "too few labels" in found.reason and "estimated" in found.reason


def test_labels_overrule_the_estimate() -> None:
    found = case("output.confidence", labelled=300, sure=0.55, right=0.95)
    assert found.verdict == "harmless shift"


def test_more_abstentions_foretell_harm_where_confidence_means_nothing() -> None:
    rows = reference()
    stream = traffic(300, begins=0, sure=0.5)
    for row in rows:
        row.output.pop("confidence")  # type: ignore[attr-defined]
    answered = tuple(one for one in stream if one.loss is None)
    found = diagnose(
        Case("input.note", CONTRACT, tuple(rows), answered, (), MonitoringSettings(), vectors)
    )
    assert found.verdict == "harmful shift"
    assert "get no answer" in found.reason


def test_a_new_subject_is_named_by_its_words_and_shown_by_its_requests() -> None:
    found = case("input.note", texts=OLD + NEW)
    assert {"invoice", "tax", "bank"} <= set(found.words[:5])
    assert len(found.examples) == 5
    for example in found.examples:
        assert {"invoice", "tax", "bank", "refund"} & set(example["input"]["note"].split())
        assert set(example) == {"id", "input", "output"}


def test_examples_of_a_fault_show_the_fault() -> None:
    found = case(**sometimes(0.3, weight=None))
    assert [example["input"]["weight"] for example in found.examples] == [None] * 5
    high = case(change=lambda row, rng: {**row, "weight": row["weight"] * 1.5})
    weights = [example["input"]["weight"] for example in high.examples]
    assert min(weights) > 6


def test_unchanged_requests_show_no_change_and_no_subject() -> None:
    found = case(labelled=300)
    assert found.changes == () and found.words == ()
    assert found.verdict in ("unclear", "harmless shift")


def test_nothing_answered_is_unclear() -> None:
    found = diagnose(
        Case("quality", CONTRACT, tuple(reference(20)), (), (), MonitoringSettings(), vectors)
    )
    assert (found.verdict, found.requests, found.examples) == ("unclear", 0, ())


def test_long_texts_are_cut_in_examples() -> None:
    found = case(change=lambda row, rng: {**row, "note": "parcel " * 60})
    assert max(len(example["input"]["note"]) for example in found.examples) == 301


def test_a_diagnosis_is_the_same_each_time() -> None:
    planted: dict[str, Any] = {"texts": OLD + NEW, "sure": 0.6, "labelled": 50}
    assert case("input.note", **planted) == case("input.note", **planted)
