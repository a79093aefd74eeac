"""An environment for one model: the Python and the packages that its files declare.

It is made with uv in the user's cache, once for all models that declare the same, and found again
by the digest of what they declare. Models without pickle get wheels only, so that installing their
requirements runs no code either.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from fullturn.core import uv
from fullturn.core.errors import AppError, CouldNotEvaluate
from fullturn.core.redaction import redacted

REQUIREMENTS, PYTHON_ENV = "requirements.txt", "python_env.yaml"
_PYTHON = re.compile(r"^python:\s*['\"]?(\d+\.\d+)", re.MULTILINE)
_VERSION = re.compile(r"^version_info\s*=\s*(\d+\.\d+\.\d+)", re.MULTILINE)
_NAME = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_INSTALL_SECONDS = 1800.0
_DONE = "complete.json"


@dataclass(frozen=True, slots=True)
class Declared:
    """What a model needs."""

    requirements: tuple[str, ...]
    """As in requirements.txt, in its order; with what the model process itself needs."""
    python: str | None
    """Such as 3.11; None if it says nothing."""
    builds: bool
    """Whether packages may be built, which runs their code."""

    @property
    def digest(self) -> str:
        """Of all of it, and of the machine's kind."""
        content = [*self.requirements, self.python or _own_python(), self.builds, sys.platform]
        return hashlib.sha256(json.dumps([*content, os.uname().machine]).encode()).hexdigest()


def declared(folder: Path, *, builds: bool) -> Declared:
    """What the files of a model declare.

    Without a requirements.txt, that is MLflow alone; one that does not name MLflow gets the
    version that is installed here.
    """
    path, environment = folder / REQUIREMENTS, folder / PYTHON_ENV
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    lines = [line.strip() for line in text.splitlines()]
    named = [line for line in lines if line and not line.startswith("#")]
    known = {_normal(match[1]) for line in named if (match := _NAME.match(line))}
    if "mlflow" not in known:
        named.append(f"mlflow=={version('mlflow')}")
    if "pyarrow" not in known:
        named.append("pyarrow")
    python = None
    if environment.is_file():
        found = _PYTHON.search(environment.read_text(encoding="utf-8", errors="replace"))
        python = found[1] if found else None
    return Declared(tuple(named), python, builds)


def python_of(name: str, needs: Declared) -> Path:
    """The Python of an environment that has what a model needs; made if there is none yet.

    `name` is what errors call the model.

    Raises:
        AppError: a requirement cannot be installed, or there is no such Python.
        CouldNotEvaluate: uv is not installed.
    """
    folder = _cache() / needs.digest[:32]
    python = folder / "bin" / "python"
    if (folder / _DONE).exists() and python.exists():
        return python
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_suffix(".lock")):
        if not (folder / _DONE).exists():
            shutil.rmtree(folder, ignore_errors=True)  # of an attempt that was interrupted
            _make(name, folder, needs)
    return python


def is_made(needs: Declared) -> bool:
    """Whether there is an environment for this already."""
    return (_cache() / needs.digest[:32] / _DONE).exists()


def packages(python: Path) -> str:
    """What is installed in an environment, a line `name==version` each, and its Python."""
    folder = python.parents[1]
    found = sorted(path.name for path in folder.glob("lib/python*/site-packages/*.dist-info"))
    pairs = (name.removesuffix(".dist-info").partition("-") for name in found)
    own = _VERSION.search((folder / "pyvenv.cfg").read_text(encoding="utf-8"))
    return "\n".join(
        [
            *([f"python=={own[1]}"] if own else []),
            *(f"{_normal(name)}=={number}" for name, _, number in pairs),
        ]
    )


def compile_modules(python: Path, modules: Sequence[str]) -> None:
    """Import modules of MLflow once, as a model process does, so that the next start is faster."""
    ours = [name for name in modules if name.partition(".")[0] == "mlflow"]
    _run([str(python), "-I", "-X", pycache(python), "-c", f"import {', '.join(ours)}"])


def pycache(python: Path) -> str:
    """The option of Python that writes compiled modules beside an environment: never into the
    model's folder, whose files are compared."""
    return f"pycache_prefix={python.parents[1] / 'compiled'}"


def _make(name: str, folder: Path, needs: Declared) -> None:
    uv, wanted = _uv(), needs.python or _own_python()
    interpreter = sys.executable if wanted == _own_python() else wanted
    made = _run([uv, "venv", "--quiet", "--python", interpreter, str(folder)])
    if made.returncode:
        raise AppError(
            f"{name} declares Python {wanted} in {PYTHON_ENV}, which is not available: "
            f"{_last(made.stderr)}; install it, or set [model] env = 'local' in fullturn.toml"
        )
    listing = folder / REQUIREMENTS
    listing.write_text("\n".join([*needs.requirements, ""]), encoding="utf-8")
    words = [uv, "pip", "install", "--quiet", "--system-certs", "--python", str(folder)]
    words += ["--requirements", str(listing), *([] if needs.builds else ["--no-build"])]
    installed = _run(words)
    if installed.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        raise AppError(_not_installed(name, needs, installed.stderr))
    text = json.dumps({"requirements": needs.requirements, "python": wanted}, indent=1)
    (folder / _DONE).write_text(text, encoding="utf-8")


def _not_installed(name: str, needs: Declared, said: str) -> str:
    """Which requirement it was, as far as uv says so, and why."""
    text = " ".join(said.split())
    at_fault = [line for line in needs.requirements if _is_named(line, text)]
    what = f"'{at_fault[0]}'" if at_fault else "something"
    return (
        f"{name} declares {what} in {REQUIREMENTS}, which cannot be installed: {_last(said)}; "
        "correct it and register the model again, or set [model] env = 'local' in fullturn.toml "
        "to use the packages that are installed here"
    )


def _is_named(requirement: str, said: str) -> bool:
    match = _NAME.match(requirement)
    if match is None:  # an address, or an option
        return requirement in said
    name = _normal(match[1])
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", _normal(said)) is not None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _last(said: str) -> str:
    """What uv says, on one line and without its marks."""
    text = re.sub(r"[×╰─▶│├]+", " ", said)
    return redacted(" ".join(text.split())[:300])


def _run(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    try:
        return subprocess.run(
            words, capture_output=True, text=True, check=False, env=environment,
            timeout=_INSTALL_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        late = f"{words[1]} did not end within {_INSTALL_SECONDS:.0f} s"
        return subprocess.CompletedProcess(words, 1, "", late)


def _uv() -> str:
    """The program uv: beside this Python, or on the path.

    Raises:
        CouldNotEvaluate: it is not installed.
    """
    found = uv.executable()
    if found is None:
        raise CouldNotEvaluate(
            "[model] env = 'isolated' needs uv, which is not installed: `pip install uv`"
        )
    return found


def _own_python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _cache() -> Path:
    """Where the environments are: `fullturn/models` in the user's cache."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "fullturn" / "models"


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Wait until no other process makes the same environment."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
