"""Nothing gets past the gate: what `promote`, `release` and `turn` do about a version whose gate
was another one, and whose registered model it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mlflow import MlflowClient

from fullturn.cli import main
from fullturn.core.errors import Conflict, IntegrityError, NotFound, NotGated, Refused, UsageError
from fullturn.core.tags import VersionTags
from fullturn.registry import promotion
from fullturn.registry.versions import located, version
from fullturn.release import state
from fullturn.release.ledger import Decided
from fullturn.store import Store
from fullturn.verbs import release
from fullturn.verbs.data import commit
from fullturn.verbs.gate import gate
from fullturn.verbs.history import history
from fullturn.verbs.parts import admission
from fullturn.verbs.promote import promote
from fullturn.verbs.train import train
from fullturn.verbs.turn import turn
from fullturn.verbs.workspace import Workspace
from tests.verbs.conftest import only_run, write_rows
from tests.verbs.toy import messages

pytestmark = pytest.mark.slow

BAD = Decided("roll back", "FAILED", "errors +12 points", "tester")


def another(project: Workspace, smoothing: float = 1.1) -> int:
    """One more version that passed its gate against today's champion."""
    gated = gate(project, train(project, {"smoothing": smoothing}).run.id)
    assert gated.version is not None, gated.report.results
    return gated.version.version


def new_data(project: Workspace) -> None:
    write_rows(project.root / "messages.csv", messages(1100, seed=1))
    commit(project, [], "second")


def exit_code(project: Workspace, *words: str) -> int:
    try:
        main(["-C", str(project.root), *words])
    except SystemExit as error:
        return int(error.code or 0)
    return 0


def test_a_gate_against_another_champion_does_not_count_today(promoted: Workspace) -> None:
    second, third = another(promoted, 1.1), another(promoted, 1.2)
    promote(promoted, second, "better")
    with pytest.raises(NotGated, match=r"against version 1, and the champion is version 2 now"):
        promote(promoted, third, "also better")
    with pytest.raises(NotGated, match="against version 1"):
        release.begin(promoted, promoted.store.versions("toy")[-1])
    assert exit_code(promoted, "promote", str(third), "--reason", "also better") == 1
    gate(promoted, third)
    entry = promote(promoted, third, "gated again")
    assert entry.version == 3 and entry.override == ""


def test_a_gate_on_older_data_does_not_count_today(promoted: Workspace) -> None:
    second = another(promoted)
    new_data(promoted)
    with pytest.raises(NotGated, match="newer dataset version"):
        promote(promoted, second, "better")
    with pytest.raises(UsageError, match="reason"):
        promote(promoted, second)


def test_an_override_is_recorded_as_such(
    promoted: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    second = another(promoted)
    new_data(promoted)
    assert exit_code(promoted, "promote", str(second), "--override", "the data is a copy") == 0
    entry = history(promoted)[-1]
    assert (entry.version, entry.reason) == (2, "the data is a copy")
    assert "newer dataset version" in entry.override
    capsys.readouterr()
    exit_code(promoted, "history")
    assert "(override: " in capsys.readouterr().out.replace("\n", " ")


def test_what_its_release_rolled_back_needs_an_override(promoted: Workspace) -> None:
    second = another(promoted)
    opened = release.begin(promoted, promoted.store.versions("toy")[-1])
    release.finalize(promoted, state.decide(promoted.store, opened, BAD))
    with pytest.raises(Refused, match=r"its release rolled it back \(errors \+12 points\)"):
        promote(promoted, second, "still better")
    with pytest.raises(Refused, match="rolled it back"):
        release.begin(promoted, promoted.store.versions("toy")[-1])
    assert promote(promoted, second, override="a fault of the traffic").override


def test_tags_that_say_passed_are_no_gate(trained: Workspace) -> None:
    run = only_run(trained)
    source, digest = located(run)
    tags = VersionTags(bundle=digest, outcome="PASSED", gate=run.id).write()
    trained.store.register("toy", source, run.id, tags)
    with pytest.raises(NotGated, match="it has no gate report"):
        promote(trained, 1, "the tag says so")
    assert promotion.history(trained.store) == []


def test_a_report_that_was_changed_in_mlflow_is_no_gate(gated: Workspace) -> None:
    [found] = admission.gates_of(gated, gated.store.versions("toy")[0])
    path = gated.store.get(found.run, "gate/report.json")
    assert path.is_relative_to(gated.root), path
    path.write_text(json.dumps(json.loads(path.read_text()) | {"actor": "somebody else"}))
    with pytest.raises(NotGated, match="it has no gate report"):
        promote(gated, 1, "its report was edited")


def test_the_history_names_the_gate_and_the_digest_of_its_report(gated: Workspace) -> None:
    [found] = admission.gates_of(gated, gated.store.versions("toy")[0])
    promote(gated, 1, "the first")
    [raw] = gated.store.versions("toy-history")
    assert raw.tags["fullturn.gate"] == found.run
    assert raw.tags["fullturn.report"] == found.digest


def test_a_turn_gates_a_registered_version_again_when_the_champion_changed(
    gated: Workspace,
) -> None:
    second = another(gated, 5.0)
    promote(gated, second, "the other one")
    steps = {step.stage: step for step in turn(gated)}
    entries = promotion.history(gated.store)
    assert all(admission.evidence(gated, one.gate or "") for one in entries)
    if entries[-1].version == 1:
        assert steps["gate"].done
        assert admission.evidence(gated, entries[-1].gate or "").report.champion == "version 2"  # type: ignore[union-attr]


def theirs(project: Workspace, *, alias: bool = True) -> MlflowClient:
    """A team's registered model of the project's name, with three versions and an alias."""
    client = MlflowClient(project.store.uri, project.store.uri)
    client.create_registered_model("toy")
    for number in range(1, 4):
        client.create_model_version("toy", f"s3://theirs/{number}")
    if alias:
        client.set_registered_model_alias("toy", "champion", "1")
    return client


def state_of(client: MlflowClient) -> tuple[dict[str, int], int]:
    model = client.get_registered_model("toy")
    aliases = {alias: int(version) for alias, version in model.aliases.items()}
    return aliases, len(client.search_model_versions("name = 'toy'"))


def test_a_teams_own_model_is_not_touched_at_first_contact(trained: Workspace) -> None:
    client = theirs(trained)
    before = state_of(client)
    ways = r"'toy' has versions .*1, 2, 3.*alias 'champion' on version 1.*name.*adopt_model"
    with pytest.raises(Conflict, match=ways):
        turn(trained)
    with pytest.raises(Conflict, match=ways):
        gate(trained, "best")
    gate(trained, "best", register=False)
    with pytest.raises(Conflict, match=ways):
        gate(trained, "best", cached=True)
    assert state_of(client) == before and len(trained.store.runs("gate")) == 1


def test_an_alias_that_fullturn_did_not_set_is_not_moved_by_the_first_promotion(
    gated: Workspace,
) -> None:
    gated.store.set_alias("toy", "champion", 1)
    with pytest.raises(Conflict, match="alias 'champion' on version 1 that fullturn did not set"):
        promote(gated, 1, "the first")
    with pytest.raises(Conflict, match="fullturn did not set"):
        promote(gated, 1, override="the first")


def test_a_model_that_was_adopted_is_used(trained: Workspace) -> None:
    client = theirs(trained)
    toml = trained.root / "fullturn.toml"
    toml.write_text("adopt_model = true\n" + toml.read_text())
    adopted = Workspace.open(trained.root)
    assert gate(adopted, "best").version is not None
    promote(adopted, 4, "as asked")
    assert state_of(client) == ({"champion": 4}, 4)


@contextmanager
def deleted_version(project: Workspace, number: int) -> Iterator[Store]:
    store = project.store
    MlflowClient(store.uri, store.uri).delete_model_version("toy", str(number))
    yield store


def test_a_deleted_champion_is_named_by_every_verb_and_can_come_again(
    turned: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    run = turned.store.versions("toy")[0].run_id
    with deleted_version(turned, 1):
        assert [one.version for one in history(turned)] == [1]
        said = rf"version 1 of 'toy' was deleted in MLflow.*fullturn gate {run[:8]}"
        assert exit_code(turned, "history") == 0
        assert "was deleted in MLflow" in capsys.readouterr().out.replace("\n", " ")
        for verb in ("turn", "predict text=invoice", "monitor", "lineage champion", "verify 1"):
            assert exit_code(turned, *verb.split()) == 2
            assert "was deleted in MLflow" in capsys.readouterr().err.replace("\n", " ")
        with pytest.raises(NotFound, match=said):
            turn(turned)
        again = gate(turned, run[:8])
        assert again.report.champion == "version 1" and again.version is not None
        promote(turned, again.version.version, "registered again")
    assert promotion.champion(turned.store) == turned.store.alias("toy", "champion") == 2
    assert not any(step.done for step in turn(turned))


@pytest.mark.parametrize(
    "name", ["best", "candidate", "champion", "1", "v2", "models:/toy/1", "a" * 32, " "]
)
def test_a_run_is_not_given_a_name_that_means_something_else(
    project: Workspace, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(project, "train", "--name", name) == 2
    assert f"may not be named '{name}'" in capsys.readouterr().err.replace("\n", " ")
    assert project.store.runs("train") == []


@pytest.mark.parametrize("name", ["1", "best"])
def test_a_run_that_was_renamed_in_mlflow_makes_its_name_ambiguous(
    gated: Workspace, name: str, tmp_path: Path
) -> None:
    other = gated.store.start_run("train", name, {}, {})
    with pytest.raises(UsageError, match=rf"'{name}' is .*and the name of run {other[:8]}"):
        gate(gated, name)
    promote(gated, 1, "a number is a version")


def test_a_damaged_gate_report_is_named(gated: Workspace) -> None:
    stored = version(gated.store, "1")
    run = VersionTags.read(stored.tags).gate or ""
    gated.store.get(run, "gate/report.json").write_bytes(b'{"subject": "\xff"}')
    assert admission.evidence(gated, run) is None
    with pytest.raises(IntegrityError, match=r"gate report is damaged: .*fullturn gate"):
        gate(gated, "best", cached=True)


@pytest.mark.parametrize("content", [b"\xff", b"[]", b"{}"])
def test_damaged_fingerprints_of_training_rows_are_missing_evidence(
    trained: Workspace, content: bytes
) -> None:
    trained.store.get(only_run(trained).id, "evaluation/trained.json").write_bytes(content)
    report = gate(trained, "best").report
    [found] = [one for one in report.results if one.code == "DATA02"]
    assert found.outcome == "INCONCLUSIVE"
    assert "fingerprints of the training rows are damaged" in found.reason
    assert "train again" in found.reason
