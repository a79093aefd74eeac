"""Proxies that the environment names: never for this machine, and named when they fail.

HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY: https://everything.curl.dev/usingcurl/proxies/env.html
"""

from __future__ import annotations

import ipaddress
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from fullturn.core.errors import SettingsError

if TYPE_CHECKING:
    import httpx

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def proxy_for(address: str) -> str | None:
    """The proxy through which an address is reached, as the environment says; None without one."""
    named, host = getproxies(), _host(address)
    found = named.get(address.partition(":")[0].lower()) or named.get("all")
    if not found or not host or is_loopback(host) or proxy_bypass(host):
        return None
    return found if "://" in found else f"http://{found}"


def client(address: str, **options: Any) -> httpx.Client:
    """A client for this address; a proxy must not see what stays on this machine.

    Raises:
        SettingsError: the environment names a proxy that cannot be used.
    """
    import httpx

    proxy = proxy_for(address)
    try:
        return httpx.Client(trust_env=not is_loopback(_host(address)), **options)
    except ImportError:
        raise SettingsError(
            f"the environment names a SOCKS proxy ({proxy or 'ALL_PROXY'}), and the package for it "
            f"is not installed: `pip install 'httpx[socks]'`, or set NO_PROXY for {address}"
        ) from None
    except (ValueError, httpx.InvalidURL) as error:
        raise SettingsError(
            f"the environment names a proxy that cannot be used ({proxy or 'ALL_PROXY'}: {error}); "
            "correct HTTP_PROXY, HTTPS_PROXY or ALL_PROXY"
        ) from None


def _host(address: str) -> str:
    """The host of an address; empty if it is none, which whoever asks there will say."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def spare_this_machine() -> None:
    """Tell libraries that read the environment to reach this machine without a proxy."""
    variable = "no_proxy" if os.environ.get("no_proxy") else "NO_PROXY"
    known = [part.strip() for part in os.environ.get(variable, "").split(",") if part.strip()]
    missing = [host for host in LOOPBACK if host not in known]
    if getproxies() and "*" not in known and missing:
        os.environ[variable] = ",".join([*known, *missing])
