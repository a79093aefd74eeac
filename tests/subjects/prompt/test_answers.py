"""From what a model completed to an output."""

import math
from typing import Any

import pytest

from fullturn.llm import Completion
from fullturn.subjects.prompt.answers import NO_LABEL, json_of, label_of, limits, output_of, text_of

MOODS = ("satisfied", "disappointed")


def completed(text: str, **more: Any) -> Completion:
    return Completion(text, 7, 2, 0.1, cached=False, **more)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("satisfied", "satisfied"),
        (' "Satisfied." ', "satisfied"),
        ("The customer is satisfied, I think", "satisfied"),
        ("dissatisfied", NO_LABEL),
        ("satisfied or disappointed", NO_LABEL),
        ("", NO_LABEL),
    ],
)
def test_a_label_is_read_only_where_it_is_the_only_one(text: str, label: str) -> None:
    assert label_of(text, MOODS) == label


def test_of_a_label_within_another_the_longer_one_is_meant() -> None:
    assert label_of("It is not relevant.", ("relevant", "not relevant")) == "not relevant"


def test_probabilities_are_shares_among_the_labels() -> None:
    tokens = {" disappoint": math.log(0.2), " satisfied": math.log(0.6), " very": math.log(0.1)}
    found = output_of(
        completed("The customer is satisfied", first_tokens=tokens), MOODS, None, "The customer is"
    )
    assert found["label"] == "satisfied" and found["confidence"] == 0.75
    assert found["probabilities"] == {"satisfied": 0.75, "disappointed": 0.25}
    assert found["prompt_tokens"] == 7


def test_json_is_read_also_in_a_fence() -> None:
    schema = {"type": "object"}
    for text in ('{"a": 1}', '```json\n{"a": 1}\n```'):
        found = output_of(completed(text), (), schema, "")
        assert found["json"] == {"a": 1} and text_of(found) == '{"a": 1}'
    assert json_of("Sure! {") is None


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        ({"finish": "length"}, "cut off"),
        ({"finish": "content_filter"}, "filtered"),
        ({"refusal": "No."}, "refused"),
    ],
)
def test_what_is_no_whole_answer_says_so(more: dict[str, str], outcome: str) -> None:
    assert output_of(completed("x", **more), (), None, "")["outcome"] == outcome


def test_tools_that_are_called_are_part_of_the_answer() -> None:
    call = {"type": "function", "function": {"name": "refund", "arguments": "{}"}}
    found = output_of(completed("", finish="tool_calls", tool_calls=[call]), (), None, "")
    assert found["tool_calls"] == [call] and "outcome" not in found


def test_labels_are_a_grammar_of_the_embedded_model_alone() -> None:
    grammar = limits(MOODS, None, "The customer is", embedded=True)["grammar"]
    assert grammar == 'root ::= " satisfied" | " disappointed"'
    assert limits(MOODS, None, "", embedded=False) == {}
