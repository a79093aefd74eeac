"""The key pair of a project: created at first use, never shown; and the public keys it trusts."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fullturn.core import redaction
from fullturn.core.addresses import beside
from fullturn.core.errors import CouldNotEvaluate, SettingsError
from fullturn.core.settings import SigningSettings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePrivateKey,
        EllipticCurvePublicKey,
    )

PRIVATE, PUBLIC = "keys/signing.pem", "keys/signing.pub"
"""In the project's state; the first never leaves it."""
_SHORT = 12


@dataclass(frozen=True, slots=True)
class Signer:
    """How a project signs, and where its keys are."""

    settings: SigningSettings
    root: Path
    state: Path

    @property
    def trusted(self) -> tuple[Path, ...]:
        """The files of the public keys that count."""
        named = self.settings.public_key or ()
        names = (named,) if isinstance(named, str) else named
        return tuple(beside(self.root, name) for name in names) or (self.state / PUBLIC,)


def fingerprint(pem: bytes) -> str:
    """The sha256 of a public key as PEM, by which a signature names its key."""
    return hashlib.sha256(pem).hexdigest()


def prints(trusted: Mapping[str, Path]) -> str:
    """Trusted keys, as a person compares them."""
    return ", ".join(f"{path} ({shortened(one)})" for one, path in trusted.items())


@dataclass(frozen=True, slots=True)
class MachineKey:
    """The private key that this machine signs with."""

    key: str
    """Fingerprint of its public key."""
    _pem: bytes = field(repr=False)

    def sign(self, content: bytes) -> str:
        """The signature (ECDSA over sha256), in base64."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        signature = _read_private(self._pem).sign(content, ec.ECDSA(hashes.SHA256()))
        return base64.b64encode(signature).decode()


def machine_key(signer: Signer) -> MachineKey | None:
    """The key that this machine signs with, trusted elsewhere or not: the one in the settings, or
    its own where that is not here, as it is only for CI. None for method "none".

    Raises:
        SettingsError: it cannot be read, or is no such key.
    """
    settings = signer.settings
    if settings.method == "none":
        return None
    variable, file = settings.private_key_env, settings.private_key
    present = {
        "private_key_env": variable if variable and os.environ.get(variable) else None,
        "private_key": file if file and beside(signer.root, file).exists() else None,
    }
    mine = replace(signer, settings=settings.model_copy(update=present))
    with _private_file(mine) as (path, named):
        return MachineKey(fingerprint(_published(mine, path, named)), path.read_bytes())


def is_valid(signer: Signer, key: str, content: bytes, signature: str) -> bool | None:
    """Whether a signature of `MachineKey` is valid; None if its public key is not here, neither
    among the trusted ones nor as this machine's own."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    for path in (*signer.trusted, signer.state / PUBLIC):
        try:
            public = _read_public(path.read_bytes())
        except (OSError, ValueError):
            continue
        if fingerprint(_public_pem(public)) != key:
            continue
        try:
            public.verify(base64.b64decode(signature), content, ec.ECDSA(hashes.SHA256()))
        except (InvalidSignature, ValueError):
            return False
        return True
    return None


def shortened(print_of: str) -> str:
    """As much of a fingerprint as a person compares."""
    return print_of[:_SHORT]


def trusted_prints(signer: Signer) -> dict[str, Path]:
    """The keys that are trusted: the file of each, by its fingerprint.

    Raises:
        SettingsError: the setting names a file that is no public key.
        CouldNotEvaluate: no key is named, and none was made here.
    """
    return {_print_of(signer, path): path for path in signer.trusted}


def _as_named(signer: Signer, path: Path) -> str:
    named = signer.settings.public_key or ""
    names = (named,) if isinstance(named, str) else named
    return next((name for name in names if beside(signer.root, name) == path), str(path))


def _print_of(signer: Signer, path: Path) -> str:
    try:
        return fingerprint(_public_pem(_read_public(path.read_bytes())))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        if signer.settings.public_key:
            raise SettingsError(
                f"public_key = '{_as_named(signer, path)}' in [signing]: {path} is no public "
                f"key that can be read ({reason}); copy the signer's {PUBLIC} there"
            ) from None
        raise CouldNotEvaluate(
            f"no public key to check signatures with: {path} cannot be read ({reason}); put the "
            "signer's signing.pub into Git, and name it with public_key in [signing]"
        ) from None


@contextmanager
def private_key(signer: Signer) -> Iterator[Path]:
    """The file of the private key, for the length of a `with` block.

    A key from an environment variable is written to a private folder for that long; the local key
    is created if there is none.

    Raises:
        SettingsError: it cannot be read, is no such key, or is not that of the trusted public key.
    """
    with _private_file(signer) as (path, named):
        _check_pair(signer, path, named)
        yield path


@contextmanager
def _private_file(signer: Signer) -> Iterator[tuple[Path, str]]:
    """The file of the private key, and what it is called in messages."""
    settings = signer.settings
    if settings.private_key_env:
        pem = os.environ.get(settings.private_key_env, "")
        if not pem.strip():
            raise SettingsError(
                f"private_key_env in [signing] names the environment variable "
                f"{settings.private_key_env}, which is not set; set it to the private key (PEM)"
            )
        redaction.note(pem)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "signing.pem"
            _write(path, (pem.strip() + "\n").encode(), 0o600)
            yield path, f"the key in {settings.private_key_env}"
        return
    named = settings.private_key
    path = beside(signer.root, named) if named else _local(signer)
    yield path, str(path)


def _local(signer: Signer) -> Path:
    """The key in `state`; of two processes that make one, both use the first."""
    path = signer.state / PRIVATE
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o700)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            made = Path(folder) / "signing.pem"
            _write(made, _new_pem(), 0o600)
            if not path.exists():
                _link(made, path)
    return path


def _link(made: Path, path: Path) -> None:
    try:
        os.link(made, path)
    except FileExistsError:
        return
    except OSError:  # a file system without links
        made.replace(path)


def _public_part(path: Path, named: str) -> bytes:
    """The public key of a private key's file, as PEM. Raises SettingsError."""
    try:
        return _public_pem(_read_private(path.read_bytes()).public_key())
    except (OSError, ValueError, TypeError) as error:
        # What the library says of a key may quote it; only its kind is shown.
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise SettingsError(
            f"{named} is no private key that evidence can be signed with ({reason}): [signing] "
            "needs an EC P-256 key as PEM, without a password"
        ) from None


def _check_pair(signer: Signer, path: Path, named: str) -> None:
    public = _published(signer, path, named)
    mine, trusted = fingerprint(public), trusted_prints(signer)
    if mine not in trusted:
        raise SettingsError(
            f"{named} (its public key: {shortened(mine)}) does not belong to {prints(trusted)}: "
            "nobody would accept its signature; name the key's own public_key in [signing]"
        )


def _published(signer: Signer, path: Path, named: str) -> bytes:
    """The public key of a private key's file; the first one is put into the state."""
    public = _public_part(path, named)
    here = signer.state / PUBLIC
    if not here.exists():
        _publish(here, public)
    return public


def _new_pem() -> bytes:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _read_private(pem: bytes) -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise ValueError("not EC P-256")
    return key


def _read_public(pem: bytes) -> EllipticCurvePublicKey:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = serialization.load_pem_public_key(pem)
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise ValueError("not EC P-256")
    return key


def _public_pem(key: EllipticCurvePublicKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _publish(path: Path, public: bytes) -> None:
    """Whole, or not there: others may be reading it already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / path.name
        _write(made, public, 0o644)
        made.replace(path)


def _write(path: Path, content: bytes, mode: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
