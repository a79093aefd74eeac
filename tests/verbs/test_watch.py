"""`fullturn watch`: a log that another system wrote, against reference rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from deltalake import write_deltalake

import fullturn
from fullturn.cli import run
from fullturn.core.errors import DataError, UsageError

NAMED = {"prediction": "answer", "label": "truth", "time": "when", "id": "request"}
OPTIONS = ("--prediction", "answer", "--label", "truth", "--time", "when", "--id", "request")
Change = Callable[[pd.DataFrame], pd.DataFrame]


def table(rows: int, seed: int, change: Change = lambda log: log) -> pd.DataFrame:
    """Loans: a number, a category and a boolean, and a model that is right in nine of ten."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(["paid", "lost"], rows)
    right = rng.random(rows) < 0.9
    log = pd.DataFrame(
        {
            "income": rng.lognormal(10, 0.4, rows).round(2),
            "region": rng.choice(["north", "south", "west"], rows, p=[0.5, 0.3, 0.2]),
            "owner": rng.choice(["True", "False"], rows),
            "answer": np.where(right, truth, np.where(truth == "paid", "lost", "paid")),
            "truth": truth,
            "when": pd.date_range("2026-03-01", periods=rows, freq="min", tz="UTC").astype(str),
            "request": [f"r{seed}-{n}" for n in range(rows)],
        }
    )
    return change(log)


REFERENCE = table(400, 0)


def rows(log: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in log.to_dict("records")]


def watched(log: pd.DataFrame, columns: Mapping[str, Any] = NAMED) -> fullturn.WatchedLog:
    return fullturn.watch(rows(log), rows(REFERENCE), **columns)


def rich(log: pd.DataFrame) -> pd.DataFrame:
    return log.assign(income=np.where(log.index < 300, log.income, 1.6 * log.income))


def worse(log: pd.DataFrame) -> pd.DataFrame:
    return log.assign(answer=np.where(log.index < 300, log.answer, "paid"))


def test_an_unchanged_log_raises_no_alarm() -> None:
    found = watched(table(1500, 1))
    assert found.alarms == () and found.exit_code == 0 and found.findings == ()
    assert found.labelled == found.rows == 1500
    assert sum(1 / state.arl for state in found.states) == pytest.approx(1 / 30_000)
    assert [state.name for state in found.states] == [
        "input.income", "input.region", "input.owner", "output.answer", "quality", "contract",
        "errors",
    ]  # fmt: skip


def test_a_shift_without_harm_and_a_loss_of_quality_are_diagnosed() -> None:
    harmless = watched(table(1500, 2, rich)).alarms[0]
    assert (harmless.detector, harmless.diagnosis.verdict) == ("input.income", "harmless shift")
    assert 300 < harmless.sequence < 600
    harmful = watched(table(1500, 3, worse)).alarms
    assert {"quality", "output.answer"} <= {alarm.detector for alarm in harmful}
    assert {alarm.diagnosis.verdict for alarm in harmful} == {"harmful shift"}


def test_without_labels_drift_is_watched_and_nothing_is_said_of_quality() -> None:
    columns = {"prediction": "answer", "ignore": ("truth", "when", "request")}
    found = watched(table(1500, 2, rich), columns)
    assert found.labelled == 0
    assert "quality" not in [state.name for state in found.states]
    assert found.alarms[0].diagnosis.verdict == "unclear"


@pytest.mark.parametrize("kind", ["csv", "parquet", "delta"])
def test_every_kind_of_table_gives_the_same_alarms(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    log, reference = table(1000, 2, rich), tmp_path / "reference.csv"
    REFERENCE.to_csv(reference, index=False)
    path = tmp_path / f"log.{kind}"
    if kind == "csv":
        log.to_csv(path, index=False)
    elif kind == "parquet":
        log.to_parquet(path)
    else:
        path = tmp_path / "log"
        write_deltalake(str(path), log)
    page = tmp_path / "page.html"
    words = ["watch", str(path), "--reference", str(reference), *OPTIONS, "--page", str(page)]
    assert run([*words, "--json"]) == 1
    alarms = json.loads(capsys.readouterr().out)["alarms"]
    assert alarms[0]["detector"] == "input.income"
    assert "Row " in page.read_text() and "Version 0" not in page.read_text()
    assert run(words) == 1
    assert "alarm of input.income after" in capsys.readouterr().out


def test_a_column_that_is_missing_or_new_is_named_and_the_rest_is_watched() -> None:
    found = watched(table(1500, 2, rich).drop(columns="region").assign(score=1))
    assert found.findings == (
        "column 'region' is missing in the log: not watched",
        "column 'score' is not in the reference: not watched",
    )
    assert "input.region" not in [state.name for state in found.states]
    assert found.alarms[0].detector == "input.income"


def test_a_log_whose_columns_change_on_the_way_is_named_and_alarms(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    log = table(600, 4)
    later = log[300:].drop(columns="income").assign(channel="app")
    path.write_text(log[:300].to_csv(index=False) + later.to_csv(index=False))
    found = fullturn.watch(path, rows(REFERENCE), **NAMED)
    assert found.rows == 600
    assert found.findings == (
        "column 'channel' is not in the reference: not watched",
        "column 'income' is missing from log.csv:303 on: 300 of 600 rows lack it",
    )
    assert "broken pipeline" in {alarm.diagnosis.verdict for alarm in found.alarms}


def test_the_log_is_read_in_order_of_time_each_request_once() -> None:
    log = table(1500, 2, rich)
    shuffled = pd.concat([log, log[:10]]).sample(frac=1, random_state=0)
    found = watched(shuffled)
    assert found.findings == (
        "10 rows repeat the 'request' of an earlier one: left out",
        "the log was not in the order of 'when': sorted",
    )
    assert found.alarms == watched(log).alarms


def test_a_time_that_cannot_be_read_or_does_not_order_is_a_finding() -> None:
    same = watched(table(200, 5).assign(when="2026-01-01"))
    assert same.findings == ("'when' is the same in every row: the order is the file's",)
    odd = table(200, 5)
    odd.loc[3, "when"] = "soon"
    assert watched(odd).findings == (
        "'when' is no time in 1 rows (first: row 4); each is taken as that of the row before",
    )


def test_a_gap_in_the_log_is_a_finding_and_a_usual_pause_is_none() -> None:
    log = table(200, 5)
    times = pd.date_range("2026-03-01", periods=200, freq="min", tz="UTC").to_series(
        index=log.index
    )
    nights = times + pd.to_timedelta(8 * (log.index // 50), unit="h")
    assert watched(log.assign(when=nights.astype(str))).findings == ()
    later = nights + pd.to_timedelta(np.where(log.index >= 120, 4, 0), unit="D")
    assert watched(log.assign(when=later.astype(str))).findings == (
        "the log has a gap of 4 days, 0:01:00 between row 120 and row 121: not watched",
    )


def test_a_line_that_is_still_being_written_is_not_read(tmp_path: Path) -> None:
    lines = [json.dumps(row) for row in rows(table(60, 5))]
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join([*lines, lines[0][:30]]))
    assert fullturn.watch(path, rows(REFERENCE), **NAMED).rows == 60
    path.write_text("\n".join([*lines, lines[0][:30], ""]))
    with pytest.raises(DataError, match="log.jsonl:61: not JSON"):
        fullturn.watch(path, rows(REFERENCE), **NAMED)


def test_the_first_rows_of_the_log_may_be_the_reference() -> None:
    found = fullturn.watch(rows(table(1500, 2, rich)), 300, **NAMED)
    assert (found.reference_rows, found.rows) == (300, 1200)
    assert found.alarms[0].detector == "input.income"


def test_regression_has_a_loss_over_a_scale_and_says_what_it_clips() -> None:
    rng = np.random.default_rng(0)

    def numbers(n: int, off: float) -> list[dict[str, Any]]:
        truth = rng.normal(100, 20, n)
        return [{"x": t, "y": t, "p": t + off + rng.normal(0, 3)} for t in truth]

    columns = {"prediction": "p", "label": "y"}
    found = fullturn.watch(numbers(800, 15), numbers(300, 0), **columns)
    assert "quality" in {alarm.detector for alarm in found.alarms}
    assert found.findings[0].startswith("loss: the absolute error over 6")
    given = fullturn.watch(numbers(800, 0), numbers(300, 0), **columns, scale=2.0)
    assert "over 2 (as given), clipped at 1 in 5" in given.findings[0]


def test_a_row_without_an_answer_is_a_failed_request() -> None:
    log = table(1000, 6)
    log["answer"] = np.where(log.index % 4 == 0, None, log.answer)
    found = watched(log)
    alarm = next(one for one in found.alarms if one.detector == "errors")
    assert alarm.diagnosis.verdict == "broken pipeline"


def test_a_limit_out_of_range_is_named() -> None:
    with pytest.raises(UsageError, match=r"margin = 7\b.*less than 1"):
        fullturn.watch(rows(table(100, 7)), rows(REFERENCE), margin=7)


@pytest.mark.parametrize(
    ("columns", "reference", "said"),
    [
        ({"prediction": "anser"}, rows(REFERENCE), "no column 'anser'; did you mean"),
        (NAMED, rows(REFERENCE)[:20], "20 reference rows; give 50 or more"),
        (NAMED, 1000, "no rows after the reference"),
    ],
)
def test_what_cannot_be_watched_is_said(columns: dict[str, Any], reference: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        fullturn.watch(rows(table(500, 7)), reference, **columns)
