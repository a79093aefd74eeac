"""Proxies of the environment: never for this machine, otherwise named."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest

from fullturn.core import proxies
from fullturn.core.errors import SettingsError
from fullturn.core.proxies import client, is_loopback, proxy_for

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_this_machine_is_known_by_all_its_names() -> None:
    assert all(map(is_loopback, ("localhost", "LOCALHOST.", "127.0.0.1", "127.8.8.8", "[::1]")))
    assert not any(map(is_loopback, ("example.org", "10.0.0.1", "localhost.example.org", "")))


def test_a_socks_proxy_is_no_matter_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    client("http://127.0.0.1:1234").close()
    assert proxy_for("http://localhost:1") is None


def test_a_socks_proxy_without_its_package_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec("socksio"):
        pytest.skip("the package for SOCKS proxies is installed")
    monkeypatch.setenv("ALL_PROXY", "socks5://ada:hunter22@127.0.0.1:9")
    with pytest.raises(SettingsError, match=r"SOCKS proxy .*httpx\[socks\].*NO_PROXY") as refused:
        client("http://example.org")
    assert "hunter22" not in str(refused.value)


def test_an_impossible_proxy_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "gopher://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "gopher://127.0.0.1:9")
    with pytest.raises(SettingsError, match="proxy that cannot be used"):
        client("http://example.org")


def test_the_proxy_of_an_address_is_what_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("https_proxy", "10.0.0.1:3128")
    monkeypatch.setenv("all_proxy", "http://10.0.0.2:3128")
    assert proxy_for("https://example.org/v1") == "http://10.0.0.1:3128"
    assert proxy_for("http://example.org/v1") == "http://10.0.0.2:3128"
    monkeypatch.setenv("no_proxy", "example.org")
    assert proxy_for("https://example.org/v1") is None


def test_libraries_reach_this_machine_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "intern.example")
    proxies.spare_this_machine()
    assert os.environ["NO_PROXY"] == "intern.example,localhost,127.0.0.1,::1"
    monkeypatch.setenv("no_proxy", "*")
    proxies.spare_this_machine()
    assert os.environ["no_proxy"] == "*"
