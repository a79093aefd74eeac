"""Who may ask: the token, and what keeps web pages of strangers away from a server without one.

A page in a browser can send requests to any server that its user reaches, also on this machine:
a form or `fetch` with the content type text/plain needs no permission, and a DNS name that changes
its address (DNS rebinding) makes a stranger's page the server's own. So bodies must be declared as
JSON (in MLflow's protocol also as CSV or Parquet), which a browser asks permission for; the Host
must be a name of this server; and a request from a page of another origin is refused, unless
`[serving] cors_origins` allows it.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import socket
from collections.abc import Iterable, Mapping

from starlette.types import Scope

from fullturn.core.settings import ServingSettings
from fullturn.core.wording import cut
from fullturn.serving.replies import Refusal

_JSON = re.compile(rb"\s*application/(?:[\w.+-]+\+)?json\s*(?:;.*)?", re.IGNORECASE)
Headers = Mapping[bytes, bytes]
_REMEMBERED = 1000
"""Hosts that were found to be known, at most; anybody can send new ones."""


class Access:
    """Checks the head of a request, before its body is read."""

    def __init__(self, settings: ServingSettings, token: str | None) -> None:
        self._token = token.encode() if token is not None else None
        self._body_bytes = settings.body_bytes
        self._hosts = Hosts((settings.host, *settings.allowed_hosts))
        self._origins = {origin.encode() for origin in settings.cors_origins}

    def check(self, scope: Scope, *, needs_token: bool, has_body: bool) -> Headers:
        """Let a request pass; returns its headers.

        Raises:
            Refusal: 401 without the token, 403 from another origin, 413 for a body that is
                declared too large, 415 for a compressed one, 421 for an unknown host.
        """
        headers: Headers = dict(scope["headers"])
        header = headers.get
        if self._token is None:
            host = header(b"host")
            if host not in self._hosts.known:
                self._check_host(host)
        elif needs_token:
            self._check_token(header(b"authorization", b""))
        origin = header(b"origin")
        if origin is not None:
            self._check_origin(origin, header(b"host", b""))
        if has_body:
            length = header(b"content-length")
            if length is not None and int(length) > self._body_bytes:
                raise Refusal(413, f"the body is larger than {self._body_bytes} bytes; send less")
            packed = header(b"content-encoding", b"identity")
            if packed != b"identity":
                raise Refusal(415, f"Content-Encoding is {_shown(packed)}; send the body as it is")
        return headers

    def _check_token(self, given: bytes) -> None:
        scheme, _, token = given.partition(b" ")
        assert self._token is not None
        if scheme.lower() != b"bearer" or not hmac.compare_digest(token.strip(), self._token):
            raise Refusal(401, "no valid token; send the header 'Authorization: Bearer TOKEN'")

    def _check_host(self, host: bytes | None) -> None:
        if host is not None and host not in self._hosts:
            raise Refusal(
                421,
                f"this server has no name {_shown(host)}; use its IP address, or add the name to "
                "allowed_hosts in [serving] of fullturn.toml",
            )

    def _check_origin(self, origin: bytes, host: bytes) -> None:
        if origin not in self._origins and not is_same_origin(origin, host):
            raise Refusal(
                403,
                f"requests from web pages of {_shown(origin)} are refused; to allow them, add it "
                "to cors_origins in [serving] of fullturn.toml",
            )


class Hosts:
    """Names by which a server may be asked: these, this machine's own, and every IP address.

    A web page can only point a DNS name of its own at this machine, not an address.
    `*.example.org` allows every name below example.org, `*` every name.
    """

    def __init__(self, names: Iterable[str]) -> None:
        own = {"localhost", socket.gethostname().lower(), *(name.lower() for name in names)}
        self._names = {name for name in own if not name.startswith("*")}
        self._endings = tuple(name[1:] for name in own if name.startswith("*"))
        self.known: set[bytes | None] = {None}
        """Headers that were found to name this server; a client of HTTP/1.0 sends none."""

    def __contains__(self, host: object) -> bool:
        """Whether a Host header names this server, with or without a port."""
        if host in self.known:
            return True
        found = isinstance(host, bytes) and self._names_us(host)
        if found and len(self.known) < _REMEMBERED:
            self.known.add(host)  # type: ignore[arg-type]
        return found

    def _names_us(self, host: bytes) -> bool:
        text = re.sub(r":\d+$", "", host.decode("latin-1").lower()).rstrip(".")
        if text in self._names or (self._endings and text.endswith(self._endings)):
            return True
        try:
            ipaddress.ip_address(text.strip("[]"))
        except ValueError:
            return False
        return True


def is_same_origin(origin: bytes, host: bytes) -> bool:
    """Whether a page of this origin comes from the host that it asks."""
    return bool(host) and origin.partition(b"//")[2].lower() == host.lower()


def require_json(kind: bytes) -> None:
    """Make sure that a body is declared as JSON.

    Raises:
        Refusal: 415 if it is not.
    """
    if kind != b"application/json" and not _JSON.fullmatch(kind):
        said = _shown(kind) if kind else "missing"
        raise Refusal(415, f"Content-Type is {said}; send JSON: 'Content-Type: application/json'")


def _shown(value: bytes) -> str:
    return repr(cut(value.decode("latin-1"), 100))
