"""`init --csv FILE --label COLUMN`: what is inferred, shown, written, and refused."""

from __future__ import annotations

import math
import random
import tomllib
from pathlib import Path
from typing import Any

import pytest

from fullturn.cli import run
from fullturn.core.errors import DataError, UsageError
from fullturn.core.settings import read
from fullturn.subjects.catalog import find
from fullturn.verbs.init import init
from fullturn.verbs.parts.init_table import Roles, plan
from tests.verbs.conftest import write_rows


def rows(count: int = 60) -> list[dict[str, Any]]:
    """Customers, with a column of each kind."""
    draw = random.Random(1)
    return [
        {
            "nr": number,
            "age": draw.randrange(18, 80),
            "city": draw.choice(["Berlin", "Bonn"]),
            "member": draw.choice(["yes", "no"]),
            "joined": f"2024-03-{1 + number % 28:02}",
            "limit": "" if number % 9 == 0 else draw.randrange(9_000),
            "country": "DE",
            "left": "yes" if number % 8 == 0 else "no",
        }
        for number in range(1, count + 1)
    ]


def test_settings_are_written_for_a_person_to_correct(tmp_path: Path) -> None:
    table = write_rows(tmp_path / "customers.csv", rows())
    started = init(tmp_path / "churn", csv=table, label="left")
    settings = read(started.folder)
    assert settings.app == "tabular" and settings.data.label == "left"
    assert settings.data.columns == {
        "age": "number",
        "city": "category",
        "member": "boolean",
        "joined": "date",
        "limit": "number",
    }
    assert settings.data.ignore == ("nr", "country") and settings.data.optional == ("limit",)
    assert settings.model.task == "classification"
    assert settings.experiment.params == {"class_weight": "balanced"}
    contract = find(settings.app, settings, started.folder).contract
    assert [one.name for one in contract.columns if not one.required] == ["limit"]
    assert '"number"  # numbers from' in (started.folder / "fullturn.toml").read_text()


def test_what_was_inferred_is_shown_with_reasons_in_100_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    long = "a_very_long_name_of_a_column_that_somebody_wrote_for_a_warehouse"
    found = [{**row, long: row["age"] + 1.5} for row in rows()]
    table = write_rows(tmp_path / "customers.csv", found)
    assert run(["init", "--csv", str(table), "--label", "left", str(tmp_path / "churn")]) == 0
    lines = capsys.readouterr().out.splitlines()
    begin = next(number for number, text in enumerate(lines) if text.startswith("column "))
    assert max(map(len, lines[begin : begin + 9])) <= 100
    shown = " ".join(" ".join(lines).split())
    assert "nr ignored it numbers the rows from 1 to 60" in shown
    assert "left label, category 2 different labels" in shown
    assert "class_weight = balanced: 'yes' is the label of 11.7% of the rows" in shown


def test_roles_are_not_inputs(tmp_path: Path) -> None:
    found = [{**row, "city": f"city {row['nr'] % 20}"} for row in rows()]
    table = write_rows(tmp_path / "customers.csv", found)
    started = init(tmp_path / "x", csv=table, label="left", id="nr", group="city", time="joined")
    settings = read(started.folder)
    assert (settings.data.id, settings.data.group, settings.data.time) == ("nr", "city", "joined")
    assert list(settings.data.columns) == ["age", "member", "limit"]
    contract = find(settings.app, settings, started.folder).contract
    roles = {one.name: (one.kind, one.role) for one in contract.columns if one.role != "input"}
    assert roles == {
        "nr": ("category", "id"),
        "city": ("category", "group"),
        "joined": ("date", "time"),
        "left": ("category", "label"),
    }


def test_a_quantity_gets_a_scale_and_margins_in_its_unit(tmp_path: Path) -> None:
    found = [{**row, "price": 1000 + 7.5 * number} for number, row in enumerate(rows(200))]
    started = init(tmp_path / "x", csv=write_rows(tmp_path / "p.csv", found), label="price")
    settings = read(started.folder)
    assert settings.model.task == "regression" and settings.model.scale == 750.0
    assert settings.gates.margins == {"mae": 22.5, "r2": 0.03}
    assert settings.gates.named_metrics == ("mae", "r2") and settings.gates.primary == "mae"
    few = [{**row, "stars": number % 5} for number, row in enumerate(rows(200))]
    table = write_rows(tmp_path / "s.csv", few)
    said = init(tmp_path / "y", csv=table, label="stars", task="regression").inferred
    assert said and said.decisions[0].why == "as you said"


def test_a_label_that_moves_with_time_makes_the_time_an_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [{**row, "price": 1000 + 7.5 * number} for number, row in enumerate(rows(200))]
    table = write_rows(tmp_path / "p.csv", found)
    words = ["init", "--csv", str(table), "--label", "price", "--time", "nr", str(tmp_path / "x")]
    assert run(words) == 0
    data = read(tmp_path / "x").data
    assert data.time_is_input and (data.train_share, data.validation_share) == (0.7, 0.1)
    shown = " ".join(capsys.readouterr().out.split())
    assert "time_is_input = true: the label moves with 'nr' (rank correlation +1.00)" in shown
    assert "validation_share = 0.1 at most: rows just before the test rows" in shown


def test_a_label_that_does_not_move_with_time_leaves_it_out() -> None:
    for label, moves in (("member", False), ("half", True)):
        found = [{**row, "half": str(row["nr"] > 40)} for row in rows(120)]
        toml, _ = plan("p", {"files": ["f.csv"]}, found, Roles(label, time="nr"))
        assert ("time_is_input" in tomllib.loads(toml)["data"]) is moves


def test_positive_and_skewed_labels_are_proposed_on_a_logarithmic_scale() -> None:
    for spread, is_log in ((1.0, True), (0.1, False)):
        draw = random.Random(3)
        found = [{**row, "price": math.exp(draw.gauss(7, spread))} for row in rows(300)]
        toml, decided = plan("p", {"files": ["f.csv"]}, found, Roles("price"))
        params = tomllib.loads(toml)["experiment"].get("params")
        assert (params == {"target": "log"}) is is_log
        assert any(one.name == "target" for one in decided.decisions) is is_log


def test_auc_is_judged_where_the_test_rows_can_show_a_loss_of_it() -> None:
    few, decided = plan("p", {"files": ["f.csv"]}, rows(600), Roles("left"))
    many, _ = plan("p", {"files": ["f.csv"]}, rows(6000), Roles("left"))
    assert "metrics" not in tomllib.loads(few)["gates"]
    assert tomllib.loads(many)["gates"]["metrics"] == ["roc_auc"]
    assert "about 120 test rows are too few" in decided.decisions[-1].why


def test_parquet_and_a_separate_test_file_are_taken(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    found = [{**row, "limit": row["limit"] or None, "ok": row["left"] == "no"} for row in rows()]
    parquet.write_table(pa.Table.from_pylist(found), tmp_path / "c.parquet")
    test = write_rows(tmp_path / "test.csv", [{**row, "ok": "false"} for row in rows(20)])
    started = init(tmp_path / "x", csv=tmp_path / "c.parquet", label="ok", test=test)
    settings = read(started.folder)
    assert settings.data.files == ("c.parquet",) and settings.data.test == ("test.csv",)
    assert settings.data.columns["ok"] == "boolean"
    assert settings.data.train_share + settings.data.validation_share == pytest.approx(1)


def test_names_from_anywhere_are_written_as_toml() -> None:
    odd = 'a "quoted"\tname\x7f = 1 # [x]'
    found = [{**row, odd: row["age"] / 2} for row in rows()]
    toml, _ = plan("p", {"files": ["f.csv"]}, found, Roles("left"))
    assert tomllib.loads(toml)["data"]["columns"][odd] == "number"


def test_of_large_tables_more_rows_are_for_training() -> None:
    found = rows(1000) * 200
    toml, _ = plan("p", {"files": ["f.csv"]}, found, Roles("left"))
    data = tomllib.loads(toml)["data"]
    assert (data["train_share"], data["validation_share"]) == (0.875, 0.025)


def test_what_the_first_commit_would_refuse_is_said(tmp_path: Path) -> None:
    found = rows(200)
    found[3] = {**found[3], "left": ""}
    found[5] = {**found[5], "age": "unknown"}
    file = write_rows(tmp_path / "c.csv", found)
    with pytest.raises(DataError) as refused:
        init(tmp_path / "x", csv=file, label="left")
    said = str(refused.value)
    assert "c.csv:5: 'left' is empty" in said and "--on-bad-row drop" in said
    assert "c.csv:7: 'age' is 'unknown', not a number" in said
    started = init(tmp_path / "x", csv=file, label="left", on_bad_row="drop")
    assert read(started.folder).data.on_bad_row == "drop"
    assert started.notes[0].startswith("2 rows that break the contract were dropped")


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"label": "lef"}, DataError, "no column 'lef'.*did you mean 'left'"),
        ({"label": "left", "id": "x"}, DataError, r"no column 'x' \(--id\)"),
        (
            {"label": "left", "id": "nr", "group": "nr"},
            UsageError,
            "'nr' is named by --id, --group",
        ),
        ({"label": "country"}, DataError, "'country' has 1 value, 'DE': there is nothing to learn"),
        ({"label": "nr", "task": "classification"}, DataError, "different in each of 60 rows"),
        ({"label": "left", "text": "city", "time": "joined"}, UsageError, "--time with --text"),
        ({}, UsageError, "--label missing"),
    ],
)
def test_what_cannot_work_is_refused_and_nothing_is_written(
    tmp_path: Path, options: dict[str, str], error: type[Exception], said: str
) -> None:
    table = write_rows(tmp_path / "customers.csv", rows())
    with pytest.raises(error, match=said):
        init(tmp_path / "churn", csv=table, **options)  # type: ignore[arg-type]
    assert not (tmp_path / "churn").exists()


def test_a_label_alone_is_nothing_to_learn_from(tmp_path: Path) -> None:
    table = write_rows(tmp_path / "c.csv", [{"left": row["left"]} for row in rows()])
    with pytest.raises(DataError, match="no column besides left"):
        init(tmp_path / "churn", csv=table, label="left")


def test_decimal_commas_and_dates_with_the_day_first_are_recognised(tmp_path: Path) -> None:
    lines = [f"{n},{n % 10};{1 + n % 28}/{1 + n % 12}/2024;{n % 2}" for n in range(60)]
    (tmp_path / "a.csv").write_text("price;sold;y\n" + "\n".join(lines) + "\n")
    started = init(tmp_path / "x", csv=tmp_path / "a.csv", label="y")
    data = read(started.folder).data
    assert (data.decimal, data.day_first) == (",", True)
    assert data.columns == {"price": "number", "sold": "date"}
    assert started.inferred
    said = {one.name: one.why for one in started.inferred.decisions}
    assert said["[data] decimal"] == "'price' has '0,0'"
    assert said["[data] day_first"] == "'sold' has dates that can only be read so"


def test_dates_of_unknown_order_are_proposed_with_the_options_that_read_them(
    tmp_path: Path,
) -> None:
    found = [{"x": n / 7, "at": f"{1 + n % 12}/5/2024", "y": n % 2} for n in range(60)]
    table = write_rows(tmp_path / "a.csv", found)
    started = init(tmp_path / "x", csv=table, label="y")
    assert read(started.folder).data.ignore == ("at",)
    assert started.inferred
    why = next(one.why for one in started.inferred.decisions if one.name == "[data] day_first")
    assert why.endswith("at can be read") and "--month-first" in why
    with pytest.raises(DataError, match="the time column 'at' has dates such as .* --day-first"):
        init(tmp_path / "y", csv=table, label="y", time="at")
    assert run(["init", "--csv", str(table), "--label", "y", "--time", "at", "--month-first",
                str(tmp_path / "z")]) == 0  # fmt: skip
    assert read(tmp_path / "z").data.day_first is False


def test_a_table_of_which_no_column_is_left_is_refused_with_each_reason(tmp_path: Path) -> None:
    table = write_rows(tmp_path / "a.csv", [{"nr": n, "y": n * n % 7 / 3} for n in range(60)])
    with pytest.raises(DataError, match=r"no column is left .*\n  'nr': it numbers the rows"):
        init(tmp_path / "x", csv=table, label="y")


def test_equal_rows_remain_in_a_new_project(tmp_path: Path) -> None:
    draw = random.Random(2)
    few = [{"class": draw.choice("abc"), "sex": draw.choice("fm"), "y": n % 2} for n in range(300)]
    started = init(tmp_path / "x", csv=write_rows(tmp_path / "a.csv", few), label="y")
    assert read(started.folder).data.equal_rows == "separate"
    assert any(note.startswith("288 of 300 rows equal an earlier one") for note in started.notes)
    twice = [*rows(), *rows()]
    copied = init(tmp_path / "y", csv=write_rows(tmp_path / "b.csv", twice), label="left")
    assert read(copied.folder).data.equal_rows == "group"
    assert copied.inferred and copied.inferred.decisions[-1].why.startswith("120 of 120 rows have")
    named = init(tmp_path / "z", csv=write_rows(tmp_path / "c.csv", rows()), label="left", id="nr")
    assert read(named.folder).data.equal_rows == "drop"
