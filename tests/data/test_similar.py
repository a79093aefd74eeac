"""Near-equal texts are found, all of them and no others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fullturn.data.similar import similar_pairs, trigrams
from tests.data.samples import questions, steady

LETTERS = st.text(alphabet="ab ", min_size=1, max_size=14)


@steady
@given(st.lists(LETTERS, max_size=12), st.sampled_from([0.3, 0.5, 0.75, 0.9, 1.0]))
def test_the_join_finds_what_comparing_every_pair_finds(texts: list[str], threshold: float) -> None:
    sets = [trigrams(text) for text in texts]
    firsts = {grams: sets.index(grams) for grams in sets}
    expected = [
        (i, j)
        for i in range(len(sets))
        for j in range(i + 1, len(sets))
        if len(sets[i] & sets[j]) >= threshold * len(sets[i] | sets[j])
        and (firsts[sets[i]] == i)
        and (firsts[sets[j]] == j or sets[i] == sets[j])
    ]
    assert similar_pairs(texts, threshold) == expected


@pytest.mark.parametrize(
    "other",
    ["My top-up didn't WORK!", "my top up  didn’t work", "My top up didn't work . . ."],
)
def test_case_punctuation_and_space_make_no_difference(other: str) -> None:
    assert similar_pairs(["My top up didn't work", other], 1.0) == [(0, 1)]


def test_other_texts_are_not_near() -> None:
    texts = ["where is my card", "where is my refund", "card is my where", "?!", "…", "卡在哪里"]
    assert similar_pairs(texts, 0.9) == []


def test_pairs_are_found_across_blocks() -> None:
    texts = [row["text"] for row in questions(1_100)]
    assert similar_pairs([*texts, f"{texts[3]}!", texts[1_050].upper()], 0.9) == [
        (3, 1_100),
        (1_050, 1_101),
    ]


def test_many_copies_of_one_text_are_each_paired_once() -> None:
    assert len(similar_pairs(["hello"] * 3_000, 0.9)) == 2_999
