"""Fingerprints of many rows are those of each; a stored row is what an app returned."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import MappingProxyType

from hypothesis import given
from hypothesis import strategies as st

from fullturn.core.entities import EqualRows, Evaluation, Example, ScoredRow
from fullturn.evaluation.records import are_copies, digest_of, digests_of, fingerprints, to_jsonl
from tests.data.samples import steady

TEXTS = st.one_of(st.none(), st.text(max_size=8), st.sampled_from(["Straße -x", "a\0b", " %s "]))
MIXED = st.one_of(TEXTS, st.booleans(), st.integers(), st.floats(), st.lists(st.integers()))
ROWS = st.lists(
    st.fixed_dictionaries({"-n %": st.floats(), " Text": TEXTS, "any": MIXED}), max_size=5
)


@steady
@given(ROWS)
def test_many_rows_have_the_fingerprints_of_each(rows: list[dict[str, object]]) -> None:
    assert digests_of(rows) == [digest_of(row) for row in rows]


@steady
@given(ROWS, ROWS, st.sampled_from(["drop", "separate"]))
def test_copies_are_rows_with_the_same_fingerprint(
    rows: list[dict[str, object]], others: list[dict[str, object]], equal_rows: EqualRows
) -> None:
    ours, theirs = (
        [Example(str(n), row, {}, "", "train") for n, row in enumerate(some)]
        for some in (rows, [*others, *rows[1:]])
    )
    known = set(fingerprints(theirs, equal_rows))
    expected = [one in known for one in fingerprints(ours, equal_rows)]
    assert are_copies(ours, theirs, equal_rows) == expected


def test_a_mark_at_the_end_makes_no_other_row() -> None:
    """A fingerprint is over words: what is between them does not count at its end either."""
    ours, theirs = (
        [Example("1", {"a": "x", "b": text}, {}, "", "train")] for text in ("late!", "Late")
    )
    assert fingerprints(ours) == fingerprints(theirs)
    assert are_copies(ours, theirs) == [True]


def test_rows_with_other_columns_have_fingerprints_of_their_own() -> None:
    rows = [{"a": 1.0}, {"a": 1.0, "b": "x"}, {}]
    assert digests_of(rows) == [digest_of(row) for row in rows]


@dataclass(frozen=True)
class Passage:
    title: str


def test_what_an_app_returns_besides_json_is_stored_by_its_content() -> None:
    output = {"found": [Passage("one")], "shares": MappingProxyType({"a": 0.5}), "kind": str}
    row = ScoredRow("1", "1", {}, {"q": "é"}, output, {"score": 1.0}, 0.5)
    _, line = to_jsonl(Evaluation("me", "data", "test", (row,), 1, 0.0)).splitlines()
    stored = json.loads(line)
    assert stored["output"]["found"] == [{"title": "one"}]
    assert stored["output"]["shares"] == {"a": 0.5}
    assert stored["output"]["kind"] == "<class 'str'>"
    assert '"q": "é"' in line
