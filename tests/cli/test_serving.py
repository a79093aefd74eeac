"""What `serve` says, and that it goes on when nobody listens."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from fullturn.cli import serving
from fullturn.verbs.serve import Opened


def test_a_reader_that_stops_reading_does_not_stop_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    reading = threading.Event()

    def stuck(text: str) -> None:
        reading.wait(30)
        said.append(text)

    monkeypatch.setattr(serving, "say", stuck)
    lines = serving.BackgroundLines(as_json=False)
    log = logging.Logger("test")
    log.addHandler(lines)
    for number in range(2 * serving.WAITING):
        log.warning("serving version %d", number)
    assert said == []
    reading.set()
    deadline = time.monotonic() + 10
    while len(said) < serving.WAITING and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "serving version 0" in said[0]
    assert serving.WAITING <= len(said) <= serving.WAITING + 1


@pytest.mark.parametrize("chats", [True, False])
def test_the_chat_route_is_listed_only_where_there_is_one(
    chats: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = Opened("shop", 3, "http://127.0.0.1:1", {"text": "hello"}, chats, asks_token=False)
    serving.show_server(opened)
    told = capsys.readouterr().out
    assert ("/v1/chat/completions" in told) == chats and "POST /predict" in told
