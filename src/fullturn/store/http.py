"""A plain HTTP connection to an MLflow server: no proxy, logins from the environment only.

Anything but a plain answer (a network error, a refused login, a redirect) is left to MLflow's
client, which retries and whose errors are known.
"""

from __future__ import annotations

import base64
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from fullturn.core.proxies import proxy_for
from fullturn.store.reading import Unsure

if TYPE_CHECKING:
    import ssl

    import httpx

TIMEOUT = 10.0
"""Timeout in seconds; after it MLflow's client is used, which waits longer."""
API = "/api/2.0/mlflow/"
LOGIN = "/api/2.0/mlflow/users/current"
_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
_PREFIX = "MLFLOW_TRACKING_"
_KNOWN = frozenset({"URI", "USERNAME", "PASSWORD", "TOKEN", "INSECURE_TLS", "SERVER_CERT_PATH"})
"""Environment variables, after MLFLOW_TRACKING_, that are supported here."""
_PASSWORDS = (".mlflow/credentials", ".netrc", "_netrc")
"""Files in the home folder that are not."""
_GONE = "RESOURCE_DOES_NOT_EXIST"


class Server:
    """An MLflow server; raises Unsure where MLflow's client has to be used."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    @classmethod
    def of(cls, uri: str) -> Server | None:
        """The server at an address; None if reaching it takes more than is supported here."""
        parts = urlsplit(uri)
        known = {f"{_PREFIX}{name}" for name in _KNOWN}
        named = {name for name, value in os.environ.items() if name.startswith(_PREFIX) and value}
        if not parts.hostname or parts.username or named - known or "NETRC" in os.environ:
            return None
        if proxy_for(uri):
            return None
        files = (Path.home() / name for name in _PASSWORDS)
        return None if any(file.exists() for file in files) else cls(uri)

    def one(self, what: str, part: str, **params: Any) -> dict[str, Any] | None:
        """One part of an answer of the API; None if the thing does not exist."""
        found = self.ask("GET", API + what, params=params)
        if found.get("error_code") == _GONE:
            return None
        if not isinstance(found.get(part), dict):
            raise Unsure(f"{what}: no {part}")
        return found[part]  # type: ignore[no-any-return]

    def ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        """An answer in JSON; also "404, RESOURCE_DOES_NOT_EXIST", as it is."""
        with _no_error():
            answer = self._client.request(method, path, **more)
            found = answer.json()
        gone = isinstance(found, dict) and found.get("error_code") == _GONE
        if not isinstance(found, dict) or answer.status_code != (404 if gone else 200):
            raise Unsure(f"{path}: {answer.status_code}")
        return found

    def login(self) -> str | None:
        """The name that the server itself gives to this login; None if it has no logins."""
        with _no_error():
            answer = self._client.request("GET", LOGIN)
            if answer.status_code == 404:
                return None
            found = answer.json()
        if answer.status_code != 200:
            raise Unsure(f"{LOGIN}: {answer.status_code}")
        return name_of(found)

    def listed(self, path: str) -> list[dict[str, Any]]:
        """The entries of a folder in the artifact store that the server proxies."""
        return list(self.ask("GET", _ARTIFACTS, params={"path": path}).get("files", ()))

    def download(self, artifact: str, to: Path) -> None:
        """Fetch a file of that artifact store."""
        with (
            _no_error(),
            self._client.stream("GET", f"{_ARTIFACTS}/{quote(artifact)}") as answer,
            to.open("wb") as file,
        ):
            if answer.status_code != 200:
                raise Unsure(f"{artifact}: {answer.status_code}")
            for piece in answer.iter_bytes():
                file.write(piece)

    @cached_property
    def _client(self) -> httpx.Client:
        import httpx

        secure = urlsplit(self.uri).scheme == "https"
        client = httpx.Client(
            base_url=self.uri.rstrip("/"),
            headers=_login(),
            timeout=TIMEOUT,
            verify=_trusted() if secure else False,
            trust_env=False,
        )
        weakref.finalize(self, client.close)
        return client


def name_of(found: Any) -> str | None:
    """The name in MLflow's answer to who is logged in."""
    user = found.get("user") if isinstance(found, dict) else None
    name = user.get("username") if isinstance(user, dict) else None
    return str(name) if name else None


def _login() -> dict[str, str]:
    """The header that logs in, as MLflow's client sends it."""
    name, password, token = (_variable(name) for name in ("USERNAME", "PASSWORD", "TOKEN"))
    if name and password:
        both = base64.standard_b64encode(f"{name}:{password}".encode()).decode()
        return {"Authorization": f"Basic {both}"}
    return {"Authorization": f"Bearer {token}"} if token else {}


def _trusted() -> ssl.SSLContext | bool:
    """Which certificates are trusted: the same as by MLflow's client."""
    import ssl

    if _variable("INSECURE_TLS").lower() in ("true", "1"):
        return False
    others = (os.environ.get(name, "") for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"))
    place = next((Path(one) for one in (_variable("SERVER_CERT_PATH"), *others) if one), None)
    if place is None:
        return True
    with _no_error():
        if place.is_dir():
            return ssl.create_default_context(capath=place)
        return ssl.create_default_context(cafile=place)


def _variable(name: str) -> str:
    return os.environ.get(_PREFIX + name, "")


@contextmanager
def _no_error() -> Iterator[None]:
    import httpx

    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise Unsure(str(error)) from error
