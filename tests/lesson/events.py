"""Follow a panel over HTTP, as a browser does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx

from tests.waiting import PATIENCE


def followed(
    address: str,
    panel: str,
    options: Mapping[str, str] | None = None,
    *,
    performance: int | None = None,
    after: int | None = None,
    seconds: float = PATIENCE,
) -> list[dict[str, Any]]:
    """Start a panel, unless a performance of it is named, and read its events to the end."""
    if performance is None:
        started = httpx.post(
            f"{address}/panels/{panel}", json=dict(options or {}), timeout=PATIENCE
        )
        assert started.status_code == 202, started.text
        performance = started.json()["performance"]
    headers = {} if after is None else {"last-event-id": str(after)}
    place = f"{address}/panels/{panel}/events?performance={performance}"
    with httpx.stream("GET", place, headers=headers, timeout=seconds) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in response.iter_lines() if line.startswith("data: ")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]
