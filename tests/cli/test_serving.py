"""What `serve` says, and that it goes on when nobody listens."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from fullturn.cli import serving


def test_a_reader_that_stops_reading_does_not_stop_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    reading = threading.Event()

    def stuck(text: str) -> None:
        reading.wait(30)
        said.append(text)

    monkeypatch.setattr(serving, "say", stuck)
    lines = serving._Lines(as_json=False)
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
