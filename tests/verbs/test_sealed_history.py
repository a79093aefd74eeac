"""Entries of the history that somebody edits afterwards are noticed, and old ones stay readable."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest
from mlflow import MlflowClient

from fullturn.cli import run
from fullturn.core import credentials
from fullturn.core.entities import ModelVersion, RunRecord
from fullturn.core.errors import Conflict
from fullturn.core.settings import SigningSettings
from fullturn.core.tags import HistoryTags, VersionTags
from fullturn.evidence import keys
from fullturn.evidence.keys import MachineKey, Signer
from fullturn.registry import history, promotion, versions
from fullturn.registry.lineage import Lineage
from fullturn.registry.promotion import Admission
from fullturn.store import Store
from fullturn.verbs.history import history as listed
from fullturn.verbs.lineage import lineage, of_version
from fullturn.verbs.parts import candidate
from fullturn.verbs.parts.sealing import seal
from fullturn.verbs.rollback import rollback
from fullturn.verbs.verify import verify
from fullturn.verbs.workspace import Workspace
from tests.store.models import registered


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    """A machine with a key of its own."""
    return Signer(SigningSettings(), tmp_path, tmp_path / "state")


def promoted(store: Store, key: MachineKey | None, count: int = 3) -> None:
    for number in range(1, count + 1):
        version, reason = registered(store), f"reason {number}"
        promotion.promote(store, version, Admission(), actor="ada", reason=reason, seal=key)


def edit(store: Store, number: int, tags: Mapping[str, str | None]) -> None:
    """As in MLflow's pages: set a tag of an entry, or delete it."""
    client, log = MlflowClient(store.uri, store.uri), history.log_name(store)
    for field, value in tags.items():
        key = HistoryTags.key(field)
        if value is None:
            client.delete_model_version_tag(log, str(number), key)
        else:
            client.set_model_version_tag(log, str(number), key, value)


def seals(store: Store, signer: Signer) -> list[str]:
    return list(history.seals(store, partial(keys.is_valid, signer)).values())


@pytest.mark.parametrize("field", ["actor", "reason", "gate", "release", "override"])
@pytest.mark.parametrize("number", [1, 3])
def test_an_entry_that_was_edited_is_found(
    store: Store, signer: Signer, field: str, number: int
) -> None:
    promoted(store, keys.machine_key(signer))
    assert seals(store, signer) == ["valid"] * 3
    edit(store, number, {field: "mallory"})
    expected = ["valid"] * 3
    expected[number - 1] = "altered"
    assert seals(store, signer) == expected


def test_an_entry_whose_secret_is_masked_is_valid(
    store: Store, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_API_KEY", "sk-s1gned")
    credentials.secret("MY_API_KEY")
    reason = '{"why": "sk-s1gned",  "n": 1} -----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0'
    for said in (reason, reason[:29]):
        version, key = registered(store), keys.machine_key(signer)
        promotion.promote(store, version, Admission(), actor="sk-s1gned", reason=said, seal=key)
    assert seals(store, signer) == ["valid"] * 2
    assert "s1gned" not in f"{store.versions(history.log_name(store))}"


def test_an_entry_that_lost_its_signature_too_is_found_by_the_next_one(
    store: Store, signer: Signer
) -> None:
    promoted(store, keys.machine_key(signer))
    edit(store, 1, {"actor": "mallory", "signature": None, "key_": None})
    assert seals(store, signer) == ["altered", "valid", "valid"]


def test_an_entry_that_was_edited_itself_says_nothing_of_the_one_before(
    store: Store, signer: Signer
) -> None:
    promoted(store, keys.machine_key(signer))
    edit(store, 3, {"follows": "0" * 64})
    assert seals(store, signer) == ["valid", "valid", "altered"]


def test_the_newest_entry_without_its_signature_is_noticed(store: Store, signer: Signer) -> None:
    promoted(store, keys.machine_key(signer))
    stripped = {"actor": "mallory", "signature": None, "key_": None, "follows": None}
    edit(store, 3, stripped)
    assert seals(store, signer) == ["valid", "valid", "missing"]


def test_entries_of_version_0_1_are_unsigned_and_covered_from_the_next_one_on(
    store: Store, signer: Signer
) -> None:
    promoted(store, None, 2)
    edit(store, 2, {"follows": None})
    assert seals(store, signer) == ["unsigned"] * 2
    promoted(store, keys.machine_key(signer), 1)
    assert seals(store, signer) == ["unsigned", "unsigned", "valid"]
    edit(store, 2, {"actor": "mallory"})
    assert seals(store, signer) == ["unsigned", "altered", "valid"]
    assert [one.version for one in promotion.history(store)] == [1, 2, 3]


def test_without_keys_the_chain_alone_shows_it(store: Store, signer: Signer) -> None:
    promoted(store, None)
    edit(store, 2, {"reason": "another"})
    assert seals(store, signer) == ["unsigned", "altered", "unsigned"]


def test_what_another_machine_signed_is_checked_with_its_public_key(
    store: Store, signer: Signer, tmp_path: Path
) -> None:
    other = Signer(SigningSettings(), tmp_path, tmp_path / "other")
    promoted(store, keys.machine_key(signer), 1)
    promoted(store, keys.machine_key(other), 1)
    assert seals(store, signer) == ["valid", "unknown key"]
    assert seals(store, other) == ["unknown key", "valid"]
    names = ("a.pub", "b.pub")
    for name, one in zip(names, (signer, other), strict=True):
        (tmp_path / name).write_bytes(one.trusted[0].read_bytes())
    both = Signer(SigningSettings(public_key=names), tmp_path, tmp_path / "third")
    assert seals(store, both) == ["valid", "valid"]


def test_a_machine_without_the_key_that_ci_signs_with_signs_with_its_own(
    signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = SigningSettings(private_key_env="KEY_OF_CI", private_key="missing.pem")
    own, here = keys.machine_key(signer), Signer(named, signer.root, signer.state)
    monkeypatch.delenv("KEY_OF_CI", raising=False)
    found = keys.machine_key(here)
    assert own and found and found.key == own.key


def test_history_says_which_entries_were_altered(promoted: Workspace) -> None:
    assert [one.seal for one in listed(promoted)] == ["valid"]
    edit(promoted.store, 1, {"actor": "mallory", "reason": "it was me"})
    found = listed(promoted)
    assert [one.seal for one in found] == ["altered"]
    assert found.notes[0].startswith("entry 1 was altered in MLflow after it was written")


def test_an_entry_that_was_altered_itself_says_nothing_about_the_one_before(store: Store) -> None:
    promoted(store, None)
    edit(store, 2, {"follows": "f" * 64})
    check = history.check_seals(history.log(store), lambda key, content, signature: None)
    assert list(check.values()) == ["unsigned", "altered", "unsigned"]


def test_of_two_that_contradict_each_other_the_signed_one_is_believed(
    store: Store, signer: Signer
) -> None:
    promoted(store, keys.machine_key(signer), 2)
    edit(store, 2, {"follows": "f" * 64, "signature": None, "key_": None})
    assert seals(store, signer) == ["valid", "altered"]


ALTERED = {
    "another actor": {"actor": "mallory"},
    "another version": {"to": "2"},
}


@pytest.mark.parametrize("case", ALTERED)
def test_verify_fails_for_a_version_whose_promotion_was_altered(
    promoted: Workspace, case: str
) -> None:
    assert outcome_of_history(promoted) == ("PASSED", "entry 1 (promotion): signed and unchanged")
    edit(promoted.store, 1, ALTERED[case])
    outcome, reason = outcome_of_history(promoted)
    assert outcome == "FAILED" and "entry 1 was altered" in reason
    assert verify(promoted, "1").exit_code == 1


def test_verify_fails_for_a_version_whose_promotion_lost_its_signature(promoted: Workspace) -> None:
    store, first = promoted.store, versions.version(promoted.store, "1")
    for one in (registered(store), first):
        promotion.promote(store, one, Admission(), actor="ada", reason="next", seal=seal(promoted))
    edit(store, 3, {"signature": None, "key_": None})
    outcome, reason = outcome_of_history(promoted)
    assert outcome == "FAILED" and "entry 3 has no signature" in reason


def test_verify_passes_an_unsigned_promotion_and_cannot_check_one_of_an_unknown_key(
    gated: Workspace, signer: Signer
) -> None:
    version = versions.version(gated.store, "1")
    assert outcome_of_history(gated) == ("NOT_APPLICABLE", "it never was champion")
    promotion.promote(gated.store, version, Admission(), actor="ada", reason="first")
    assert outcome_of_history(gated)[0] == "PASSED"
    promotion.promote(gated.store, registered(gated.store), Admission(), actor="a", reason="b")
    key = keys.machine_key(signer)
    promotion.roll_back(gated.store, version, actor="ada", reason="back", seal=key)
    outcome, reason = outcome_of_history(gated)
    assert outcome == "INCONCLUSIVE" and "entry 3" in reason


def outcome_of_history(project: Workspace) -> tuple[str, str]:
    [found] = [one for one in verify(project, "1").findings if one.name == "history"]
    return found.outcome, found.reason


def test_verify_without_evidence_looks_at_the_history_too(promoted: Workspace) -> None:
    client = MlflowClient(promoted.store.uri, promoted.store.uri)
    client.delete_model_version_tag(promoted.store.name, "1", VersionTags.key("evidence"))
    assert outcome_of_history(promoted)[0] == "PASSED"
    edit(promoted.store, 1, {"actor": "mallory"})
    assert outcome_of_history(promoted)[0] == "FAILED"


def test_lineage_shows_which_promotion_was_altered(
    promoted: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [one.seal for one in of_version(promoted, "1").promotions] == ["valid"]
    edit(promoted.store, 1, {"reason": "another"})
    assert [one.seal for one in of_version(promoted, "1").promotions] == ["altered"]
    assert run(["-C", str(promoted.root), "lineage", "1"]) == 0
    assert "#1 promotion (ALTERED): another" in " ".join(capsys.readouterr().out.split())


def test_history_names_the_entries_that_were_deleted(promoted: Workspace) -> None:
    store, key = promoted.store, seal(promoted)
    for _ in range(3):
        promotion.promote(
            store, registered(store), Admission(), actor="ada", reason="next", seal=key
        )
    assert listed(promoted).notes == ()
    client, log = MlflowClient(store.uri, store.uri), history.log_name(store)
    client.delete_model_version(log, "2")
    assert listed(promoted).notes[0].startswith("entry 2 was deleted in MLflow")
    client.delete_model_version(log, "3")
    assert listed(promoted).notes[0].startswith("entries 2, 3 were deleted in MLflow")


def test_history_asks_for_versions_four_times(
    promoted: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    ask = Store.versions

    def counting(store: Store, name: str) -> list[ModelVersion]:
        asked.append(name)
        return ask(store, name)

    monkeypatch.setattr(Store, "versions", counting)
    listed(promoted)
    assert asked == ["toy-history", "toy"] * 2


def test_lineage_of_the_candidate_finds_it_once(
    promoted: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[str] = []
    find = candidate.get

    def counting(project: Workspace) -> RunRecord:
        found.append("candidate")
        return find(project)

    monkeypatch.setattr(candidate, "get", counting)
    assert isinstance(traced := lineage(promoted, "candidate"), Lineage) and traced.version == 1
    assert found == ["candidate"]


def test_a_rollback_that_another_promotion_overtook_is_refused(
    promoted: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = promoted.store
    promotion.promote(store, registered(store), Admission(), actor="ada", reason="second")

    def overtaken(project: Workspace, version: ModelVersion) -> None:
        """While the version is loaded and tested."""
        promotion.promote(store, registered(store), Admission(), actor="bob", reason="third")

    monkeypatch.setattr("fullturn.verbs.rollback.load_version", overtaken)
    with pytest.raises(Conflict, match="the champion is 3 now"):
        rollback(promoted, reason="worse")
    assert promotion.champion(store) == 3
