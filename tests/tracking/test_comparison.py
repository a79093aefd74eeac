"""Two runs side by side: over their shared rows, and said where they do not match."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

import fullturn.verbs.compare  # noqa: F401  it says how a comparison is shown
from fullturn.cli.output import show
from fullturn.core.entities import Evaluation, RunRecord
from fullturn.core.errors import UsageError
from fullturn.core.tags import PREFIX
from fullturn.metrics import find
from fullturn.metrics.metric import MeanScore, in_unit
from fullturn.tracking.comparison import compare
from tests.gates.candidates import evaluation
from tests.gates.test_metrics import gathered, regression
from tests.metrics.rows import labelled


def run(name: str, data: str = "1", **params: str) -> RunRecord:
    tags = {PREFIX + "data": data}
    return RunRecord(name * 32, name, "train", "FINISHED", "", 1.0, params, {}, tags)


A, B = evaluation(share=0.6), evaluation(share=0.8)


def test_a_run_is_not_compared_with_itself() -> None:
    with pytest.raises(UsageError, match="A and B are both run aaaaaaaa"):
        compare(run("a"), run("a"), A, A)


def test_what_differs_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    found = compare(run("a", gamma="1"), run("b", gamma="2"), A, B)
    assert found.params == {"gamma": ("1", "2")} and found.data == ("1", "1")
    assert found.metrics[0].difference.low > 0
    show(found)
    assert "different data" not in capsys.readouterr().out


def test_two_dataset_versions_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    show(compare(run("a"), run("b", data="2"), A, B))
    told = " ".join(capsys.readouterr().out.split())
    assert "different data: A on dataset version 1, B on 2; compared on" in told


def test_metrics_of_the_settings_are_compared_in_their_own_unit_and_direction(
    capsys: pytest.CaptureFixture[str],
) -> None:
    named = (find("rmse"), find("r2"), MeanScore("close"))
    found = compare(run("a"), run("b"), regression(), regression(error=13.0), named)
    assert [one.metric for one in found.metrics] == ["close", "rmse", "r2"]
    rmse = found.metrics[1]
    assert rmse.first == pytest.approx(10, abs=0.5) and rmse.second == pytest.approx(13, abs=0.5)
    assert 0 < rmse.difference.low < rmse.difference.estimate < rmse.difference.high
    assert rmse.difference.estimate == pytest.approx(rmse.second - rmse.first)
    show(found)
    told = " ".join(capsys.readouterr().out.split())
    assert "rmse (label's unit, lower is better)" in told and "+3.0" in told
    assert told.index("rmse (") < told.index("close (higher is better)")


def test_of_predicted_numbers_the_largest_changes_of_the_error_are_shown_in_the_unit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    left, right = regression(), regression(error=13.0)
    exact = [replace(row, output={"value": row.expected["price"]}) for row in right.rows[:9]]
    right = replace(right, rows=(*exact, *right.rows[9:]))
    named = [in_unit(find("mae"), "USD")]
    found = compare(run("a"), run("b"), left, right, named, "mae", "USD")
    better = [flip for flip in found.flips if flip.gained]
    assert found.flips_of == "absolute error" and 0 < len(better) < len(found.flips)
    changes = [abs(flip.second - flip.first) for flip in found.flips]
    assert changes == sorted(changes, reverse=True)
    assert all((flip.second < flip.first) is flip.gained for flip in found.flips)
    show(found)
    told = " ".join(capsys.readouterr().out.split())
    assert "mae (USD, lower is better)" in told and "flipped" not in told
    assert f"{len(better)} with a smaller error in B" in told
    assert re.search(r"\+ error [\d.]+ → [\d.]+ USD", told)
    assert re.search(r"smallest detectable difference of mae on this set: [\d.]+ USD", told)


def test_a_row_flips_by_its_label_not_by_how_sure_the_model_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def scored(brier: float, wrong: int) -> Evaluation:
        rows = labelled(["a", "b"] * 20, ["a", "b"] * 20)
        return gathered("x", [
            replace(row, scores={"one_minus_brier": brier, "accuracy": float(n >= wrong)})
            for n, row in enumerate(rows)
        ])  # fmt: skip

    found = compare(run("a"), run("b"), scored(0.7, 4), scored(0.8, 0))
    assert found.flips_of == "accuracy" and len(found.flips) == 4
    show(found)
    told = " ".join(capsys.readouterr().out.split())
    assert "4 flipped to correct in B, 0 to wrong" in told
    assert "one_minus_brier: 1 minus the Brier score: how good the probabilities are" in told
    assert told.index("accuracy (higher") < told.index("one_minus_brier (higher is better)")


def test_what_cannot_be_computed_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    found = compare(run("a"), run("b"), A, B, (find("f1"),))
    assert [one.metric for one in found.metrics] == list(A.metrics)
    assert "stored without its expected label" in found.unknown["f1"]
    show(found)
    assert "f1 cannot be computed: row 'row-0' is stored" in " ".join(
        capsys.readouterr().out.split()
    )
