from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullturn.subjects.text.features import Speller

TEXTS = ["My transfer is pending", "a pending transfer", "The transfer failed", "it failed"]
SPELLER = Speller.learn(TEXTS, {"wander", "fabled"})


@pytest.mark.parametrize(
    "typo", ["transfr", "trannsfer", "transger", "tarnsfer", "ransfer", "transfere"]
)
def test_a_slip_of_one_letter_is_corrected(typo: str) -> None:
    assert SPELLER.correct(f"my {typo}, please") == "my transfer, please"


def test_the_first_letter_keeps_its_case() -> None:
    assert SPELLER.correct("Pendng transfer") == "Pending transfer"


def test_known_english_and_short_words_stay() -> None:
    for text in ("Failed transfer? wander, fabled", "it ist", "xyzzy 12345 p3nd"):
        assert SPELLER.correct(text) == text
    assert Speller(SPELLER.words, ()).correct("fabled") == "failed"


def test_words_seen_once_are_not_known() -> None:
    assert SPELLER.words == ("transfer", "failed", "pending")


def test_of_near_words_the_more_frequent_is_taken() -> None:
    speller = Speller.learn(["cards", "cards", "carts", "carts", "carts"], ())
    assert speller.correct("carps") == "carts"
    assert Speller(["cards", "carts"], ()).correct("carps") == "cards"


@settings(deadline=None)
@given(st.text(max_size=40))
def test_correcting_twice_changes_nothing_more(text: str) -> None:
    once = SPELLER.correct(text)
    assert SPELLER.correct(once) == once
