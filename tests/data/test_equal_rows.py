"""Rows that are equal in all that a model reads: dropped, in one split, or rows of their own."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

from fullturn.core.entities import Column, Contract
from fullturn.core.settings import DataSettings
from fullturn.data import versions
from fullturn.data.inference import equal_rows
from fullturn.evaluation.records import fingerprint
from fullturn.verbs.parts.training import training_view
from tests.data.samples import commit

PASSENGERS = Contract(
    columns=(
        Column("class", "category"),
        Column("sex", "category"),
        Column("survived", "category", "label"),
    ),
    key=("class", "sex", "survived"),
    near_duplicates="report",
)
GROUPED = replace(PASSENGERS, equal_rows="group")
SEPARATE = replace(PASSENGERS, equal_rows="separate")
SHARES = DataSettings(train_share=0.6, validation_share=0.2)


def passengers(count: int = 300, seed: int = 3) -> list[dict[str, Any]]:
    draw = random.Random(seed)
    return [
        {
            "class": draw.choice("123"),
            "sex": draw.choice("fm"),
            "survived": draw.choice(["yes", "no"]),
            "ticket": str(n),
        }
        for n in range(count)
    ]


def committed(path: Path, rows: list[dict[str, Any]], contract: Contract) -> Any:
    return commit(path, rows, contract=contract, settings=SHARES)


def test_of_equal_rows_one_remains_unless_the_settings_say_otherwise(tmp_path: Path) -> None:
    assert committed(tmp_path / "a", passengers(), PASSENGERS).rows == 12


def test_grouped_rows_all_remain_and_equal_inputs_share_a_split(tmp_path: Path) -> None:
    found = committed(tmp_path / "a", passengers(), GROUPED)
    assert found.rows == 300 and found.findings["duplicates"] == 0
    assert found.notes[0].startswith("288 of 300 rows equal an earlier one in all columns")
    data = versions.load(tmp_path / "a", GROUPED)
    assert len({one.id for one in data.examples}) == 300
    splits: dict[str, set[str]] = defaultdict(set)
    for one in data.examples:
        splits[str(one.input)].add(one.split)
    assert len(splits) == 6 and all(len(split) == 1 for split in splits.values())


def test_rows_that_name_their_group_keep_it(tmp_path: Path) -> None:
    rows = [{**row, "group": f"family {n % 40}"} for n, row in enumerate(passengers())]
    committed(tmp_path / "a", rows, GROUPED)
    data = versions.load(tmp_path / "a", GROUPED)
    assert {one.group for one in data.examples} == {f"family {n}" for n in range(40)}


def test_separate_rows_are_split_one_by_one_whatever_their_order(tmp_path: Path) -> None:
    rows = passengers()
    found = committed(tmp_path / "a", rows, SEPARATE)
    assert found.rows == 300 and min(found.splits.values()) > 40
    assert "each counts as a row of its own" in found.notes[0]
    assert committed(tmp_path / "b", rows[::-1], SEPARATE).digest == found.digest
    data = versions.load(tmp_path / "a", SEPARATE)
    assert len({one.group for one in data.examples}) == 300


def test_the_next_version_leaves_separate_rows_where_they_were(tmp_path: Path) -> None:
    rows = passengers()
    first = committed(tmp_path / "a", rows, SEPARATE)
    assert committed(tmp_path / "a", rows, SEPARATE).version == first.version
    more = [*rows, {**rows[0], "ticket": "x"}]  # sorts after all others
    second = committed(tmp_path / "a", more, SEPARATE)
    assert (second.added, second.removed, second.changed) == (1, 0, 0)


def test_a_separate_row_may_be_trained_on_though_a_test_row_equals_it(tmp_path: Path) -> None:
    committed(tmp_path / "a", passengers(), SEPARATE)
    data = versions.load(tmp_path / "a", SEPARATE)
    assert not training_view(data, "drop").examples
    view = training_view(data, "separate")
    assert len(view.examples) == len(data.split("train", "validation"))
    trained = {fingerprint(one, "separate") for one in view.examples}
    assert trained.isdisjoint(fingerprint(one, "separate") for one in data.split("test"))


def test_few_different_values_make_equal_rows_usual_and_copies_do_not() -> None:
    inputs = ("class", "sex")
    assert equal_rows(passengers(), inputs, "survived")[0] == "separate"
    draw = random.Random(1)
    distinct = [{"x": draw.random(), "y": n % 2} for n in range(100)]
    assert equal_rows(distinct, ("x",), "y") == ("group", "")
    chosen, why = equal_rows([*distinct, *distinct], ("x",), "y")
    assert chosen == "group" and why.startswith("200 of 200 rows have the inputs of another")
