"""Grounding by words: what it must see, and what it openly does not."""

import pytest

from fullturn.subjects.assistant.answering import answer_sentences, numbers, supports, ungrounded

PASSAGE = "MLflow limits a parameter to 6,000 characters and a tag to 8,000 characters."


@pytest.mark.parametrize(
    ("sentence", "supported"),
    [
        (PASSAGE, True),
        ("A parameter is limited to 6000 characters.", True),
        ("Tags are limited to 8,000 characters by MLflow.", True),
        ("A parameter is limited to 5,000 characters.", False),
        ("A parameter is limited to 600 characters.", False),
        ("Kubernetes schedules pods for a parameter.", False),
        ("Of course!", False),
        ("It is so.", True),
    ],
)
def test_numbers_must_match_and_most_words_too(sentence: str, supported: bool) -> None:
    assert supports(PASSAGE, sentence) is supported


def test_a_quarter_of_the_words_may_be_new() -> None:
    assert supports("alpha beta gamma", "Alpha beta gamma delta.")
    assert not supports("alpha beta gamma", "Alpha beta gamma delta epsilon.")
    assert not supports("one two three four five", "One two three four five six seven.")


def test_one_passage_must_support_a_sentence_alone() -> None:
    passages = ["Canaries get traffic.", "Reapers close runs."]
    assert ungrounded("Canaries get traffic. Reapers close runs.", passages) == []
    assert ungrounded("Canaries close traffic runs.", passages) == ["Canaries close traffic runs."]


def test_it_does_not_see_a_negation() -> None:
    assert supports(PASSAGE, "MLflow never limits a parameter to 6,000 characters.")


def test_a_line_break_ends_a_sentence() -> None:
    assert answer_sentences("one thing\nanother thing") == ["one thing", "another thing"]


def test_numbers_lose_their_thousands_separators_only() -> None:
    assert numbers("1,000 of 2.5 and 3") == {"1000", "2.5", "3"}
