"""Users of the toy app over real HTTP, who say at once what the right answer was. Test data."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from fullturn.demo.audience import Counts
from tests.waiting import PATIENCE


class Traffic:
    """Asks one message after the other, each as another user, for the length of a `with` block."""

    def __init__(
        self, address: str, rows: Sequence[Mapping[str, str]], labels: bool = True
    ) -> None:
        place = urlsplit(address)
        self._connection = http.client.HTTPConnection(
            place.hostname or "", place.port, timeout=PATIENCE
        )
        self._rows, self._labels = rows, labels
        self.counts = Counts()
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leaving.set()
        self._thread.join(PATIENCE)
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def ask(self, row: Mapping[str, str]) -> None:
        """One question, and what is right."""
        body = {"inputs": [{"text": row["text"]}], "key": f"user {self.counts.asked}"}
        answer = self._post("/predict", body)
        self.counts.asked += 1
        if answer is None:
            self.counts.failed += 1
            return
        self.counts.last = answer["ids"][0]
        if self._labels:
            expected = {"label": row["label"], "channel": row["channel"]}
            said = {"id": self.counts.last, "expected": expected, "source": "tester"}
            self.counts.judged += self._post("/feedback", said) is not None

    def _run(self) -> None:
        for n in range(50_000):
            if self._leaving.wait(0.001):
                return
            self.ask(self._rows[n % len(self._rows)])

    def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        headers = {"content-type": "application/json"}
        try:
            self._connection.request("POST", path, json.dumps(body), headers)
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return None
        return json.loads(content) if response.status == 200 else None
