"""A registered version has evidence that holds, and each planted fault in it is caught."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from fullturn.cli import main
from fullturn.core.entities import ModelVersion
from fullturn.core.errors import (
    CouldNotEvaluate,
    IntegrityError,
    NotFound,
    SettingsError,
    StoreUnavailable,
)
from fullturn.core.settings import SigningSettings
from fullturn.core.tags import VersionTags
from fullturn.evidence import folder as folders
from fullturn.evidence import keys, signing
from fullturn.evidence.keys import Signer
from fullturn.registry import promotion, versions
from fullturn.subjects import bundle
from fullturn.verbs import promote, release, rollback
from fullturn.verbs.data import commit
from fullturn.verbs.gate import gate
from fullturn.verbs.lineage import of_version
from fullturn.verbs.parts import loading
from fullturn.verbs.parts import register as evidence
from fullturn.verbs.serve import server
from fullturn.verbs.train import train
from fullturn.verbs.turn import turn
from fullturn.verbs.verify import Verified, verify
from fullturn.verbs.workspace import Workspace
from tests.projects import copied
from tests.verbs.conftest import write_rows
from tests.verbs.test_serving import asked, changed, told
from tests.verbs.toy import messages
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

DIGEST, EVIDENCE, GATE = map(VersionTags.key, ("bundle", "evidence", "gate"))

SIGNED = '[serving]\npoll = 0.05\nsigned = true\n\n[card]\nowner = "Team Toy"\n\n[gates]'


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, committed_once: Path) -> Path:
    """A project under Git with two versions, both gated; the first is champion."""
    root = copied(committed_once, tmp_path_factory.mktemp("gated") / "project")
    (root / ".gitignore").write_text(".fullturn/\n")
    for words in (
        ["init", "-q", "-b", "main"],
        ["add", "."],
        ["commit", "-q", "-m", "first"],
        ["remote", "add", "origin", "https://anna:secret@example.org/toy.git"],
    ):
        identity = ["-c", "user.name=tester", "-c", "user.email=tester@example.org"]
        subprocess.run(["git", "-C", str(root), *identity, *words], check=True)
    project = Workspace.open(root)
    gate(project, train(project, {}).run.id)
    promote.promote(project, "1", "the first")
    write_rows(root / "messages.csv", messages(1100, seed=1))
    commit(project, [], "more")
    gate(project, train(project, {"smoothing": 0.9}).run.id)
    assert len(project.store.versions("toy")) == 2
    return root


@pytest.fixture
def gated(template: Path, tmp_path: Path) -> Workspace:
    """A copy of it that may be spoilt."""
    return Workspace.open(copied(template, tmp_path / "copy"))


def found(project: Workspace, number: int) -> ModelVersion:
    return versions.version(project.store, str(number))


def folder(project: Workspace, number: int) -> Path:
    """The evidence, where MLflow keeps it."""
    return artifacts(project, found(project, number).tags[GATE]) / "evidence"


def artifacts(project: Workspace, run: str) -> Path:
    return project.state / "artifacts" / run / "artifacts"


def failed(verified: Verified) -> dict[str, str]:
    return {f.name: f.reason for f in verified.findings if f.outcome == "FAILED"}


def exit_code(project: Workspace, *words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["-C", str(project.root), *words])
    return int(ended.value.code or 0)


def spoil(path: Path) -> None:
    """Change one byte."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_an_untouched_version_verifies(
    gated: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 2):
        verified = verify(gated, str(number))
        assert verified.outcome == "PASSED", verified
        outcomes = {f.name: f.outcome for f in verified.findings}
        assert outcomes.pop("history") == ("PASSED" if number == 1 else "NOT_APPLICABLE")
        assert set(outcomes.values()) == {"PASSED"}
        assert exit_code(gated, "verify", str(number)) == 0
    assert "The evidence of version 2 is valid" in capsys.readouterr().out
    assert exit_code(gated, "verify", "champion", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["version"], told["outcome"]) == (1, "PASSED")


def test_the_folder_holds_what_a_reader_asks_for(gated: Workspace) -> None:
    place = folder(gated, 2)
    names = {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}
    assert names == {*folders.CONTENTS, signing.SIGNATURE}
    run = json.loads((place / "run.json").read_text())
    assert (run["version"], run["params"]["smoothing"], run["seed"]) == (2, "0.9", 0)
    assert run["scores"]["validation.right"] > 0.5
    code = json.loads((place / "git.json").read_text())
    assert code["commit"] and code["branch"] == "main"
    assert code["remote"] == "https://example.org/toy.git"
    difference = json.loads((place / "data-difference.json").read_text())
    assert difference["versions"] == [1, 2]
    assert difference["added"] == 100 and "100 rows added" in difference["sentence"]
    card = (place / "model-card.md").read_text()
    assert "version 1" in card and "channel=chat" in card and "100 rows added" in card
    assert (evidence.disk_folder(gated, 2) / "model-card.md").read_text() == card


def test_nothing_secret_leaves_the_key_folder(gated: Workspace) -> None:
    secret = (gated.state / keys.PRIVATE).read_bytes().splitlines()[1]
    for path in gated.state.rglob("*"):
        if path.is_file() and path.name != "signing.pem":
            content = path.read_bytes()
            assert secret not in content and b"anna:secret" not in content, path


@pytest.mark.parametrize("name", [*folders.CONTENTS, signing.SIGNATURE])
def test_a_changed_byte_is_caught_in_any_file(gated: Workspace, name: str) -> None:
    spoil(folder(gated, 1) / name)
    assert "signature" in failed(verify(gated, "1"))
    assert exit_code(gated, "verify", "1") == 1
    assert verify(gated, "2").outcome == "PASSED"


def remove_signature(project: Workspace) -> None:
    (folder(project, 1) / signing.SIGNATURE).unlink()


def remove_file(project: Workspace) -> None:
    (folder(project, 1) / folders.CARD).unlink()


def add_file(project: Workspace) -> None:
    (folder(project, 1) / ".gitignore").write_text("*")


def sign_with_another_key(project: Workspace) -> None:
    elsewhere = project.root / "elsewhere"
    elsewhere.mkdir()
    signing.sign(folder(project, 1), Signer(SigningSettings(), elsewhere, elsewhere))


def put_the_evidence_of_another_version(project: Workspace) -> None:
    place, other = folder(project, 1), folder(project, 2)
    shutil.rmtree(place)
    shutil.copytree(other, place)


def point_at_the_evidence_of_another_version(project: Workspace) -> None:
    other = found(project, 2).tags[EVIDENCE]
    project.store.tag_version("toy", 1, {EVIDENCE: other})


def swap_the_bundle(project: Workspace) -> None:
    """As someone would who can write to all of MLflow, its digests too."""
    mine, other = (project.store.fetch_model(found(project, n).source) for n in (1, 2))
    shutil.rmtree(mine)
    shutil.copytree(other, mine)
    project.store.tag_version("toy", 1, {DIGEST: found(project, 2).tags[DIGEST]})


def seal_a_changed_bundle_again(project: Workspace) -> None:
    place = project.store.fetch_model(found(project, 1).source)
    spoil(place / "bundle" / "model.json")
    project.store.tag_version("toy", 1, {DIGEST: bundle.seal(place)})


def change_a_file_of_the_bundle(project: Workspace) -> None:
    spoil(project.store.fetch_model(found(project, 1).source) / "bundle" / "model.json")


def change_the_gate_report_in_its_run(project: Workspace) -> None:
    spoil(artifacts(project, found(project, 1).tags[GATE]) / "gate" / "report.json")


def improve_the_scores_in_mlflow(project: Workspace) -> None:
    project.store.log_metrics(found(project, 1).run_id, {"validation.right": 1.0})


def change_the_rows_of_the_table(project: Workspace) -> None:
    for path in project.table.glob("*.parquet"):
        spoil(path)


def change_the_copy_on_disk(project: Workspace) -> None:
    spoil(evidence.disk_folder(project, 1) / folders.CARD)


FAULTS: dict[str, tuple[Callable[[Workspace], None], str]] = {
    "the signature is gone": (remove_signature, "signature"),
    "a file is gone": (remove_file, "signature"),
    "a file was added": (add_file, "signature"),
    "it is another version's": (put_the_evidence_of_another_version, "version"),
    "another version's is named": (point_at_the_evidence_of_another_version, "version"),
    "the bundle was swapped": (swap_the_bundle, "manifest"),
    "the bundle was sealed again": (seal_a_changed_bundle_again, "manifest"),
    "the bundle was changed": (change_a_file_of_the_bundle, "bundle files"),
    "the gate report was changed": (change_the_gate_report_in_its_run, "gate report"),
    "the scores were improved": (improve_the_scores_in_mlflow, "run"),
    "the rows were changed": (change_the_rows_of_the_table, "data"),
    "the copy was changed": (change_the_copy_on_disk, "local copy"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught_where_it_is(gated: Workspace, fault: str) -> None:
    plant, where = FAULTS[fault]
    plant(gated)
    assert where in failed(verify(gated, "1"))
    assert exit_code(gated, "verify", "1") == 1


def test_a_key_that_is_not_here_cannot_be_checked_and_one_that_is_not_trusted_fails(
    gated: Workspace,
) -> None:
    sign_with_another_key(gated)
    outcomes = {one.name: one.outcome for one in verify(gated, "1").findings}
    assert outcomes["signature"] == "INCONCLUSIVE"
    with pytest.raises(CouldNotEvaluate, match="of another machine signed it"):
        loading.load_version(changed(gated, "[gates]", SIGNED), found(gated, 1))
    shutil.copy(gated.state / keys.PUBLIC, gated.root / "own.pub")
    named = changed(gated, "[gates]", '[signing]\npublic_key = "own.pub"\n\n[gates]')
    assert "signature" in failed(verify(named, "1"))


SERIOUS = [
    name for name, (_, where) in FAULTS.items() if where in ("signature", "version", "manifest")
]


@pytest.mark.parametrize("fault", SERIOUS)
def test_what_does_not_hold_is_not_promoted_where_signatures_are_asked_for(
    gated: Workspace, fault: str
) -> None:
    FAULTS[fault][0](gated)
    gated = changed(gated, "[gates]", SIGNED)
    version = found(gated, 1)
    with pytest.raises(IntegrityError, match="fullturn verify 1"):
        loading.load_version(gated, version)


def test_promote_release_and_rollback_refuse_it_and_take_what_holds(gated: Workspace) -> None:
    gated = changed(gated, "[gates]", SIGNED)
    promote.promote(gated, "2", "its signature holds")
    remove_signature(gated)
    with pytest.raises(IntegrityError, match="there is no signature.json"):
        rollback.rollback(gated, reason="to the first")
    assert promotion.champion(gated.store) == 2
    promoted = promotion.roll_back(gated.store, found(gated, 1), actor="tester", reason="test")
    assert promoted.version == 1
    (folder(gated, 2) / signing.SIGNATURE).unlink()
    with pytest.raises(IntegrityError, match="fullturn verify 2"):
        release.begin(gated, found(gated, 2))
    assert exit_code(gated, "promote", "2", "--reason", "test") == 1


def test_a_champion_whose_signature_does_not_hold_answers_nobody(gated: Workspace) -> None:
    gated = changed(gated, "[gates]", SIGNED)
    promote.promote(gated, "2", "its signature holds")
    version, _ = loading.champion(gated)
    assert version.version == 2
    (folder(gated, 2) / signing.SIGNATURE).unlink()
    with pytest.raises(IntegrityError, match="fullturn verify 2"):
        loading.champion(gated)


def test_without_the_setting_the_manifest_alone_counts(gated: Workspace) -> None:
    (folder(gated, 2) / signing.SIGNATURE).unlink()
    assert promote.promote(gated, "2", "nobody asked for signatures").version == 2


def test_signatures_that_are_asked_for_and_not_made_are_a_contradiction(gated: Workspace) -> None:
    none = SIGNED.replace("[gates]", '[signing]\nmethod = "none"\n\n[gates]')
    gated = changed(gated, "[gates]", none)
    with pytest.raises(SettingsError, match="signed = true requires signatures"):
        promote.promote(gated, "2", "test")


def test_a_server_keeps_the_champion_when_the_next_ones_signature_does_not_hold(
    gated: Workspace,
) -> None:
    gated = changed(gated, "[gates]", SIGNED)
    spoil(folder(gated, 2) / folders.CARD)
    with server(gated, port=0) as address:
        assert asked(address).json()["version"] == 1
        promotion.promote(
            gated.store, found(gated, 2), promotion.Admission(), actor="tester", reason="test"
        )
        wait_until("a failure to load", lambda: told(address)["not_loaded"])
        assert "'model-card.md' was changed" in str(told(address)["not_loaded"])
        assert asked(address).json()["version"] == 1
    with pytest.raises(IntegrityError, match="fullturn verify 2"), server(gated, port=0):
        pass


def test_a_server_follows_to_a_version_whose_signature_holds(gated: Workspace) -> None:
    gated = changed(gated, "[gates]", SIGNED)
    with server(gated, port=0) as address:
        promote.promote(gated, "2", "its signature holds")
        wait_until("version 2", lambda: asked(address).json()["version"] == 2)


def test_gating_a_registered_run_again_changes_no_evidence(gated: Workspace) -> None:
    before = (folder(gated, 1) / signing.SIGNATURE).read_bytes(), found(gated, 1).tags
    again = gate(gated, "1")
    assert again.report.outcome == "PASSED" and again.version is not None
    assert again.version.version == 1 and again.run != found(gated, 1).tags[EVIDENCE]
    assert ((folder(gated, 1) / signing.SIGNATURE).read_bytes(), found(gated, 1).tags) == before


def interrupted(project: Workspace) -> str:
    """Register a version while its evidence cannot be stored; its run."""
    run = train(project, {}).run
    passed = gate(project, run.id, register=False)
    obstacle = artifacts(project, passed.run) / "evidence"
    obstacle.write_text("a file where the folder is to be")
    with pytest.raises(StoreUnavailable):
        evidence.register(project, run, passed.report, passed.run)
    assert EVIDENCE not in found(project, 1).tags
    assert verify(project, "1").outcome == "INCONCLUSIVE"
    obstacle.unlink()
    return run.id


def test_evidence_that_was_cut_off_is_completed_by_the_next_gate(project: Workspace) -> None:
    run = interrupted(project)
    second = gate(project, run)
    assert second.version is not None and second.version.tags[EVIDENCE] == second.run
    assert verify(project, "1").outcome == "PASSED"


def test_evidence_that_was_cut_off_is_completed_by_the_next_turn(project: Workspace) -> None:
    interrupted(changed(project, "[gates]", SIGNED))
    project = Workspace.open(project.root)
    steps = [step.what for step in turn(project)]
    assert "version 1 is champion" in steps
    assert verify(project, "1").outcome == "PASSED"


def test_a_turn_signs_no_bundle_that_no_gate_has_seen(project: Workspace) -> None:
    interrupted(project)
    seal_a_changed_bundle_again(project)
    with pytest.raises(IntegrityError, match="another bundle than the gate checked"):
        evidence.complete(project, found(project, 1))
    assert EVIDENCE not in found(project, 1).tags


def test_evidence_that_was_taken_away_is_not_made_again_by_a_turn(gated: Workspace) -> None:
    with closing(sqlite3.connect(gated.state / "mlflow.db")) as database:
        database.execute("DELETE FROM model_version_tags WHERE key = ?", (EVIDENCE,))
        database.commit()
    evidence.complete(gated, found(gated, 2))
    assert verify(gated, "2").outcome == "INCONCLUSIVE"
    assert exit_code(gated, "verify", "2") == 4
    gated = changed(gated, "[gates]", SIGNED)
    with pytest.raises(IntegrityError, match="version 2 has no evidence"):
        promote.promote(gated, "2", "test")


def test_evidence_without_its_files_could_not_be_had(gated: Workspace) -> None:
    shutil.rmtree(folder(gated, 2))
    assert exit_code(gated, "verify", "2") == 4
    gated = changed(gated, "[gates]", SIGNED)
    with pytest.raises(IntegrityError, match="fullturn verify 2"):
        promote.promote(gated, "2", "test")


def test_what_is_asked_for_wrongly_or_cannot_be_asked_says_so(
    gated: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert exit_code(gated, "verify", "9") == 2
    with pytest.raises(NotFound, match="no model version '9'"):
        verify(gated, "9")
    (gated.state / keys.PUBLIC).unlink()
    assert exit_code(gated, "verify", "1") == 4
    with pytest.raises(CouldNotEvaluate, match="no public key"):
        signing.check(folder(gated, 1), evidence.signer(gated))
    named = changed(gated, "[gates]", '[signing]\npublic_key = "gone.pub"\n\n[gates]')
    assert exit_code(named, "verify", "1") == 2
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert exit_code(gated, "verify", "1") == 4


def test_the_trusted_key_is_the_file_that_git_holds(gated: Workspace) -> None:
    shutil.copy(gated.state / keys.PUBLIC, gated.root / "signing.pub")
    gated = changed(gated, "[gates]", '[signing]\npublic_key = "signing.pub"\n\n[gates]')
    shutil.rmtree(gated.state / "keys")  # as on another machine
    verified = verify(gated, "1")
    assert verified.outcome == "PASSED"
    [reason] = [f.reason for f in verified.findings if f.name == "signature"]
    assert reason.endswith("of signing.pub")


def test_nothing_is_registered_that_could_not_be_signed(
    project: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOY_KEY", raising=False)
    project = changed(project, "[gates]", '[signing]\nprivate_key_env = "TOY_KEY"\n\n[gates]')
    run = train(project, {}).run.id
    with pytest.raises(SettingsError, match="TOY_KEY"):
        gate(project, run)
    assert project.store.versions("toy") == []
    assert gate(project, run, register=False).report.outcome == "PASSED"  # needs no key


def test_without_signing_the_evidence_is_there_and_verifies_as_far_as_it_goes(
    project: Workspace,
) -> None:
    project = changed(project, "[gates]", '[signing]\nmethod = "none"\n\n[gates]')
    gate(project, train(project, {}).run.id)
    verified = verify(project, "1")
    assert verified.outcome == "PASSED"
    assert {f.name: f.outcome for f in verified.findings}["signature"] == "NOT_APPLICABLE"
    assert not (folder(project, 1) / signing.SIGNATURE).exists()
    change_the_gate_report_in_its_run(project)
    assert "gate report" in failed(verify(project, "1"))


def test_a_commit_that_git_does_not_know_here_is_told(gated: Workspace) -> None:
    shutil.rmtree(gated.root / ".git")
    outcomes = {f.name: f for f in verify(gated, "1").findings}
    assert outcomes["code"].outcome == "NOT_APPLICABLE"
    subprocess.run(["git", "-C", str(gated.root), "init", "-q"], check=True)
    verified = verify(gated, "1")
    assert verified.outcome == "INCONCLUSIVE"
    assert "is not in this clone" in {f.name: f.reason for f in verified.findings}["code"]


def test_the_data_of_a_champion_from_elsewhere_is_called_not_compared(gated: Workspace) -> None:
    shutil.rmtree(gated.table)
    commit(gated, [], "made again")  # the newest rows alone: as a runner of CI has them
    gate(gated, train(gated, {"smoothing": 0.8}).run.id)
    difference = json.loads((folder(gated, 3) / "data-difference.json").read_text())
    assert "not in the table where the gate ran" in difference["sentence"]
    [data] = [f for f in verify(gated, "1").findings if f.name == "data"]
    assert data.outcome == "NOT_APPLICABLE"


def test_lineage_leads_to_the_evidence(gated: Workspace) -> None:
    lineage = of_version(gated, "1")
    assert lineage.evidence.startswith(f"evidence/ in run {found(gated, 1).tags[GATE]}")


@pytest.mark.slow
def test_evidence_is_kept_by_a_server_too(
    project: Workspace, server_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server_uri)
    project = Workspace.open(changed(project, '"toy"', f'"toy-{project.root.stat().st_ino}"').root)
    commit(project, [], "first")
    gate(project, train(project, {}).run.id)
    assert verify(project, "1").outcome == "PASSED"
    gated = changed(project, "[gates]", SIGNED)
    assert promote.promote(gated, "1", "test").version == 1
