"""Who may ask: web pages of strangers get nothing from a server without a token."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fullturn.serving import log
from fullturn.serving.access import Hosts, is_same_origin
from fullturn.serving.running import BoundedProtocol
from tests.serving.live import ROW, Live, live
from tests.serving.test_http import raw

BODY = json.dumps({"inputs": [ROW]}).encode()
PATHS = ("/predict", "/invocations", "/feedback", "/log", "/v1/chat/completions")


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("state"), allowed_hosts=("ml.example.org",)) as server:
        yield server


def post(server: Live, path: str = "/predict", **headers: str) -> httpx.Response:
    given = {"Content-Type": "application/json"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    return server.client.post(path, content=BODY, headers=given)


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=a",
        "",
    ],
)
def test_a_body_that_a_browser_sends_without_asking_is_415(one: Live, kind: str) -> None:
    before = len(log.predictions(one.state))
    for path in PATHS:
        answer = post(one, path, content_type=kind)
        assert answer.status_code == 415
        assert "application/json" in answer.text
    assert len(log.predictions(one.state)) == before


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON", "application/ld+json"]
)
def test_json_in_all_its_spellings_is_taken(one: Live, kind: str) -> None:
    assert post(one, content_type=kind).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8321", "127.0.0.1.evil.example"])
def test_a_host_that_is_no_name_of_this_server_is_421(one: Live, host: str) -> None:
    for path in ("/version", "/healthz"):
        answer = one.client.get(path, headers={"Host": host})
        assert answer.status_code == 421 and "allowed_hosts" in answer.json()["error"]
    assert post(one, host=host).status_code == 421


def test_names_of_this_server_are_taken() -> None:
    hosts = Hosts(("ml.example.org", "*.svc.local"))
    known = ("localhost", "LOCALHOST:1", "127.0.0.1:8321", "10.1.2.3", "[::1]:8321", "[fe80::1]",
             "ml.example.org:443", "ml.example.org.", "model.svc.local")  # fmt: skip
    for host in known:
        assert host.encode() in hosts and host.encode() in hosts
    strange = ("example.org", "svc.local", "", "ml.example.org.evil", "a.svc.local.evil", "1.2.3")
    for host in strange:
        assert host.encode() not in hosts
    assert b"anything" in Hosts(("*",))


def test_a_page_of_another_origin_is_403(one: Live) -> None:
    before = len(log.predictions(one.state))
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        answer = post(one, origin=origin)
        assert answer.status_code == 403 and "cors_origins" in answer.json()["error"]
    assert len(log.predictions(one.state)) == before
    assert post(one, origin=one.address).status_code == 200


def test_origins_are_compared_with_the_host_that_was_asked() -> None:
    assert is_same_origin(b"https://ML.example.org", b"ml.example.org")
    assert not is_same_origin(b"https://ml.example.org:444", b"ml.example.org")
    assert not is_same_origin(b"null", b"") and not is_same_origin(b"https://", b"")


@pytest.mark.parametrize(
    "written", ["https://app.example.org", "https://app.example.org/", "HTTPS://App.example.org"]
)
def test_pages_of_a_chosen_origin_may_ask_and_read(tmp_path: Path, written: str) -> None:
    ours = "https://app.example.org"
    with live(tmp_path, cors_origins=(written,)) as server:
        ask = {"Origin": ours, "Access-Control-Request-Method": "POST",
               "Access-Control-Request-Headers": "content-type"}  # fmt: skip
        asked = server.client.options("/predict", headers=ask)
        assert asked.status_code == 200 and asked.headers["access-control-allow-origin"] == ours
        answer = post(server, origin=ours)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == ours
        assert post(server, origin="https://evil.example").status_code == 403


def test_with_a_token_the_name_of_the_server_does_not_matter(tmp_path: Path) -> None:
    with live(tmp_path, token="s3cret") as server:
        assert post(server, host="any.example").status_code == 401
        answer = post(server, host="any.example", authorization="bearer  s3cret")
        assert answer.status_code == 200
        assert server.client.get("/healthz", headers={"Host": "any.example"}).status_code == 200


def test_a_length_beyond_the_limit_is_413_before_a_byte_of_the_body(tmp_path: Path) -> None:
    for path in (b"/predict", b"/feedback"):
        head = (
            b"POST "
            + path
            + (
                b" HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                b"Content-Length: 20001\r\n\r\n"
            )
        )
        with live(tmp_path, body_bytes=20_000) as server, raw(server, head) as connection:
            assert connection.recv(1000).startswith(b"HTTP/1.1 413")


def test_a_half_sent_head_is_closed_at_its_limit_also_after_another_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedProtocol, "head_seconds", 1.0)
    whole = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with live(tmp_path) as server, raw(server, whole) as connection:
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        time.sleep(0.6)
        begun = time.monotonic()
        connection.sendall(b"GET /hea")
        assert connection.recv(100) == b""
        assert time.monotonic() - begun < 1.4, "at the limit, not at the second look after it"
