"""A metric gets a new name between two versions of an app: what is stored can still be read."""

from pathlib import Path
from typing import Any

import pytest

from fullturn.cli import main
from fullturn.core.entities import Example, Output, Scores
from fullturn.subjects.catalog import find
from fullturn.subjects.scores import RENAMED_METRICS, renamed_metrics
from fullturn.verbs.compare import compare
from fullturn.verbs.gate import gate
from fullturn.verbs.reproduce import reproduce
from fullturn.verbs.train import train
from fullturn.verbs.workspace import Workspace
from tests.verbs.toy import Toy


class Renamed(Toy):
    """The toy app after its metric `right` was renamed."""

    renamed_metrics = {"right": "accuracy"}

    def score(self, row: Example, output: Output) -> Scores:
        return {"accuracy": super().score(row, output)["right"]}


@pytest.fixture
def root(project: Workspace) -> Path:
    """A project with a version that was gated before the rename, and the app after it."""
    before = train(project, {}, name="before")
    assert gate(project, before.run.id).version
    file = project.root / "fullturn.toml"
    file.write_text(
        file.read_text().replace("tests.verbs.toy:Toy", f"{__name__}:Renamed")
        + "[gates.floors]\nright = 0.3\n"
    )
    return project.root


def test_runs_and_versions_of_before_are_compared_gated_and_reproduced(root: Path) -> None:
    project = Workspace.open(root)
    train(project, {"smoothing": 0.1}, name="after")
    compared = compare(project, "before", "after")
    assert compared.metrics[0].metric == "accuracy"
    old = {r.code: r for r in gate(project, "1", register=False).report.results}
    assert old["DATA02"].outcome == "PASSED", old["DATA02"].reason
    assert old["EVAL05"].outcome == "PASSED" and "accuracy" in old["EVAL05"].reason
    assert reproduce(project, "1").same


def test_a_floor_by_the_old_name_is_hinted_at(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["-C", str(root), "gate", "before", "--no-register", "--json"])
    assert capfd.readouterr().err.count("metric 'right' is now 'accuracy'") == 1


@pytest.mark.parametrize("name", ["classifier", "assistant"])
def test_the_built_in_apps_know_their_old_names(name: str) -> None:
    assert renamed_metrics(find(name)) == RENAMED_METRICS


def test_a_metric_of_ones_own_that_is_called_right_stays_as_it_is() -> None:
    own: Any = Toy()
    assert renamed_metrics(own) == {}
