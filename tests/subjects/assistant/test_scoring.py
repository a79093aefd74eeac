"""Scores of an answer, and the threshold that is tuned on them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullturn.core.entities import Example, Output, Scores
from fullturn.subjects.assistant.scoring import UNTUNED, best_threshold, score
from tests.subjects.assistant.samples import output

TEXT = "Five seeds show the noise. A reaper closes runs after 30 minutes."


def scored(given: Output, passage: str | None = "a", facts: object = (("30 minutes",),)) -> Scores:
    """The scores of an output for a question about passage `a`."""
    expected = {"passage": passage, "facts": facts if passage else []}
    return score(Example("1", {"question": "?"}, expected, "g", "test"), given)


def test_a_grounded_answer_with_all_facts_is_right() -> None:
    assert set(scored(output(TEXT)).values()) == {1.0}


def test_the_primary_score_comes_first() -> None:
    assert next(iter(scored(output(TEXT)))) == "accuracy"


def test_a_missing_fact_makes_it_wrong_and_half_the_facts_count_half() -> None:
    found = scored(output(TEXT), facts=[["30 minutes"], ["FAILED"]])
    assert (found["accuracy"], found["facts"], found["grounded"]) == (0, 0.5, 1)


def test_any_wording_of_a_fact_will_do() -> None:
    assert scored(output(TEXT), facts=[["half an hour", "30 minutes"]])["accuracy"] == 1


def test_a_fact_after_eighty_words_does_not_count() -> None:
    late = " ".join(["word"] * 79) + " 30 minutes"
    assert scored(output(late))["facts"] == 0
    assert scored(output(late.removeprefix("word ")))["facts"] == 1


def test_an_invented_sentence_makes_it_wrong() -> None:
    found = scored(output(f"{TEXT} Kubernetes restarts pods.", TEXT))
    assert (found["accuracy"], found["facts"], found["grounded"]) == (0, 1, 0)


def test_declining_a_question_that_has_an_answer_is_wrong() -> None:
    found = scored(output("No.", abstained=True, passages=[], retrieved=["b", "a"]))
    assert found == {
        "accuracy": 0,
        "recall_at_1": 0,
        "recall_at_3": 1,
        "facts": 0,
        "grounded": 1,
        "abstention_accuracy": 0,
    }


def test_declining_a_question_without_answer_is_right() -> None:
    assert set(scored(output("No.", abstained=True), passage=None).values()) == {1.0}


def test_answering_a_question_without_answer_is_wrong() -> None:
    found = scored(output(TEXT), passage=None)
    assert (found["accuracy"], found["abstention_accuracy"], found["recall_at_1"]) == (0, 0, 1)


@pytest.mark.parametrize(("place", "first", "third"), [(0, 1, 1), (2, 0, 1), (3, 0, 0)])
def test_where_the_passage_was_found(place: int, first: float, third: float) -> None:
    retrieved = ["x", "y", "z", "w"]
    retrieved[place] = "a"
    found = scored(output(TEXT, retrieved=retrieved))
    assert (found["recall_at_1"], found["recall_at_3"]) == (first, third)


cases = st.lists(
    st.tuples(st.integers(1, 99).map(lambda n: n / 100), st.sampled_from([-1, 0, 1])),
    min_size=1,
    max_size=12,
)


def gain(found: list[tuple[float, int]], threshold: float) -> int:
    """What answering from this confidence on gains."""
    return sum(value for confidence, value in found if confidence >= threshold)


@settings(deadline=None, max_examples=200)
@given(cases)
def test_no_other_threshold_gains_more(found: list[tuple[float, int]]) -> None:
    chosen = gain(found, best_threshold(found))
    assert chosen == max(gain(found, number / 200) for number in range(202))


def test_the_cut_lies_between_the_cases() -> None:
    assert best_threshold([(0.9, 1), (0.2, -1)]) == 0.55


def test_if_everything_is_answerable_everything_is_answered() -> None:
    assert best_threshold([(0.4, 1), (0.6, 1)]) == 0.2


def test_if_nothing_is_answerable_nothing_is_answered() -> None:
    assert best_threshold([(0.9, -1)]) == 1.0


def test_without_cases_it_is_one_half() -> None:
    assert best_threshold([]) == UNTUNED
