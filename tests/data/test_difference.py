"""The difference counts rows and shows what became of labels and splits."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fullturn.core.errors import NotFound
from fullturn.data.difference import compare, diff
from fullturn.data.rows import id_of
from tests.data.samples import QUESTIONS, commit, questions, steady

TABLES = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from("xy"), max_size=8)


@steady
@given(TABLES, TABLES)
def test_rows_are_added_removed_changed_or_the_same(
    old: dict[str, str], new: dict[str, str]
) -> None:
    before, after = (
        [{"text": text, "label": label} for text, label in table.items()] for table in (old, new)
    )
    found = compare(before, after, QUESTIONS)
    assert {row["text"] for row in found.added} == new.keys() - old.keys()
    assert {row["text"] for row in found.removed} == old.keys() - new.keys()
    assert {row["text"] for _, row in found.changed} == {
        text for text in old.keys() & new.keys() if old[text] != new[text]
    }


def test_a_difference_between_two_versions(tmp_path: Path) -> None:
    rows = questions(40)
    for row in rows:
        row["split"] = "train"
    for row in rows[:10]:
        row["split"] = "test"
    rows[35]["split"] = "validation"
    commit(tmp_path, rows)
    commit(tmp_path, questions(20, seed=5))
    edited = [{**rows[0], "label": "b"}, *rows[1:36]]
    passage = {"text": "knowledge", "label": "none", "split": "reference"}
    commit(tmp_path, [*edited, passage])

    found = diff(tmp_path, QUESTIONS, 1, 3)
    assert (found.before, found.after) == (1, 3)
    assert (found.added, found.removed, found.changed) == (1, 4, 1)
    assert found.labels == {"label": {"a": (0.5, 17 / 36), "b": (0.5, 19 / 36)}}
    assert found.splits == {
        "reference": (0, 1),
        "test": (10, 10),
        "train": (29, 25),
        "validation": (1, 1),
    }
    assert found.examples["changed"] == ((id_of(rows[0], QUESTIONS), "label: 'a' → 'b'"),)
    assert found.examples["added"] == ((id_of(passage, QUESTIONS), "'knowledge'"),)
    assert len(found.examples["removed"]) == 4
    assert diff(tmp_path, QUESTIONS, 3, 1).removed == 1
    same = diff(tmp_path, QUESTIONS, 2, 2)
    assert (same.added, same.removed, same.changed) == (0, 0, 0)


def test_only_the_first_few_rows_are_shown(tmp_path: Path) -> None:
    commit(tmp_path, questions(40))
    commit(tmp_path, questions(90))
    found = diff(tmp_path, QUESTIONS, 1, 2)
    assert (found.added, len(found.examples["added"])) == (50, 5)


def test_a_version_that_does_not_exist(tmp_path: Path) -> None:
    commit(tmp_path, questions(40))
    with pytest.raises(NotFound, match="no version 2"):
        diff(tmp_path, QUESTIONS, 1, 2)
