"""Spelling: what is wrong is repaired, what is right is left alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullturn.subjects.assistant.text import Speller, distance

KNOWN = {"registry": 9, "promotion": 4, "rollback": 3, "threshold": 2, "training": 8, "trailing": 1}
ENGLISH = {"holiday", "bread", "straining"}
SPELLER = Speller(KNOWN, ENGLISH)
words = st.text("abcde", max_size=6)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("regsitry", "registry"),
        ("registy", "registry"),
        ("reggistry", "registry"),
        ("registrx", "registry"),
        ("treshold", "threshold"),
        ("wich", "which"),
    ],
)
def test_a_dropped_added_replaced_or_swapped_letter_is_repaired(wrong: str, right: str) -> None:
    assert SPELLER.correct([wrong]) == [right]


def test_an_unknown_word_so_near_would_be_repaired() -> None:
    assert Speller(KNOWN, ()).correct(["straining"]) == ["training"]


def test_of_two_near_words_the_commoner_one_wins() -> None:
    assert SPELLER.correct(["trainling"]) == ["training"]


@pytest.mark.parametrize(
    "word",
    ["registry", "holiday", "bread", "straining", "promotions", "v2", "xyzzy", "abc", "3.17"],
)
def test_known_short_and_hopeless_words_stay(word: str) -> None:
    assert SPELLER.correct([word]) == [word]


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(sorted(KNOWN)), st.data())
def test_any_single_slip_leads_to_a_known_word_as_near(word: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(word) - 1))
    slip = data.draw(
        st.sampled_from(
            [
                word[:place] + word[place + 1 :],
                word[:place] + "x" + word[place:],
                word[:place] + "x" + word[place + 1 :],
                word[:place] + word[place : place + 2][::-1] + word[place + 2 :],
            ]
        )
    )
    found = SPELLER.correct([slip])[0]
    assert found in KNOWN
    assert distance(slip, found) <= distance(slip, word) <= 1


@settings(deadline=None)
@given(words, words, words)
def test_distance_is_symmetric_and_zero_only_for_equals(a: str, b: str, c: str) -> None:
    assert distance(a, b) == distance(b, a)
    assert (distance(a, b) == 0) is (a == b)
    assert abs(len(a) - len(b)) <= distance(a, b) <= max(len(a), len(b))
    assert distance(a + c, b + c) <= distance(a, b)
