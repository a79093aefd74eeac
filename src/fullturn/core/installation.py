"""How fullturn can be installed where a model is loaded: by name, from Git, or as a file.

Installed from a package index it is named by its version; from Git, by its address and commit.
Anything else, such as a checkout or a wheel of one's own, only this machine has: then its code goes
with the model, and only the packages that it needs are named.
"""

from __future__ import annotations

import ast
import json
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from io import BytesIO
from pathlib import Path
from typing import Any

from fullturn.core.redaction import redacted

PACKAGE = "fullturn"
LOADS_BUNDLES = ("core", "statistics", "store", "llm", "metrics", "subjects")
"""Packages of fullturn that load a bundle and predict."""
NEEDED = (
    *("bm25s", "httpx", "mlflow", "numpy", "orjson", "pandas", "pyarrow", "pydantic"),
    *("pystemmer", "pyyaml", "safetensors", "scikit-learn", "scipy", "skops"),
    *("sqlalchemy", "threadpoolctl", "tokenizers", "wordllama", "xllamacpp"),
)
"""Distributions that they import; those that are not installed here are not needed by a model that
was trained here."""
_KNOWN = {"sklearn": "scikit-learn"}
"""Modules with another name than their distribution, without a look at all that is installed."""
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_DATE = (2020, 1, 1, 0, 0, 0)
"""Of all files in an archive: equal code is an equal archive."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What makes fullturn importable elsewhere."""

    requirements: tuple[str, ...]
    """Lines for pip."""
    needs_code: bool
    """Whether its own code must go along, see `archive`."""


@lru_cache(maxsize=1)
def installation() -> Installation:
    """How this fullturn was installed."""
    named = _named()
    if named is not None:
        return Installation((named, *_pinned(["mlflow"])), needs_code=False)
    return Installation(_pinned(NEEDED), needs_code=True)


def origin() -> Mapping[str, Any]:
    """Where fullturn was installed from, as pip and uv record it (PEP 610, direct_url.json); empty
    for a package index.

    Raises:
        importlib.metadata.PackageNotFoundError: it was not installed.
    """
    try:
        found = json.loads(metadata.distribution(PACKAGE).read_text("direct_url.json") or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def from_git(name: str, direct: Mapping[str, Any]) -> str | None:
    """The requirement of `name` at the commit that an `origin` names; None if it names none."""
    vcs = direct.get("vcs_info") or {}
    if not vcs.get("commit_id"):
        return None
    return redacted(f"{name} @ {vcs['vcs']}+{direct['url']}@{vcs['commit_id']}")


def _named() -> str | None:
    """The line by which pip finds it; None where only this machine has it."""
    try:
        direct = origin()
    except metadata.PackageNotFoundError:
        return None
    if not direct:
        return f"{PACKAGE}=={metadata.version(PACKAGE)}"
    return from_git(PACKAGE, direct)


@lru_cache(maxsize=1)
def archive() -> bytes:
    """A zip file with the code of fullturn that loads bundles, to be put on Python's path."""
    folder, made = _folder(), BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for path in code():
            name = f"{PACKAGE}/{path.relative_to(folder).as_posix()}"
            file.writestr(zipfile.ZipInfo(name, _DATE), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return made.getvalue()


def imported(sources: Iterable[Path], *modules: str) -> tuple[str, ...]:
    """The installed distributions that Python files import, and those of `modules`, pinned;
    fullturn is none of them."""
    names = {one.partition(".")[0] for one in modules}
    for path in sources:
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
        names.update(_imports(tree))
    return _pinned(filter(None, map(_distribution, names - sys.stdlib_module_names - {PACKAGE})))


def merged(*lines: Iterable[str]) -> tuple[str, ...]:
    """Requirements, one for each distribution: a later one replaces an earlier one."""
    by_name: dict[str, str] = {}
    for line in (one for part in lines for one in part):
        found = _NAME.match(line)
        if found:
            by_name[normal(found[1])] = line.strip()
    return tuple(by_name[name] for name in sorted(by_name))


def normal(name: str) -> str:
    """A distribution's name in its one spelling (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _distribution(module: str) -> str | None:
    """The distribution that a module belongs to; None if it belongs to none that is installed."""
    name = _KNOWN.get(module, module)
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return next(iter(_distributions().get(module, ())), None)
    return name


@lru_cache(maxsize=1)
def _distributions() -> Mapping[str, Sequence[str]]:
    return metadata.packages_distributions()


def code() -> list[Path]:
    """The files of fullturn that load a bundle."""
    inside = (path for part in LOADS_BUNDLES for path in sorted((_folder() / part).rglob("*")))
    return [
        _folder() / "__init__.py",
        *(path for path in inside if path.is_file() and "__pycache__" not in path.parts),
    ]


def _folder() -> Path:
    return Path(__file__).parents[1]


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _pinned(required: Iterable[str]) -> tuple[str, ...]:
    """Each requirement at the version that is installed; one that is not is left out."""
    found = {}
    for line in required:
        match = _NAME.match(line)
        if match:
            try:
                found[normal(match[1])] = f"{match[1]}=={metadata.version(match[1])}"
            except metadata.PackageNotFoundError:
                continue
    return tuple(found[name] for name in sorted(found))
