"""The digest depends on content, and on nothing else."""

from __future__ import annotations

import random
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fullturn.core.entities import Column, Contract
from fullturn.core.values import canonical, number_texts
from fullturn.data.rows import (
    dataset_digest,
    id_of,
    ids_of,
    key_of,
    keys_of,
    row_digest,
    row_digests,
)
from tests.data.samples import steady

VALUES = st.one_of(st.none(), st.text(max_size=8), st.floats(allow_nan=False, allow_infinity=False))
ROWS = st.lists(st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4), max_size=6)


@steady
@given(ROWS, st.randoms())
def test_order_of_rows_and_columns_does_not_matter(
    rows: list[dict[str, object]], source: random.Random
) -> None:
    mixed = [dict(source.sample(list(row.items()), len(row))) for row in rows]
    source.shuffle(mixed)
    assert dataset_digest(mixed, "dcba") == dataset_digest(rows, "abcd")


@steady
@given(ROWS, ROWS)
def test_other_content_has_another_digest(
    one: list[dict[str, object]], other: list[dict[str, object]]
) -> None:
    def content(rows: list[dict[str, object]]) -> list[str]:
        kept = [{k: v for k, v in row.items() if v is not None} for row in rows]
        return sorted(canonical(row) for row in kept)

    same = content(one) == content(other)
    assert (dataset_digest(one, "abcd") == dataset_digest(other, "abcd")) == same


def test_a_repeated_row_and_a_further_column_count() -> None:
    row = {"text": "x"}
    assert dataset_digest([row], ["text"]) != dataset_digest([row, row], ["text"])
    assert dataset_digest([row], ["text"]) != dataset_digest([row], ["text", "label"])


@steady
@given(st.text(max_size=12))
def test_text_counts_in_its_composed_form(text: str) -> None:
    forms = {row_digest({"t": unicodedata.normalize(form, text)}) for form in ("NFC", "NFD")}
    assert len(forms) == 1


def test_the_digest_is_pinned() -> None:
    rows = [{"text": "café", "n": 0.1, "gone": None}, {"text": "b", "n": 1e22}]
    assert canonical(rows[0]) == '{"gone":null,"n":0.1,"text":"café"}'
    assert dataset_digest(rows, ["text", "n"]) == (
        "445f58cce32efd13c09a29e73fc487a059120b7130bb0ae311a1ba4e97d24f7b"
    )


FLOATS = st.one_of(st.floats(), st.floats(-1e4, 1e4), st.sampled_from([-0.0, 1e16, 1e-5]))


@steady
@given(st.lists(FLOATS))
def test_many_numbers_are_written_as_each_is(values: list[float]) -> None:
    assert number_texts(values) == list(map(repr, values))


def test_numbers_that_are_not_finite_have_no_digest() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        row_digest({"n": float("inf")})


NAMES = st.sampled_from(["a", "b", "e\u0301", 'quo"te', "="])
STORED = st.dictionaries(NAMES, st.one_of(VALUES, st.just("\u0338x"), st.integers()), max_size=5)


@steady
@given(st.lists(STORED, max_size=5))
def test_many_rows_have_the_digests_keys_and_ids_of_each(rows: list[dict[str, object]]) -> None:
    contract = Contract((Column("a"), Column("b", role="id")), key=("a", "e\u0301"))
    keys = keys_of(rows, contract)
    assert row_digests(rows) == [row_digest(row) for row in rows]
    assert keys == [key_of(row, contract) for row in rows]
    assert ids_of(rows, keys, contract) == [id_of(row, contract) for row in rows]
