"""What kind of place an address of MLflow names, and where the files of its runs belong.

A server stores files itself. A database does not: clients that write to one must also know where
files go; otherwise the files stay on one machine, and the other machines see only their names.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

from fullturn.core.errors import SettingsError

Kind = Literal["sqlite", "database", "server"]
"""A SQLite file of one machine; a database that many machines may use; anything else that MLflow,
or a plugin of it, talks to."""
_DATABASES = ("postgresql", "mysql", "mssql")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_SQLITE = "sqlite:///"
_MEANT = {"postgres": "postgresql", "sqlserver": "mssql"}
_CHOICES = (
    "leave it out for a SQLite file in the project, or name a server (https://…), a database "
    "(postgresql://…) or a file of SQLite (sqlite:////folder/mlflow.db)"
)


def normal(uri: str) -> str:
    """The address with its scheme in lower case, as MLflow understands it."""
    match = _SCHEME.match(uri)
    return uri[: match.end()].lower() + uri[match.end() :] if match else uri


def anchored(uri: str, base: Path) -> str:
    """The normal address; the file of a SQLite database is relative to `base`, not to the folder
    in which somebody happens to type."""
    found = normal(uri)
    path = found.removeprefix(_SQLITE)
    if path == found or not path or path[0] in "/:" or path.startswith("file:"):
        return found
    return f"{_SQLITE}{base.resolve() / path}"


def kind_of(uri: str) -> Kind:
    """What an address names.

    Raises:
        SettingsError: a folder, which MLflow no longer writes to, or nothing that it knows.
    """
    match = _SCHEME.match(uri)
    scheme = match[1].lower().partition("+")[0] if match else uri
    if scheme in _MEANT:
        raise SettingsError(f"tracking_uri begins with '{scheme}:'; write '{_MEANT[scheme]}:'")
    if (match is None and uri != "databricks") or scheme == "file":
        raise SettingsError(
            f"tracking_uri = '{uri}' is a folder, which MLflow no longer writes to; {_CHOICES}"
        )
    if scheme == "sqlite":
        return "sqlite"
    return "database" if scheme in _DATABASES else "server"


def beside(root: Path, name: str) -> Path:
    """The file or folder that a setting names: relative to the project, wherever a command is
    typed; `~` is the user's home."""
    return root / Path(name).expanduser()


def absolute(place: str, base: Path) -> str:
    """A place for files: a folder is relative to `base`, anything else is an address already."""
    if _SCHEME.match(place) and not place.startswith("file:"):
        return place.rstrip("/")
    folder = place.removeprefix("file:")
    return str(beside(base, folder.removeprefix("//")).resolve())


def artifact_location(root: str, name: str) -> str:
    """The address of an experiment's files below a root; a folder is made there.

    Raises:
        SettingsError: the root is a folder that is not there.
    """
    if _SCHEME.match(root):
        return f"{root}/{name}"
    if not Path(root).is_dir():
        raise SettingsError(
            f"artifact_root: there is no folder {root} on this machine; create it, or mount the "
            "share that it is on"
        )
    folder = Path(root) / name
    folder.mkdir(exist_ok=True)
    return folder.as_uri()


def is_elsewhere(location: str) -> bool:
    """Whether files go to a folder that, like its parent, does not exist on this machine."""
    match = _SCHEME.match(location)
    if match and match[1] != "file":
        return False
    folder = Path(url2pathname(urlsplit(location).path) if match else location)
    return not (folder.is_dir() or folder.parent.is_dir())
