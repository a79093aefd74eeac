"""A project that version 0.1 wrote opens, is whole, and goes on; README.md says what is in it.

Everything goes through the commands, in processes of their own, so that these tests survive any
change of the Python modules.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.compatibility.unpacking import environment, fullturn, serving, unpack
from tests.waiting import PATIENCE

pytestmark = pytest.mark.slow

ANSWER = "01a220c4c437425de38043ea7ab767bb"
"""The last answer of a server that was killed: in its journal, in no table yet."""
KILLED = "b70919b4b0dd4c709269720abf03ce10"
"""A run whose process was killed before any of its ten steps reached MLflow."""
DIGESTS = {1: "075205837707", 2: "d9eabc4b687a", 3: "44e817082e36"}
GATES = {1: "71bc655f45844e7386851c72a1c8486a", 4: "9ad28eafab44419daea65ebc5084d53e"}
CHAMPIONS = [
    ("promotion", 1, None),
    ("promotion", 2, 1),
    ("rollback", 1, 2),
    ("promotion", 2, 1),
    ("promotion", 4, 2),
]
RUNS = {
    ("train", "defaults"): "FINISHED",
    ("train", "behind"): "FINISHED",
    ("train", "second"): "FINISHED",
    ("train", "broken"): "FAILED",
    ("train", "careless"): "FINISHED",
    ("train", "third"): "FINISHED",
    ("train", "penalty=0.1"): "FINISHED",
    ("train", "killed"): "KILLED",
    ("gate", "gate of defaults"): "FINISHED",
    ("gate", "gate of second"): "FINISHED",
    ("gate", "gate of careless"): "FINISHED",
    ("gate", "gate of third"): "FINISHED",
    ("gate", "gate of penalty=0.1"): "FINISHED",
    ("release", "release of version 2"): "FINISHED",
    ("release", "release of version 3"): "FINISHED",
    ("alarm", "alarm of output.confidence"): "FINISHED",
    ("alarm", "alarm of input.text"): "FINISHED",
    ("alarm", "alarm of quality"): "FINISHED",
    ("retraining", "retrain: alarm of output.confidence"): "FINISHED",
}
PLAIN_MLFLOW = """
import json, sys
import mlflow, pandas
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/project@champion")
print(json.dumps(model.predict(pandas.DataFrame({"text": sys.argv[2:]}))))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For tests that change nothing which another of them looks at."""
    return unpack(tmp_path_factory.mktemp("version-0.1"))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """For a test that changes it."""
    return unpack(tmp_path)


def test_its_history_is_replayed_in_the_same_order(project: Path) -> None:
    entries = fullturn(project, "history")
    assert [(e["action"], e["version"], e["previous"]) for e in entries] == CHAMPIONS
    assert all(entry["effective"] and entry["actor"] == "tester" for entry in entries)
    assert entries[1]["reason"].startswith("release 48f90696: ")
    assert entries[2]["reason"] == "complaints about wrong answers"
    assert (entries[0]["gate"], entries[4]["gate"]) == (GATES[1], GATES[4])


def test_its_runs_are_listed_and_the_killed_one_is_ended_with_all_its_steps(project: Path) -> None:
    found = fullturn(project, "runs", "--kind", "all", "-n", "50")
    assert {(run["kind"], run["name"]): run["status"] for run in found} == RUNS
    assert len(found) == len(RUNS) + 1  # two alarms have the same name
    [killed] = [run for run in found if run["id"] == KILLED]
    assert len(killed["metrics"]) == 2
    assert not (project / ".fullturn" / "journals" / f"{KILLED}.journal").exists()


def test_its_data_versions_have_the_same_content(project: Path) -> None:
    versions = fullturn(project, "data", "log")
    assert {one["version"]: one["digest"][:12] for one in versions} == DIGESTS
    assert [one["rows"] for one in versions] == [360, 420, 485]
    shown = fullturn(project, "data", "show", "3")
    assert (shown["rows"], shown["splits"]["test"]) == (485, 158)
    changed = fullturn(project, "data", "diff", "1", "3")
    assert (changed["added"], changed["removed"], changed["changed"]) == (125, 0, 0)


def test_a_version_leads_to_its_run_commit_data_and_gate(project: Path) -> None:
    _is_lineage_of_4(fullturn(project, "lineage", "4"))


def test_an_answer_in_the_journal_of_a_killed_server_leads_to_its_version(project: Path) -> None:
    found = fullturn(project, "lineage", ANSWER)
    assert found["prediction"]["version"] == 4
    assert found["prediction"]["output"]["label"] == "billing"
    assert [one["source"] for one in found["feedback"]] == ["tester"]
    _is_lineage_of_4(found["lineage"])


def _is_lineage_of_4(found: Any) -> None:
    assert (found["version"], found["run"][:8]) == (4, "5474bcd7")
    assert found["bundle"].startswith("568493039578")
    assert found["commit"].startswith("70585d5c907f")
    assert (str(found["data"]), found["data_digest"][:12]) == ("3", DIGESTS[3])
    assert (found["gate"], found["gate_outcome"]) == (GATES[4], "PASSED")


def test_its_runs_are_compared_row_by_row(project: Path) -> None:
    found = fullturn(project, "compare", "second", "careless")
    assert found["rows"] == 92
    first = found["metrics"][0]
    assert (first["first"], round(first["second"], 2)) == (1.0, 0.62)
    assert first["difference"]["high"] < -0.25
    assert len(found["flips"]) > 0


@pytest.mark.parametrize("version", ["1", "4"])
def test_the_evidence_of_its_versions_verifies(project: Path, version: str) -> None:
    found = fullturn(project, "verify", version)
    assert found["outcome"] == "PASSED"
    outcomes = {one["name"]: one["outcome"] for one in found["findings"]}
    assert outcomes["signature"] == "PASSED" and set(outcomes.values()) == {"PASSED"}


def test_evidence_of_it_that_was_changed_does_not_verify(own: Path) -> None:
    card = own / ".fullturn" / "artifacts" / GATES[4] / "artifacts" / "evidence" / "model-card.md"
    card.write_text(card.read_text(encoding="utf-8").replace("tester", "nobody"), encoding="utf-8")
    found = fullturn(own, "verify", "4", code=1)
    outcomes = {one["name"]: one["outcome"] for one in found["findings"]}
    assert outcomes["signature"] == "FAILED"


def test_its_releases_have_ended(project: Path) -> None:
    error = fullturn(project, "release", "status", code=2)["error"]
    assert "no release" in error and "version 3" in error


def test_its_monitor_reads_the_tables_and_the_journal(project: Path) -> None:
    found = fullturn(project, "monitor")
    assert (found["version"], found["requests"], found["labelled"]) == (4, 40, 40)
    assert "output.confidence" in {one["name"] for one in found["states"]}
    assert [one["detector"] for one in found["alarms"]] == ["output.confidence"]


def test_its_champion_answers(project: Path) -> None:
    found = fullturn(project, "predict", "text=my invoice was taken twice")
    assert (found["version"], found["output"]["label"]) == (4, "billing")


def test_its_champion_loads_with_plain_mlflow_once_it_was_worked_on(own: Path) -> None:
    fullturn(own, "rollback", "--reason", "a write")
    fullturn(own, "promote", "4", "--reason", "another")
    project = own
    database = f"sqlite:///{project / '.fullturn' / 'mlflow.db'}"
    texts = ("the courier is stuck at customs", "my username is locked since today")
    words = [sys.executable, "-c", PLAIN_MLFLOW, database, *texts]
    done = subprocess.run(words, capture_output=True, text=True, env=environment(), check=False)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.splitlines()[-1])
    assert [one["label"] for one in answers] == ["delivery", "account"]


def test_a_rollback_loads_and_probes_its_earlier_champion(own: Path) -> None:
    entry = fullturn(own, "rollback", "--reason", "to see that it works")
    assert (entry["number"], entry["version"], entry["previous"]) == (6, 2, 4)
    found = fullturn(own, "predict", "text=my invoice was taken twice")
    assert (found["version"], found["output"]["label"]) == (2, "billing")


def test_a_server_goes_on_with_its_prediction_log(own: Path) -> None:
    with serving(own) as address:
        body = {"inputs": [{"text": "the tracking page says tomorrow every day"}]}
        [number] = httpx.post(f"{address}/predict", json=body, timeout=PATIENCE).json()["ids"]
        late = {"id": ANSWER, "expected": {"label": "account"}, "source": "late"}
        assert httpx.post(f"{address}/feedback", json=late, timeout=PATIENCE).status_code == 200
    assert not (own / ".fullturn" / "predictions.journal").exists()
    assert fullturn(own, "lineage", number)["prediction"]["output"]["label"] == "delivery"
    judged = fullturn(own, "lineage", ANSWER)["feedback"]
    assert [one["source"] for one in judged] == ["tester", "late"]


@pytest.mark.slow
def test_a_turn_ends_the_killed_run_and_takes_new_rows_to_users(own: Path) -> None:
    with (own / "support.csv").open("a", encoding="utf-8") as file:
        for n in range(20):
            file.write(f"where is bill {n} of my company,billing\n")
            file.write(f"when will box {n} be at my door,delivery\n")
    steps = {step["stage"]: step for step in fullturn(own, "turn")}
    assert steps["runs"]["done"] and "killed" in steps["runs"]["what"]
    assert "version 4, 525 rows" in steps["data"]["what"]
    assert steps["gate"]["done"] and "version 5" in steps["registry"]["what"]
    assert fullturn(own, "verify", "5")["outcome"] == "PASSED"
    again = fullturn(own, "turn")
    assert [step["stage"] for step in again if step["done"]] == []


@pytest.mark.slow
def test_a_turn_with_nothing_due_trains_nothing(own: Path) -> None:
    steps = {step["stage"]: step["done"] for step in fullturn(own, "turn")}
    assert not (steps["data"] or steps["experiments"] or steps["gate"])
    assert len(fullturn(own, "history")) == len(CHAMPIONS)


@pytest.mark.slow
def test_a_candidate_that_failed_its_gate_fails_it_again_below_its_floor(own: Path) -> None:
    """The floor names the score as version 0.1 called it."""
    _replace(own, "floors = { right = 0.5 }", "floors = { right = 0.9 }")
    report = fullturn(own, "gate", "careless", "--no-register", code=1)["report"]
    outcomes = {result["code"]: result["outcome"] for result in report["results"]}
    assert report["outcome"] == outcomes["EVAL03"] == outcomes["EVAL05"] == "FAILED"


@pytest.mark.parametrize(
    ("setting", "wrong"), [("rest = 100", "rest = -1"), ("unlogged = true", "unlogged = 3")]
)
def test_its_names_of_settings_are_known_and_their_values_checked(
    own: Path, setting: str, wrong: str
) -> None:
    _replace(own, setting, wrong)
    error = fullturn(own, "history", code=2)["error"]
    assert "unknown" not in error and wrong.rpartition(" ")[2] in error


def _replace(root: Path, old: str, new: str) -> None:
    path = root / "fullturn.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
