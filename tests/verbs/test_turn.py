"""A turn does what is due, once, and every answer can be followed back to its data."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import mlflow
import pandas as pd
import pytest

from fullturn.core.errors import Conflict, Inconclusive, NotFound, Refused
from fullturn.core.tags import PREFIX, TrainingTags
from fullturn.registry import promotion, versions
from fullturn.verbs import data, predict, promote
from fullturn.verbs.compare import compare
from fullturn.verbs.data import commit
from fullturn.verbs.gate import gate
from fullturn.verbs.history import history
from fullturn.verbs.lineage import of_version
from fullturn.verbs.parts.training import train_one
from fullturn.verbs.reproduce import reproduce
from fullturn.verbs.rollback import rollback
from fullturn.verbs.train import search_parameters, train
from fullturn.verbs.turn import Step, turn
from fullturn.verbs.workspace import Workspace
from tests.conftest import PYTHONPATH, free_port, wait_for
from tests.verbs.conftest import impatient, write_rows
from tests.verbs.toy import messages
from tests.waiting import PATIENCE

pytestmark = pytest.mark.slow
ROW = {"text": "my invoice and the refund are wrong nr 1 by chat"}


def steps_of(project: Workspace) -> dict[str, Step]:
    return {step.stage: step for step in turn(project)}


def test_a_turn_makes_a_champion_and_a_second_one_has_nothing_to_do(project: Workspace) -> None:
    first = steps_of(project)
    assert [step.done for step in first.values()] == [False, True, True, True]
    second = steps_of(project)
    assert not any(step.done for step in second.values())
    assert [e.version for e in history(project)] == [1]

    [answered] = predict.predict(project, [ROW])
    assert answered.output == {"label": "billing"}
    [trace] = project.store.traces()
    assert trace["id"] == answered.trace
    found = of_version(project, str(answered.version))
    assert found.data == "1" and found.gate_outcome == "PASSED"
    assert found.data_digest == data.log(project)[0].digest


def test_new_data_is_due_and_goes_round(project: Workspace) -> None:
    steps_of(project)
    write_rows(project.root / "messages.csv", messages(1100, seed=1))
    again = steps_of(project)
    assert again["data"].done and again["experiments"].done
    difference = data.diff(project, 1, 2)
    assert (difference.added, difference.removed, difference.changed) == (100, 0, 0)


def test_an_edited_prompt_is_something_new_until_it_is_reverted(turned: Workspace) -> None:
    prompts = turned.root / "prompts"
    prompts.mkdir()
    (prompts / "greeting.txt").write_text("Be polite.")
    edited = steps_of(turned)
    assert edited["experiments"].done and edited["experiments"].why.startswith(
        "prompts/greeting.txt changed since "
    )
    assert edited["gate"].stage == "gate" and edited["gate"].what != "version 1 is champion"
    (prompts / "greeting.txt").unlink()
    reverted = steps_of(turned)
    assert not reverted["experiments"].done


def test_a_parameter_that_the_settings_name_is_something_new(turned: Workspace) -> None:
    toml = turned.root / "fullturn.toml"
    toml.write_text(
        toml.read_text().replace("[experiment]", "[experiment]\nparams = {smoothing = 1.1}")
    )
    steps: list[Step] = []
    with contextlib.suppress(Refused, Inconclusive):  # its gate decides
        turn(Workspace.open(turned.root), on_step=steps.append)
    [edited] = [step for step in steps if step.stage == "experiments"]
    assert edited.done and edited.why.startswith("fullturn.toml changed since ")
    assert "1.1" in {run.params["smoothing"] for run in turned.store.runs("train")}


def test_a_turn_stops_at_a_gate_that_fails(project: Workspace) -> None:
    toml = (impatient(project).root / "fullturn.toml").read_text()
    (project.root / "fullturn.toml").write_text(
        toml.replace("[experiment]", '[experiment]\nparams = {fault = "slow"}\ncandidates = 1')
    )
    with pytest.raises(Refused, match="SERV01 FAILED"):
        steps_of(Workspace.open(project.root))
    assert project.store.versions("toy") == []


def test_a_search_stops_a_candidate_that_is_worse_and_says_so(project: Workspace) -> None:
    best = train_one(project, {})
    worse = train_one(project, {"fault": "constant"}, best=best)
    assert worse.race.stopped and worse.race.groups < worse.race.of_groups
    assert TrainingTags.read(worse.run.tags).race_stopped
    assert worse.run.status == "FINISHED"
    trials = search_parameters(project, 3)
    assert len(trials) == 3
    assert not trials[0].race.stopped


def test_comparing_runs_shows_flips_intervals_and_what_can_be_detected(project: Workspace) -> None:
    train(project, {}, name="good")
    train(project, {"fault": "ruins a slice"}, name="bad")
    found = compare(project, "good", "bad")
    assert found.params == {"fault": ("none", "ruins a slice")}
    right = found.metrics[0]
    assert right.difference.high < 0 < found.detectable < 0.2
    lost = [flip for flip in found.flips if not flip.gained]
    assert lost and all(flip.input.endswith("mail") for flip in lost)


def test_rollback_probes_its_target_first(project: Workspace) -> None:
    steps_of(project)
    second = train(project, {"smoothing": 0.5})
    from fullturn.verbs.gate import gate

    gated = gate(project, second.run.id)
    assert gated.version is not None
    promote.promote(project, str(gated.version.version), "a little better")
    first = versions.version(project.store, "1")
    file = project.store.fetch_model(first.source) / "bundle" / "model.json"
    whole = file.read_bytes()
    file.write_bytes(whole[:-2])
    from fullturn.core.errors import IntegrityError

    with pytest.raises(IntegrityError, match=r"model\.json"):
        rollback(project, reason="worse in use")
    assert versions.version(project.store, "champion").version == 2
    file.write_bytes(whole)
    assert rollback(project, reason="worse in use").version == 1
    assert versions.version(project.store, "champion").version == 1


def test_reproduction_says_same_or_what_diverged(project: Workspace) -> None:
    steps_of(project)
    assert reproduce(project, "1").same
    run = versions.version(project.store, "1").run_id
    project.store.tag_run(run, {PREFIX + "environment": "other"})
    found = reproduce(project, "1")
    assert found.same
    assert [d.ingredient for d in found.divergences] == ["environment"]


def test_without_a_champion_the_next_step_is_named(project: Workspace) -> None:
    with pytest.raises(NotFound, match="fullturn turn"):
        predict.predict(project, [ROW])


def test_plain_mlflow_loads_and_serves_the_champion(
    project: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps_of(project)
    monkeypatch.chdir(project.root)  # a project's own app is only loaded there
    loaded = mlflow.pyfunc.load_model("models:/toy@champion")
    assert loaded.predict(pd.DataFrame([ROW])) == [{"label": "billing"}]
    folder = project.store.fetch_model(versions.version(project.store, "1").source)
    port = free_port()
    words = ["-m", "mlflow", "models", "serve", "-m", str(folder), "-p", str(port)]
    command = [sys.executable, *words, "-h", "127.0.0.1", "--env-manager", "local"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with (project.root / "serve.log").open("wb") as log:
        server = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "PATH": path, "PYTHONPATH": PYTHONPATH},
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/ping", lambda: server.poll() is None)
        body = {"dataframe_records": [ROW]}
        answer = httpx.post(f"http://127.0.0.1:{port}/invocations", json=body, timeout=PATIENCE)
        assert answer.json() == {"predictions": [{"label": "billing"}]}
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def test_the_same_rows_again_make_no_new_version(project: Workspace) -> None:
    assert commit(project, [], "again").version == 1


def test_watch_keeps_turning_until_it_is_interrupted(project: Workspace) -> None:
    words = ["-m", "fullturn", "-C", str(project.root), "turn", "--watch", "--every", "0.2"]
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH, "PYTHONWARNINGS": "default"}
    process = subprocess.Popen(
        [sys.executable, *words, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=environment,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        seen = []
        for line in process.stdout:
            seen.append(json.loads(line))
            if seen[-1]["what"].endswith("is champion") and seen[-1]["done"]:
                if seen[-1]["what"].startswith("version 2"):
                    break
                write_rows(project.root / "messages.csv", messages(1100, seed=1))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "Warning: " not in said, "a library's warning with a path of this machine"
    assert [e.version for e in history(project)] == [1, 2]
    assert any(step["stage"] == "data" and step["done"] for step in seen)


def test_a_reproduction_or_an_equal_run_changes_nothing(project: Workspace) -> None:
    steps_of(project)
    reproduce(project, "1")
    champion = versions.version(project.store, "champion")
    params = versions.files(project.store, champion)[1]["params"]
    train(project, params, name="the same again")
    steps = steps_of(project)
    assert not any(step.done for step in steps.values())
    assert steps["gate"].what == "version 1 is champion"


def test_a_search_that_was_interrupted_does_not_undo_one_that_finished(project: Workspace) -> None:
    settings = project.root / "fullturn.toml"
    settings.write_text(
        settings.read_text().replace("[experiment]", "[experiment]\ncandidates = 1", 1)
    )
    project = Workspace.open(project.root)
    assert project.settings.experiment.candidates == 1
    steps_of(project)
    with pytest.raises(KeyboardInterrupt):
        search_parameters(project, 9, first={"smoothing": 3.0}, progress=interrupted)
    assert not steps_of(project)["experiments"].done


def interrupted(what: str, done: int, total: int) -> None:
    if done >= 2:
        raise KeyboardInterrupt


def test_a_promotion_without_effect_does_not_make_a_version_an_earlier_champion(
    project: Workspace,
) -> None:
    steps_of(project)
    write_rows(project.root / "messages.csv", messages(1100, seed=1))
    commit(project, [], "more")
    version = gate(project, train(project).run.id).version
    assert version is not None
    late = promotion.Admission(seen=0)
    with pytest.raises(Conflict):
        promotion.promote(project.store, version, late, actor="ada", reason="too late")
    assert steps_of(project)["registry"].what == f"version {version.version} is champion"
