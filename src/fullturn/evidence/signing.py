"""Sign a folder, and check its signature, with OpenSSF model signing.

The signature is a Sigstore bundle over the sha256 of every file in the folder, so that other
tools can check it too: `model_signing verify key DIR --signature DIR/signature.json
--public_key signing.pub`.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fullturn.core import extras
from fullturn.core.errors import (
    CouldNotEvaluate,
    FullturnError,
    IntegrityError,
    SettingsError,
)
from fullturn.core.settings import SigningSettings
from fullturn.core.wording import listed
from fullturn.evidence.keys import (
    PUBLIC,
    Signer,
    prints,
    private_key,
    shortened,
    trusted_prints,
)

SIGNATURE = "signature.json"


@dataclass(frozen=True, slots=True)
class Signature:
    """What a signature states before anything is checked: a key's fingerprint, or None for a
    certificate, and the sha256 of each file."""

    key: str | None
    files: dict[str, str]


UNSIGNED = (
    "the package 'model_signing' is not installed: pip install 'fullturn[signing]', or set "
    "method = 'none' in [signing]"
)
"""Why evidence has no signature, although nobody decided so."""


def will_sign(settings: SigningSettings) -> bool:
    """Whether evidence gets a signature: by default if the extra `signing` is installed, and
    without it only if [signing] asks for one, which `require_library` then refuses."""
    if settings.method == "none":
        return False
    return bool(settings.model_fields_set) or extras.has("model_signing")


def is_unsigned_by_default(settings: SigningSettings) -> bool:
    """Whether evidence has no signature although nobody decided so."""
    return settings.method != "none" and not will_sign(settings)


def require_library(settings: SigningSettings, *, needed: bool = False) -> None:
    """Make sure that the extra `signing` is installed, if [signing] asks for signatures, or they
    are `needed` as only signed evidence is accepted.

    Raises:
        SettingsError: it is not.
    """
    if will_sign(settings) or (needed and settings.method != "none"):
        extras.require("model_signing", ", or set method = 'none' in [signing]")


def ready(signer: Signer) -> None:
    """Make sure that `sign` can work, before anything depends on it.

    Raises:
        SettingsError: a key or a setting is missing or wrong, or the extra is not installed.
    """
    require_library(signer.settings)
    if not will_sign(signer.settings):
        return
    if signer.settings.method == "keyless":
        _identity(signer)
    elif signer.settings.method == "key":
        with private_key(signer):
            pass


def sign(folder: Path, signer: Signer) -> None:
    """Sign every file of a folder; the signature is put beside them. Nothing for method "none", nor
    without the extra where [signing] does not ask for signatures.

    Raises:
        SettingsError: see `ready`.
        CouldNotEvaluate: keyless, and Sigstore does not answer.
    """
    if not will_sign(signer.settings):
        return
    ready(signer)
    config = _library("signing").Config().set_hashing_config(_hashing())
    if signer.settings.method == "keyless":
        with _sigstore():
            config.use_sigstore_signer(identity_token=_identity_token())
            config.sign(folder, folder / SIGNATURE)
        return
    with private_key(signer) as path:
        config.use_elliptic_key_signer(private_key=path).sign(folder, folder / SIGNATURE)


def check(folder: Path, signer: Signer) -> str:
    """Whose signature is valid for the folder.

    Raises:
        IntegrityError: there is none, a file was changed, or somebody else signed.
        SettingsError: a setting is missing or wrong.
        CouldNotEvaluate: there is no key to check with, or Sigstore does not answer.
    """
    if signer.settings.method == "none":
        raise SettingsError("method = 'none' in [signing]: there is no signature to check")
    stated = read(folder)
    if (stated.key is None) != (signer.settings.method == "keyless"):
        how = "by an identity, without a key" if stated.key is None else "with a key"
        raise IntegrityError(
            f"it was signed {how}, and [signing] asks for method = '{signer.settings.method}'"
        )
    return _check_keyless(folder, signer) if stated.key is None else _check_key(folder, signer)


def has_signature(folder: Path) -> bool:
    """Whether there is one beside the files, valid or not."""
    return (folder / SIGNATURE).exists()


def read(folder: Path) -> Signature:
    """What the signature beside the files states; nothing of it is checked.

    Raises:
        IntegrityError: there is none, or it is damaged.
    """
    path = folder / SIGNATURE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        material = content["verificationMaterial"]
        key = material["publicKey"]["hint"] if "publicKey" in material else None
        statement = json.loads(base64.b64decode(content["dsseEnvelope"]["payload"]))
        files = {str(one["name"]): str(one["digest"]) for one in _resources(statement)}
    except FileNotFoundError:
        raise IntegrityError(f"there is no {SIGNATURE}") from None
    except (OSError, ValueError, TypeError, LookupError, RecursionError) as error:
        raise IntegrityError(f"{SIGNATURE} is damaged ({type(error).__name__})") from None
    return Signature(key, files)


def _resources(statement: Any) -> list[dict[str, Any]]:
    return list(statement["predicate"]["resources"])


def _check_key(folder: Path, signer: Signer) -> str:
    stated, trusted = str(read(folder).key), trusted_prints(signer)
    if stated not in trusted:
        if signer.settings.public_key is None:
            raise CouldNotEvaluate(
                f"the key {shortened(stated)} of another machine signed it, and its public key is "
                f"not here, where only {prints(trusted)} is: put that machine's {PUBLIC} into Git, "
                "and name it with public_key in [signing]"
            )
        raise IntegrityError(
            f"the key {shortened(stated)} signed it, and those that are trusted are "
            f"{prints(trusted)}"
        )
    config = _library("verifying").Config().set_hashing_config(_hashing())
    config.use_elliptic_key_verifier(public_key=trusted[stated])
    _verify(config, folder)
    return f"key {shortened(stated)} of {_named(signer, trusted[stated])}"


def _check_keyless(folder: Path, signer: Signer) -> str:
    identity, issuer = _identity(signer)
    config = _library("verifying").Config().set_hashing_config(_hashing())
    with _sigstore():
        config.use_sigstore_verifier(identity=identity, oidc_issuer=issuer)
    _verify(config, folder)
    return f"{identity}, by {issuer}"


def _verify(config: Any, folder: Path) -> None:
    """Raises IntegrityError for whatever the library does not accept, also if it stumbles over it:
    the file comes from outside."""
    try:
        config.verify(folder, folder / SIGNATURE)
    except Exception as error:  # noqa: BLE001  what a damaged signature can raise is not documented
        reason = _changed(folder) or f"the signature is not valid ({type(error).__name__})"
        raise IntegrityError(reason) from None


def _changed(folder: Path) -> str:
    """Which files are not as the signature states, in words; empty if all are."""
    stated = read(folder).files
    present = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }
    present.pop(SIGNATURE, None)
    problems = [f"'{name}' is missing" for name in sorted(stated.keys() - present.keys())]
    problems += [f"'{name}' was added" for name in sorted(present.keys() - stated.keys())]
    problems += [
        f"'{name}' was changed"
        for name in sorted(stated.keys() & present.keys())
        if present[name].is_symlink() or _sha256(present[name]) != stated[name]
    ]
    return listed(problems) if problems else ""


def _named(signer: Signer, key: Path) -> str:
    if signer.settings.public_key:
        return str(key.relative_to(signer.root) if key.is_relative_to(signer.root) else key)
    return f"this machine ({key.name} in its state)"


def _identity(signer: Signer) -> tuple[str, str]:
    identity, issuer = signer.settings.identity, signer.settings.issuer
    if identity is None or issuer is None:
        lacking = "identity" if identity is None else "issuer"
        raise SettingsError(
            f"method = 'keyless' in [signing] needs {lacking}: say who must have signed, and "
            "which OpenID Connect issuer vouches for it"
        )
    return identity, issuer


def _identity_token() -> str | None:
    """What a CI platform vouches with; None if a person can sign in, in a browser, instead."""
    from sigstore.oidc import detect_credential

    token = detect_credential()
    if token is None and not sys.stdin.isatty():
        raise CouldNotEvaluate(
            "no identity to sign with: no CI platform vouches for one (GitHub: permission "
            "`id-token: write`), and nobody is at a terminal to sign in; or set method = 'key' "
            "in [signing]"
        )
    return token


@contextlib.contextmanager
def _sigstore() -> Iterator[None]:
    try:
        yield
    except FullturnError:
        raise
    except Exception as error:
        cause = error.__cause__ or error.__context__
        detail = f": {cause}" if cause and str(cause) else ""
        raise CouldNotEvaluate(
            f"Sigstore cannot be used ({error}{detail}): keyless signatures need a network, and "
            "for signing an identity; try again, or set method = 'key' in [signing]"
        ) from error


def _hashing() -> Any:
    """Every file counts, those of Git too, which the library would leave out."""
    config = _library("hashing").Config()
    return config.set_ignored_paths(paths=[Path(SIGNATURE)], ignore_git_paths=False)


def _library(part: str) -> Any:
    """A module of model-signing; the first takes 0.3 s."""
    return extras.module(f"model_signing.{part}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
