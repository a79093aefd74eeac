"""The latest rows are the test rows, and nothing that belongs together is torn apart."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fullturn.core.entities import Column, Contract
from fullturn.core.errors import DataError
from fullturn.core.settings import DataSettings
from fullturn.data import versions
from fullturn.data.chronology import chosen_by_time, period_names, times_of
from tests.data.samples import commit, steady

SHARES = {"train": 0.5, "validation": 0.2, "test": 0.3}
ORDER = ("train", "validation", "test")
LOG = Contract(
    columns=(
        Column("x", "number"),
        Column("day", "date", "time"),
        Column("user", "category", "group", required=False),
        Column("y", "number", "label"),
    ),
    key=("x", "day", "y"),
)


def log(count: int, **changes: Any) -> list[dict[str, Any]]:
    """A row a day, the newest first."""
    return [
        {"x": n, "y": n % 7, "day": f"2024-{1 + n // 28:02d}-{1 + n % 28:02d}"} | changes
        for n in reversed(range(count))
    ]


@steady
@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=60, unique=True))
def test_every_split_is_filled_and_comes_before_the_next(times: list[float]) -> None:
    names = [f"g{n}" for n in range(len(times))]
    chosen = chosen_by_time(names, times, SHARES)
    of_split = {s: [t for n, t in zip(names, times, strict=True) if chosen[n] == s] for s in ORDER}
    assert all(of_split.values())
    assert max(of_split["train"]) < min(of_split["validation"])
    assert max(of_split["validation"]) < min(of_split["test"])


def test_shares_are_those_of_the_settings() -> None:
    names = [str(n) for n in range(1000)]
    chosen = chosen_by_time(names, list(map(float, range(1000))), SHARES)
    assert Counter(chosen.values()) == {"train": 500, "validation": 200, "test": 300}


def test_rows_of_one_moment_stay_together_while_there_are_enough_moments() -> None:
    times = [float(n // 10) for n in range(100)]
    chosen = chosen_by_time([str(n) for n in range(100)], times, SHARES)
    assert all(len({chosen[str(n)] for n in range(k, k + 10)}) == 1 for k in range(0, 100, 10))
    assert Counter(chosen.values()) == {"train": 50, "validation": 20, "test": 30}


def test_two_moments_make_three_splits() -> None:
    times = [1.0] * 70 + [2.0] * 30
    chosen = chosen_by_time([f"{n:03d}" for n in range(100)], times, SHARES)
    counts = Counter(chosen.values())
    assert counts["test"] == 30 and counts["train"] > counts["validation"] > 0


def test_a_group_is_where_its_last_row_is() -> None:
    chosen = chosen_by_time(["a", "b", "c", "a"], [1.0, 2.0, 3.0, 9.0], SHARES)
    assert chosen == {"b": "train", "c": "validation", "a": "test"}


def test_dates_with_and_without_a_zone_are_in_one_order() -> None:
    days = ["2024-01-02", "2024-01-01T23:30:00+00:00", "1650-01-01"]
    assert times_of([{"day": day} for day in days], "day") == sorted(
        times_of([{"day": day} for day in days], "day"), reverse=True
    )


@pytest.mark.parametrize("day", ["2024-01-05", 3.0])
def test_a_time_that_never_changes_is_refused(day: Any) -> None:
    with pytest.raises(DataError, match="'day' does not order the rows: it is .* in every row"):
        times_of([{"day": day}] * 4, "day")


def test_a_version_is_split_by_time_and_says_so(tmp_path: Path) -> None:
    version = commit(tmp_path, log(200), contract=LOG)
    assert version.splits == {"train": 100, "validation": 40, "test": 60}
    assert version.periods == {
        "train": ("2024-01-01", "2024-04-16"),
        "validation": ("2024-04-17", "2024-05-28"),
        "test": ("2024-06-01", "2024-08-04"),
    }
    assert version.notes[0].startswith("split by time, column 'day': train 2024-01-01 to 2024-04")
    assert versions.show(tmp_path) == version
    data = versions.load(tmp_path, LOG)
    assert "day" not in data.examples[0].input
    newest = max(row["day"] for row in log(200))
    assert newest == version.periods["test"][1]


def test_the_next_version_is_split_anew(tmp_path: Path) -> None:
    commit(tmp_path, log(100), contract=LOG)
    version = commit(tmp_path, log(200), contract=LOG)
    assert version.splits == {"train": 100, "validation": 40, "test": 60}
    assert version.periods["train"] == ("2024-01-01", "2024-04-16")


def test_groups_stay_together_in_time(tmp_path: Path) -> None:
    rows = [{**row, "user": f"u{n % 20}"} for n, row in enumerate(log(200))]
    commit(tmp_path, rows, contract=LOG)
    of_group: dict[str, set[str]] = {}
    for example in versions.load(tmp_path, LOG).examples:
        of_group.setdefault(example.group, set()).add(example.split)
    assert len(of_group) == 20 and all(len(splits) == 1 for splits in of_group.values())


def test_a_separate_test_file_stays_the_test_split(tmp_path: Path) -> None:
    rows = [{**row, "split": "test"} for row in log(20)]
    version = commit(tmp_path, [*log(200)[:-20], *rows], contract=LOG)
    assert version.splits["test"] == 20
    assert version.periods["train"][1] < version.periods["validation"][0]


def test_a_number_may_be_the_time(tmp_path: Path) -> None:
    columns = (Column("x", "number"), Column("day", "number", "time"), Column("y", role="label"))
    contract = Contract(columns, key=("x",))
    rows = [{"x": n, "day": n // 10, "y": "a"} for n in range(100)]
    version = commit(tmp_path, rows, contract=contract, settings=DataSettings())
    assert version.periods["test"] == ("7", "9")


def test_a_row_without_a_time_is_a_bad_row(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"1 of 20\n  row 1: 'day' = 'soon' is not a date"):
        commit(tmp_path, [log(1, day="soon")[0], *log(20)[1:]], contract=LOG)


@pytest.mark.parametrize(
    ("test", "name"),
    [
        (["2019-01-05", "2024-03-05"], "2024"),
        (["2023-01-05", "2024-03-05"], "2024 Q1"),
        (["2024-01-05", "2024-03-05"], "2024-03"),
        (["2024-02-15", "2024-03-05"], "2024 week 10"),
        (["2024-03-04", "2024-03-05"], "2024-03-05"),
        ([float(n) for n in range(12)], "9 to 11"),
        ([20.0, 21.0], "before 20"),
    ],
)
def test_a_period_is_as_long_as_makes_some_of_the_test_rows(test: list[Any], name: str) -> None:
    asked = "2024-03-05" if isinstance(test[0], str) else 10.0
    assert period_names([asked], test) == [name]


def test_rows_are_sliced_by_period(tmp_path: Path) -> None:
    commit(tmp_path, log(200), contract=LOG)
    examples = versions.load(tmp_path, LOG).split("test")
    assert Counter(one.slices["day"] for one in examples) == {
        "2024-06": 28, "2024-07": 28, "2024-08": 4,
    }  # fmt: skip
