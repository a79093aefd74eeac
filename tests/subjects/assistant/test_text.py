"""Words, stems and sentences."""

import pytest

from fullturn.subjects.assistant.text import (
    contains,
    content,
    first_words,
    normalised,
    sentences,
    stems,
    words,
)


def test_words_are_casefolded_and_keep_decimal_points() -> None:
    assert words("Don't use MLflow 3.17, use `log_batch`!") == [
        *("dont", "use", "mlflow", "3.17", "use", "log", "batch")
    ]


def test_stopwords_carry_no_content() -> None:
    assert content(words("what is the age of my model")) == ["age", "model"]


def test_forms_of_a_word_share_their_stem() -> None:
    assert stems(["promotes", "promoted", "promotion"])[:2] == ["promot", "promot"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("It is 3.5 points. Good.", ["It is 3.5 points.", "Good."]),
        ("Run\n`a.b`. `C` is next.", ["Run `a.b`.", "`C` is next."]),
        ("The rule is simple: 5 runs.", ["The rule is simple:", "5 runs."]),
        ("e.g. this one. stays whole", ["e.g. this one. stays whole"]),
        ("", []),
    ],
)
def test_sentences_end_where_a_new_one_begins(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts


def test_normalised_text_keeps_numbers_whole() -> None:
    assert normalised("About 2.5 %, not 1,000.") == " about 2.5 % not 1 000 "


@pytest.mark.parametrize(
    ("text", "fact", "found"),
    [
        ("It takes 30 minutes.", ["30 minutes"], True),
        ("It takes 130 minutes.", ["30 minutes"], False),
        ("the RUNNING state", ["running"], True),
        ("it is rerunning", ["running"], False),
        ("the share is 97 %", ["97%", "97 %"], True),
        ("the model's memory", ["models memory"], True),
    ],
)
def test_a_fact_is_found_as_whole_words(text: str, fact: list[str], found: bool) -> None:
    assert contains(text, fact) is found


def test_first_words_counts_words() -> None:
    assert first_words("a  b\nc d", 3) == "a b c"
