"""A signature covers every byte of a folder, and only the trusted key counts."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from model_signing import verifying

from fullturn.core.errors import CouldNotEvaluate, IntegrityError, SettingsError
from fullturn.core.settings import SigningSettings
from fullturn.evidence import keys, signing
from fullturn.evidence.keys import Signer
from tests.waiting import PATIENCE


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    """A project that has no key yet."""
    (tmp_path / "state").mkdir()
    return Signer(SigningSettings(), tmp_path, tmp_path / "state")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A few files, test data."""
    made = tmp_path / "version-1"
    (made / "gate").mkdir(parents=True)
    (made / "model-card.md").write_text("# A card\n")
    (made / "gate" / "report.json").write_text("{}")
    return made


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, password: bytes = b"") -> bytes:
    how = serialization.BestAvailableEncryption(password) if password else None
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        how or serialization.NoEncryption(),
    )


def public(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def another(signer: Signer, **changed: str) -> Signer:
    return Signer(SigningSettings.model_validate(changed), signer.root, signer.state)


def test_an_untouched_folder_verifies_also_elsewhere_and_under_another_name(
    signer: Signer, folder: Path, tmp_path: Path
) -> None:
    signing.sign(folder, signer)
    assert "this machine" in signing.check(folder, signer)
    moved = folder.rename(tmp_path / "handed on")
    assert keys.shortened(next(iter(keys.trusted_prints(signer)))) in signing.check(moved, signer)


def test_other_tools_verify_it_with_their_defaults(signer: Signer, folder: Path) -> None:
    signing.sign(folder, signer)
    config = verifying.Config()
    config.use_elliptic_key_verifier(public_key=signer.trusted[0])
    config.verify(folder, folder / signing.SIGNATURE)
    (folder / "model-card.md").write_text("# A cart\n")
    with pytest.raises(ValueError, match="model-card.md"):
        config.verify(folder, folder / signing.SIGNATURE)


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" ")


def reroute(path: Path) -> None:
    target = path.rename(path.parent.parent / "moved away")
    path.symlink_to(target)


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a byte added": (lambda f: append(f / "model-card.md"), "'model-card.md' was changed"),
    "a byte added below": (lambda f: append(f / "gate/report.json"), "report.json' was changed"),
    "a file gone": (lambda f: (f / "model-card.md").unlink(), "'model-card.md' is missing"),
    "a file more": (lambda f: (f / "more.md").write_text(""), "'more.md' was added"),
    "a file of Git more": (lambda f: (f / ".gitignore").write_text(""), "'.gitignore' was added"),
    "a link in its place": (lambda f: reroute(f / "model-card.md"), "'model-card.md' was changed"),
    "no signature": (lambda f: (f / signing.SIGNATURE).unlink(), "there is no signature.json"),
    "half a signature": (lambda f: half(f / signing.SIGNATURE), "signature.json is damaged"),
    "an empty signature": (lambda f: (f / signing.SIGNATURE).write_text("{}"), "is damaged"),
    "no signature in it": (lambda f: edited(f, lambda s: s.clear()), "is not valid"),
    "a signature of zeros": (
        lambda f: edited(f, lambda s: s[0].update(sig="AAAA")), "is not valid",
    ),
}  # fmt: skip


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def edited(folder: Path, change: Callable[[list[dict[str, str]]], object]) -> None:
    path = folder / signing.SIGNATURE
    content = json.loads(path.read_text())
    change(content["dsseEnvelope"]["signatures"])
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_change_is_caught_and_named(signer: Signer, folder: Path, fault: str) -> None:
    plant, message = FAULTS[fault]
    signing.sign(folder, signer)
    plant(folder)
    with pytest.raises(IntegrityError, match=message):
        signing.check(folder, signer)


def test_another_key_does_not_count_even_if_it_says_that_it_is_the_trusted_one(
    signer: Signer, folder: Path, tmp_path: Path
) -> None:
    signing.ready(signer)
    stranger = Signer(SigningSettings(), tmp_path, tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    signing.sign(folder, stranger)
    with pytest.raises(CouldNotEvaluate, match=r"the key .* of another machine signed it"):
        signing.check(folder, signer)
    [own], [other] = signer.trusted, stranger.trusted
    (signer.root / "own.pub").write_bytes(own.read_bytes())
    (signer.root / "other.pub").write_bytes(other.read_bytes())
    with pytest.raises(IntegrityError, match=r"the key .* signed it, and those that are trusted"):
        signing.check(folder, another(signer, public_key="own.pub"))
    both = another(signer, public_key=("own.pub", "other.pub"))
    assert signing.check(folder, both).endswith("of other.pub")
    path = folder / signing.SIGNATURE
    mine, theirs = (next(iter(keys.trusted_prints(one))) for one in (signer, stranger))
    path.write_text(path.read_text().replace(theirs, mine))
    with pytest.raises(IntegrityError, match="is not valid"):
        signing.check(folder, signer)
    path.write_text(path.read_text().replace(f'"hint":"{mine}"', '"hint":""'))
    with pytest.raises(CouldNotEvaluate, match="signed it"):
        signing.check(folder, signer)


def test_the_key_is_made_once_and_only_its_owner_reads_it(signer: Signer) -> None:
    def fingerprint(_: int) -> str:
        signing.ready(signer)
        return next(iter(keys.trusted_prints(signer)))

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(fingerprint, range(16)))) == 1
    private = signer.state / keys.PRIVATE
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(private.parent.stat().st_mode) == 0o700
    assert sorted(path.name for path in private.parent.iterdir()) == ["signing.pem", "signing.pub"]


def test_a_key_that_another_process_made_meanwhile_stays(
    signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, link = pem(ec.generate_private_key(ec.SECP256R1())), os.link

    def later(made: Path, path: Path) -> None:
        path.write_bytes(theirs)
        link(made, path)

    monkeypatch.setattr(os, "link", later)
    signing.ready(signer)
    assert (signer.state / keys.PRIVATE).read_bytes() == theirs


def test_processes_that_start_together_make_one_key(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys\n"
        "from fullturn.evidence import keys, signing\n"
        "from fullturn.core.settings import SigningSettings\n"
        "place = pathlib.Path(sys.argv[1])\n"
        "signer = keys.Signer(SigningSettings(), place, place)\n"
        "signing.ready(signer)\n"
        "print(next(iter(keys.trusted_prints(signer))))"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    printed = [process.communicate(timeout=PATIENCE)[0] for process in both]
    assert len(set(printed)) == 1 and printed[0].strip()


def test_a_key_from_the_environment_signs_and_leaves_no_file(
    signer: Signer, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "signing.pub").write_bytes(public(key))
    chosen = another(signer, private_key_env="TEST_KEY", public_key="signing.pub")
    with pytest.raises(SettingsError, match="TEST_KEY, which is not set"):
        signing.ready(chosen)
    monkeypatch.setenv("TEST_KEY", pem(key).decode())
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    signing.sign(folder, chosen)
    assert "signing.pub" in signing.check(folder, chosen)
    assert not list(place.iterdir())
    assert not (signer.state / keys.PRIVATE).exists()


def test_a_key_that_nobody_would_trust_is_refused_before_it_signs(
    signer: Signer, tmp_path: Path
) -> None:
    mine, theirs = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    (tmp_path / "mine.pem").write_bytes(pem(mine))
    (tmp_path / "theirs.pub").write_bytes(public(theirs))
    with pytest.raises(SettingsError, match=r"does not belong to .*theirs.pub"):
        signing.ready(another(signer, private_key="mine.pem", public_key="theirs.pub"))


KEYS: dict[str, Callable[[], bytes]] = {
    "of another curve": lambda: pem(ec.generate_private_key(ec.SECP384R1())),
    "RSA": lambda: pem(rsa.generate_private_key(65537, 2048)),
    "with a password": lambda: pem(ec.generate_private_key(ec.SECP256R1()), b"secret"),
    "no key": lambda: b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n",
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("kind", KEYS)
def test_what_is_no_such_key_is_named_and_never_shown(
    signer: Signer, tmp_path: Path, kind: str
) -> None:
    content = KEYS[kind]()
    (tmp_path / "key.pem").write_bytes(content)
    with pytest.raises(SettingsError, match="EC P-256 key as PEM") as told:
        signing.ready(another(signer, private_key="key.pem"))
    lines = [line for line in content.decode().splitlines() if len(line) > 6]
    assert not any(line in str(told.value) for line in lines)


def test_a_missing_public_key_is_a_setting_if_named_and_else_no_evidence(
    signer: Signer, folder: Path, tmp_path: Path
) -> None:
    signing.sign(folder, signer)
    with pytest.raises(SettingsError, match=r"public_key = 'gone.pub'"):
        signing.check(folder, another(signer, public_key="gone.pub"))
    (tmp_path / "text.pub").write_text("hello")
    with pytest.raises(SettingsError, match="is no public key"):
        signing.check(folder, another(signer, public_key="text.pub"))
    signer.trusted[0].unlink()
    with pytest.raises(CouldNotEvaluate, match="no public key to check signatures with"):
        signing.check(folder, signer)
    assert not signer.trusted[0].exists()  # to look is not to make one


def test_keyless_without_identity_terminal_or_network_says_so(
    signer: Signer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GITHUB_ACTIONS", "GITLAB_CI", "CIRCLECI", "BUILDKITE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError, match="needs identity"):
        signing.ready(another(signer, method="keyless"))
    chosen = another(signer, method="keyless", identity="a@example.org", issuer="https://example")
    with pytest.raises(CouldNotEvaluate, match="no identity to sign with"):
        signing.sign(folder, chosen)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")  # where nobody listens
    monkeypatch.setenv("GITLAB_CI", "true")
    monkeypatch.setenv("SIGSTORE_ID_TOKEN", "test data")
    with pytest.raises(CouldNotEvaluate, match="Sigstore cannot be used"):
        signing.sign(folder, chosen)
    assert not (folder / signing.SIGNATURE).exists()


def test_a_signature_of_the_other_method_is_refused(signer: Signer, folder: Path) -> None:
    chosen = another(signer, method="keyless", identity="a@example.org", issuer="https://example")
    signing.sign(folder, signer)
    with pytest.raises(IntegrityError, match="was signed with a key"):
        signing.check(folder, chosen)
    path = folder / signing.SIGNATURE
    content = json.loads(path.read_text())
    content["verificationMaterial"] = {"certificate": {"rawBytes": ""}, "tlogEntries": []}
    path.write_text(json.dumps(content))
    with pytest.raises(IntegrityError, match="by an identity, without a key"):
        signing.check(folder, signer)


def test_a_keyless_signature_cannot_be_checked_without_a_network(
    signer: Signer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = another(signer, method="keyless", identity="a@example.org", issuer="https://example")
    signing.sign(folder, signer)
    path = folder / signing.SIGNATURE
    content = json.loads(path.read_text())
    content["verificationMaterial"] = {"certificate": {"rawBytes": ""}, "tlogEntries": []}
    path.write_text(json.dumps(content))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with pytest.raises(CouldNotEvaluate, match="need a network"):
        signing.check(folder, chosen)


def test_without_signatures_nothing_is_signed_and_nothing_checked(
    signer: Signer, folder: Path
) -> None:
    chosen = another(signer, method="none")
    signing.ready(chosen)
    signing.sign(folder, chosen)
    assert not (folder / signing.SIGNATURE).exists()
    assert not list(signer.state.iterdir())
    with pytest.raises(SettingsError, match="method = 'none'"):
        signing.check(folder, chosen)
