"""Panels reach the project's server directly, also where the environment names a proxy."""

from __future__ import annotations

from pathlib import Path

import pytest

from fullturn.core import proxies
from fullturn.core.entities import Column, Contract
from fullturn.demo.audience import Audience, Question, TrafficProfile
from fullturn.lesson.panels import ask, rollback
from tests.conftest import free_port
from tests.serving.live import live

CONTRACT = Contract(columns=(Column("text", max_length=1000),), key=("text",), text="text")
ROW = {"text": "hello there"}


@pytest.fixture(autouse=True)
def _dead_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("http_proxy", raising=False)


def test_a_question_does_not_go_through_a_proxy(tmp_path: Path) -> None:
    with live(tmp_path, contract=CONTRACT) as server:
        assert ask.predicted(server.address, ROW)["outputs"] == [{"label": "long", "by": 1}]


def test_the_serving_version_is_not_asked_through_a_proxy(tmp_path: Path) -> None:
    pools = {"all": [Question(ROW, {})]}
    with (
        live(tmp_path, contract=CONTRACT) as server,
        Audience(server.address, pools, tmp_path, TrafficProfile(labelled=0.0)) as audience,
        proxies.client(server.address) as client,
    ):
        meter = rollback.Meter(client, f"{server.address}/status", audience, lambda event: None)
        assert meter.until(1) > 0 and meter.version == 1
