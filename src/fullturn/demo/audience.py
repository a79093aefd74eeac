"""A simulated audience: a separate process that sends requests to a server, seeded and bounded.

It draws questions from the current pool, each from one of many users, and later sends the correct
answer to some of them. It stops automatically.
"""

from __future__ import annotations

import http.client
import json
import random
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

USERS = 20_000
REVIEWERS = 12
MOST_REQUESTS, MOST_SECONDS = 60_000, 600.0
_PACE = "pace "


@dataclass(frozen=True, slots=True)
class Question:
    """A question of a user, and the answer that a reviewer considers correct."""

    input: Mapping[str, Any]
    expected: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TrafficProfile:
    """How the audience behaves."""

    seed: int = 0
    rate: float = 150.0
    """Requests per second, at most."""
    labelled: float = 0.7
    """Share of answers that a reviewer labels later."""
    delay: int = 20
    """Requests between an answer and its label."""


@dataclass(slots=True)
class Counts:
    """What the audience has seen so far."""

    asked: int = 0
    failed: int = 0
    judged: int = 0
    slowest: float = 0.0
    """Seconds."""
    last: str = ""
    """Id of the newest answer."""


class Audience:
    """The audience at work, for the length of a `with` block."""

    def __init__(
        self,
        address: str,
        pools: Mapping[str, Sequence[Question]],
        folder: Path,
        profile: TrafficProfile,
    ) -> None:
        """`folder` is for the file with the pools; questions come from the first pool at first."""
        self._script = folder / "audience.json"
        record = {
            "address": address,
            "pools": {name: [asdict(q) for q in pool] for name, pool in pools.items()},
            "profile": asdict(profile),
        }
        self._script.write_text(json.dumps(record), encoding="utf-8")

    def __enter__(self) -> Self:
        words = [sys.executable, "-m", "fullturn.demo.audience", str(self._script)]
        # A session of its own: Ctrl-C reaches only us; it stops at the end of its input.
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            start_new_session=True,
        )  # fmt: skip
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leave()
        if self._process.stdout:
            self._process.stdout.close()

    def leave(self) -> None:
        """Send nothing more, and wait for the answers in flight."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def counts(self) -> Counts:
        """What it has seen so far."""
        return self._send("counts")

    def switch_to(self, pool: str) -> Counts:
        """Take questions from another pool from now on."""
        return self._send(pool)

    def pace(self, rate: float) -> Counts:
        """Send at most this many requests a second from now on."""
        return self._send(f"{_PACE}{rate}")

    def wait_for(self, requests: int, seconds: float = 60.0) -> Counts:
        """Wait until it has sent this many more requests, or the time is over."""
        deadline, target = time.monotonic() + seconds, self.counts().asked + requests
        while (seen := self.counts()).asked < target and time.monotonic() < deadline:
            time.sleep(0.05)
        return seen

    def _send(self, command: str) -> Counts:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(command + "\n")
        return Counts(**json.loads(self._process.stdout.readline()))


@dataclass(slots=True)
class _Crowd:
    """The audience inside its process."""

    connection: http.client.HTTPConnection
    pools: Mapping[str, Sequence[Mapping[str, Any]]]
    profile: TrafficProfile
    counts: Counts = field(default_factory=Counts)
    pool: str = ""
    rate: float = 0.0
    leaving: threading.Event = field(default_factory=threading.Event)
    _waiting: deque[tuple[int, str, Mapping[str, Any], int]] = field(default_factory=deque)

    def run(self) -> None:
        """Send requests until it is time to stop."""
        draw = random.Random(self.profile.seed)
        due = began = time.monotonic()
        while not self.leaving.is_set() and self.counts.asked < MOST_REQUESTS:
            now = time.monotonic()
            if now - began > MOST_SECONDS:
                return
            if now < due:
                time.sleep(due - now)
            due = max(due, now - 1) + 1 / self.rate
            self._ask(draw)
            self._judge()

    def _ask(self, draw: random.Random) -> None:
        question, user = draw.choice(self.pools[self.pool]), draw.randrange(USERS)
        judged, reviewer = draw.random() < self.profile.labelled, draw.randrange(REVIEWERS)
        started = time.monotonic()
        answer = self._post("/predict", {"inputs": [question["input"]], "key": f"user-{user}"})
        self.counts.slowest = max(self.counts.slowest, time.monotonic() - started)
        self.counts.asked += 1
        if answer is None:
            self.counts.failed += 1
            return
        self.counts.last = answer["ids"][0]
        if judged:
            due = self.counts.asked + self.profile.delay
            self._waiting.append((due, self.counts.last, question["expected"], reviewer))

    def _judge(self) -> None:
        while self._waiting and self._waiting[0][0] <= self.counts.asked:
            _, prediction, expected, reviewer = self._waiting.popleft()
            label = {"id": prediction, "expected": expected, "source": f"reviewer-{reviewer}"}
            self.counts.judged += self._post("/feedback", label) is not None

    def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The answer's JSON; None if it failed."""
        try:
            headers = {"content-type": "application/json"}
            self.connection.request("POST", path, json.dumps(body), headers)
            response = self.connection.getresponse()
            content = response.read()
            return json.loads(content) if response.status == 200 else None
        except (OSError, http.client.HTTPException, ValueError):
            self.connection.close()
            return None


def main(script: Path) -> None:
    """Send requests in a thread; read commands, a line each, and reply to each with the counts."""
    record = json.loads(script.read_text(encoding="utf-8"))
    place = urlsplit(record["address"])
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
    crowd = _Crowd(connection, record["pools"], TrafficProfile(**record["profile"]))
    crowd.pool, crowd.rate = next(iter(crowd.pools)), crowd.profile.rate
    asking = threading.Thread(target=crowd.run, daemon=True)
    asking.start()
    for line in sys.stdin:
        command = line.strip()
        if command in crowd.pools:
            crowd.pool = command
        elif command.startswith(_PACE):
            crowd.rate = float(command.removeprefix(_PACE))
        sys.stdout.write(json.dumps(asdict(crowd.counts)) + "\n")
        sys.stdout.flush()
    crowd.leaving.set()
    asking.join(5)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
