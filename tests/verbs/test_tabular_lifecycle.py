"""Tables through the whole lifecycle with real MLflow and HTTP.

A new version is released, users ask about a category that training never had, and the model is
trained again on what they say.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from fullturn.cli.output import show
from fullturn.registry import promotion
from fullturn.release import state
from fullturn.verbs.compare import compare
from fullturn.verbs.lineage import lineage
from fullturn.verbs.monitor import monitor
from fullturn.verbs.runs import runs
from fullturn.verbs.serve import server
from fullturn.verbs.turn import turn
from fullturn.verbs.verify import verify
from fullturn.verbs.workspace import Workspace
from tests.projects import copied
from tests.subjects.tabular.tables import rows
from tests.verbs.conftest import write_rows
from tests.verbs.test_tabular import (  # noqa: F401  the fixtures are used by name
    customer,
    quantity_once,
    tabular_once,
)
from tests.verbs.traffic import Traffic
from tests.waiting import PATIENCE

pytestmark = pytest.mark.slow
SETTINGS = """
[serving]
poll = 0.05
port = 0

[release]
# An equally good version is rolled back once in 1,000 runs of such a test, not in 20.
alpha = 0.001
margin = 0.25
shadow_requests = 50
canary_share = 0.5
canary_requests = 50
deadline_minutes = 60.0

[monitoring]
arl = 1000

[retraining]
cost = 1.0
source_share = 0.9
"""


class Users(Traffic):
    """Users of a table: each row is asked without its label, which is what they say afterwards."""

    def __init__(self, address: str, label: str, found: list[dict[str, Any]]) -> None:
        super().__init__(address, found)
        self._label = label

    def ask(self, row: Mapping[str, Any]) -> None:
        given = {name: cell for name, cell in row.items() if name != self._label}
        body = {"inputs": [given], "key": f"user {self.counts.asked}"}
        answer = self._post("/predict", body)
        self.counts.asked += 1
        self.counts.failed += answer is None
        if answer is not None:
            said = {"id": answer["ids"][0], "expected": {self._label: row[self._label]}}
            self.counts.judged += self._post("/feedback", said) is not None


def prepared(project: Workspace, label: str) -> Workspace:
    """The project with wide margins, for 80 test rows, and with 200 more rows in its file."""
    toml = project.root / "fullturn.toml"
    text = toml.read_text().replace("latency_p95_ms", "margin = 0.2\nlatency_p95_ms")
    text = "\n".join("margins = { mae = 1.0, r2 = 0.4 }" if line.startswith("margins") else line
                     for line in text.splitlines())  # fmt: skip
    toml.write_text(text + SETTINGS)
    found = [customer(one, label) for one in rows(600, seed=2)]
    write_rows(project.root / "customers.csv", found)
    return Workspace.open(project.root)


@pytest.mark.parametrize(
    ("label", "changed", "meaning"),
    [
        ("left", {"yes": "no", "no": "yes"}.__getitem__, None),
        ("points", lambda points: points + 4.0, "loss: absolute error ÷"),
    ],
)
def test_release_monitoring_and_retraining_of_a_table(
    label: str,
    changed: Callable[[Any], Any],
    meaning: str | None,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def shown(result: object) -> str:
        capsys.readouterr()
        show(result)
        return " ".join(capsys.readouterr().out.split())

    once = request.getfixturevalue("tabular_once" if label == "left" else "quantity_once")
    project = prepared(Workspace.open(copied(once, tmp_path / "project")), label)
    usual = [customer(one, label) for one in rows(400, seed=5)]
    new = [
        {**one, "city": "Tokyo", label: changed(one[label])} if number % 3 else one
        for number, one in enumerate(usual)
    ]
    with server(project) as address:
        with Users(address, label, usual) as users:
            steps = turn(project)
        assert users.counts.failed == 0
        *_, last = (step.what for step in steps if step.stage == "release")
        assert last == "version 2 is champion"
        [release] = state.releases(project.store)
        assert (release.stage, release.ending) == ("canary", "promote")
        with contextlib.closing(Users(address, label, new)) as asking:
            for one in new[:240]:
                asking.ask(one)
        seen = monitor(project)
        assert [(one.column, one.category) for one in seen.unseen] == [("city", "Tokyo")]
        text = shown(seen)
        assert "categories that training never had: city 'Tokyo' 160" in text
        assert (meaning is None or meaning in text) and "city=Tokyo" in text
        scraped = httpx.get(f"{address}/metrics", timeout=PATIENCE, trust_env=False).text
        assert 'fullturn_unseen_category_rows{column="city",version="2"} 160.0' in scraped
        with Users(address, label, new):
            steps = turn(project)
    done = {step.stage: step for step in steps if step.done}
    assert "retraining" in done, steps
    assert "retrain, with" in done["retraining"].what and "version 3" in done["release"].what
    assert promotion.champion(project.store) == 3
    assert verify(project, "3").exit_code == 0
    assert "version 3" in shown(lineage(project, "3"))
    newest, before, *_ = (one.id for one in runs(project) if one.status == "FINISHED")
    words = shown(compare(project, before, newest))
    assert "different data: A on dataset version 2, B on 3" in words
    assert ("flipped to correct in B" in words) is (label == "left")
