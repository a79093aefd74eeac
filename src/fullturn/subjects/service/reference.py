"""A bundle that refers to a service: where it is, how it is asked, and how its answers are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fullturn.core.errors import UsageError
from fullturn.core.redaction import redacted
from fullturn.subjects.contents import reading, write_json

REFERENCE = "service.json"
_PATHS = {"mlflow": "/invocations", "openai": "/chat/completions", "kserve": "/infer"}


@dataclass(frozen=True, slots=True)
class ServiceReference:
    """What the bundle's one file says; no secret is in it. For the fields see `[service]`."""

    url: str
    protocol: str
    model: str
    task: str
    kinds: Mapping[str, str]
    """Inputs by name, in the contract's order."""
    headers: tuple[str, ...] = ()
    """Names of the headers that carry secrets; their values come from the environment."""
    classes: tuple[str, ...] = ()
    batch: bool = False
    input: str = ""
    answer: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    system: str = ""
    tensor: str = ""

    @property
    def endpoint(self) -> str:
        """The address that requests go to: `url`, completed as the protocol says."""
        base, ending = (
            self.url.replace("{model}", self.model).rstrip("/"),
            _PATHS.get(self.protocol),
        )
        if ending is None or base.endswith(ending):
            return self.url.replace("{model}", self.model) if ending is None else base
        if self.protocol == "kserve":
            return f"{base}/v2/models/{self.model}{ending}"
        return f"{base}{ending}"

    def write(self, folder: Path) -> None:
        """Write it into a bundle."""
        write_json(folder / REFERENCE, asdict(self))


def read(folder: Path) -> ServiceReference:
    """The reference in a bundle.

    Raises:
        BundleError: it is missing or damaged.
    """
    with reading(folder / REFERENCE) as content:
        lists = {name: tuple(content[name]) for name in ("headers", "classes")}
        return ServiceReference(**{**content, **lists})


def check_url(url: str) -> None:
    """Refuse what is no address of a service, or has a secret in it.

    Raises:
        UsageError: as said.
    """
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        named = False
    if not named or parts.scheme not in ("http", "https"):
        raise UsageError(
            f"url = '{url}' is no address of a service; write one such as "
            "'https://models.example.org/churn/predict'"
        )
    if parts.username or parts.password or redacted(url) != url:
        raise UsageError(
            f"the url of the service at {parts.hostname} contains a secret, which would be stored "
            "with every version: put it into an environment variable, and name that in [service] "
            "token_env or [service] headers"
        )


def host_of(url: str) -> str:
    """The host of an address, with its port if it names one."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
