"""Checks and scorers of a project's own count as the built-in ones do; their faults name them."""

from __future__ import annotations

from pathlib import Path

import pytest

import fullturn
from fullturn import Project
from fullturn.core.errors import AppError, UsageError
from tests.projects import copied

pytestmark = pytest.mark.slow
HERE = "tests.verbs.plugged"


@pytest.fixture
def root(tmp_path: Path, committed_once: Path) -> Path:
    """The folder of the toy project."""
    return copied(committed_once, tmp_path / "project")


def using(root: Path, **named: str) -> Project:
    """The project with these plug-ins."""
    lines = [f'{kind} = ["{HERE}:{name}"]' for kind, name in named.items()]
    with (root / "fullturn.toml").open("a") as file:
        file.write("\n".join(("", "[plugins]", *lines, "")))
    return fullturn.open(root)


def test_a_check_of_ones_own_blocks_what_it_was_made_for(root: Path) -> None:
    project = using(root, checks="NoConstant")
    good = project.gate(project.train().run.id)
    assert good.exit_code == 0 and good.version is not None
    found = {result.code: result for result in good.report.results}["MINE01"]
    assert (found.outcome, found.title) == ("PASSED", "The candidate gives more than one label.")
    assert "more than one label" in good.to_html()

    constant = project.train({"fault": "constant"}).run.id
    bad = project.gate(constant)
    assert bad.exit_code == 1 and bad.version is None
    assert "1 labels" in bad.to_pandas().set_index("code")["reason"]["MINE01"]
    waived = project.gate(constant, waive={"MINE01": "a pilot"})
    assert {r.code: r.waived for r in waived.report.results}["MINE01"] == "a pilot"
    with pytest.raises(UsageError, match="MINE01"):
        project.gate(constant, waive={"MINE09": "no such check"})


def test_a_gate_is_computed_anew_once_a_check_is_added(root: Path) -> None:
    project = fullturn.open(root)
    run = project.train().run.id
    project.gate(run, register=False)
    assert project.gate(run, cached=True, register=False).reused
    with_check = using(root, checks="NoConstant")
    assert not with_check.gate(run, cached=True, register=False).reused


def test_a_check_that_raises_decides_nothing_and_blocks(root: Path) -> None:
    project = using(root, checks="Raises")
    found = project.gate(project.train().run.id)
    result = {result.code: result for result in found.report.results}["MINE02"]
    assert result.outcome == "INCONCLUSIVE" and result.missing == ("candidate",)
    assert "Raises raised ValueError" in result.reason
    assert found.exit_code == 3 and found.version is None


def test_a_scorer_adds_a_score_beside_the_apps(root: Path) -> None:
    run = using(root, scorers="Short").train().run
    assert run.tags["fullturn.primary"] == "right"
    assert 0 < run.metrics["validation.short"] < 1


def test_a_scorer_that_uses_a_taken_name_is_named(root: Path) -> None:
    with pytest.raises(AppError, match="plugged:Again' gives the score 'right'"):
        using(root, scorers="Again").train()
