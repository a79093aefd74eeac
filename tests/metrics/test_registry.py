"""Names of metrics: built in, of one's own module, of an installed package, and wrong ones."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fullturn.core.errors import SettingsError
from fullturn.metrics import SetMetric, difference, find, known
from tests.metrics.rows import labelled, valued

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"
OWN = """
from fullturn.metrics import RowMetric, SetMetric

class Confident(RowMetric):
    name, bounds = "confident", (0.0, 1.0)
    def __init__(self, least="0.5"):
        self.least = float(least)
    def values(self, rows):
        return [float(row.output["confidence"] >= self.least) for row in rows]

class Unfinished(SetMetric):
    name = "unfinished"

class NoMetric:
    pass

NUMBER = 3
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "own_metrics.py").write_text(OWN)
    yield tmp_path
    sys.modules.pop("own_metrics", None)
    sys.path[:] = [place for place in sys.path if place != str(tmp_path)]


def test_every_metric_has_a_name_a_direction_and_a_sentence() -> None:
    found = known()
    assert set(found) >= {"accuracy", "f1", "roc_auc", "rmse", "mae", "r2", "brier", "log_loss"}
    for name, made in found.items():
        metric = find(name)
        assert metric.name == name
        assert metric.direction in ("higher", "lower")
        assert metric.needs and set(metric.needs) <= {
            *("label", "probabilities", "value"),
            *("prompt_tokens", "completion_tokens", "cost"),
        }
        assert (made.__doc__ or "").strip()


def test_a_name_may_have_an_argument() -> None:
    assert find("f1(spam)").name == "f1(spam)"
    assert find("roc_auc(a (b))").name == "roc_auc(a (b))"


@pytest.mark.parametrize("name", ["quantile_loss(2)", "quantile_loss(high)", "ndcg(0)", "mrr(x)"])
def test_an_argument_that_makes_no_sense_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(f"metric '{name}': ") + ".*, as in"):
        find(name)


def test_a_metric_of_ones_own_module_is_found_in_the_project(project: Path) -> None:
    assert find("own_metrics:Confident", project).name == "confident"
    rows = labelled(["a", "b"], ["a", "b"])
    for row, sure in zip(rows, (0.6, 0.9), strict=True):
        row.output["confidence"] = sure  # type: ignore[index]
    assert find("own_metrics:Confident(0.8)", project).estimate(rows) == 0.5


def test_a_package_offers_metrics_by_entry_point(project: Path) -> None:
    folder = project / "own_metrics-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: own-metrics\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(
        "[fullturn.metrics]\nconfident = own_metrics:Confident\nbroken = own_metrics:Missing\n"
    )
    sys.path.insert(0, str(project))
    assert {"confident", "broken"} <= set(known())
    assert find("confident").name == "confident"
    with pytest.raises(SettingsError, match="entry point 'broken' = own_metrics:Missing"):
        find("broken")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("roc_acu", "there is no metric 'roc_acu'; did you mean 'roc_auc'"),
        ("f1(", "write an argument as in"),
        ("f1()", "write an argument as in"),
        ("rmse(3)", "'rmse\\(3\\)' cannot be created"),
        ("own_metric:Confident", "'own_metric:Confident' cannot be imported"),
        ("own_metrics:Confidence", "has no attribute 'Confidence'"),
        ("own_metrics:Confident(much)", "could not convert"),
        ("own_metrics:Unfinished", "abstract"),
        ("own_metrics:NoMetric", "is a NoMetric: derive it from"),
        ("own_metrics:NUMBER", "is a int; name a class"),
    ],
)
def test_a_wrong_name_is_refused_with_the_next_step(project: Path, name: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        find(name, project)


def test_the_metric_that_the_documentation_writes_works() -> None:
    own = DOCS.read_text(encoding="utf-8").partition("## A metric of your own")[2]
    source = own.partition("```python")[2].partition("```")[0]
    names: dict[str, type[SetMetric]] = {}
    exec(source, names)
    expected = [10.0] * 60
    rows, worse = (
        valued(expected, [10.0 + step + n % 5 for n in range(60)]) for step in (0.0, 1.0)
    )
    found = difference(names["Cost"](), worse, rows)
    assert (found.candidate, found.reference) == (180.0, 120.0)
    assert found.estimate == pytest.approx(-60.0)
