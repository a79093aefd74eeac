"""Two runs side by side: over their shared rows, and said where they do not match."""

from __future__ import annotations

import pytest

import fullturn.verbs.compare  # noqa: F401  it says how a comparison is shown
from fullturn.cli.output import show
from fullturn.core.entities import RunRecord
from fullturn.core.errors import UsageError
from fullturn.core.tags import PREFIX
from fullturn.tracking.comparison import compare
from tests.gates.candidates import evaluation


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
