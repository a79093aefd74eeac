"""A load generator: a small HTTP/1.1 client on raw sockets, many connections, one request each.

    python bench/load.py ADDRESS BODIES CONNECTIONS SECONDS [SAMPLES]

BODIES is a file with one JSON body a line; each connection sends them in turn, the next when the
last is answered. Prints JSON: requests answered with 200, failures by what they were, requests a
second, p50 and p99 in milliseconds, and the answers to the first SAMPLES bodies. Count and time
are bounded; SIGTERM ends it early.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop

MOST = 2_000_000
"""Requests after which it stops in any case."""
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Tally:
    """What all connections saw."""

    def __init__(self, requests: list[bytes], until: float, samples: int) -> None:
        self.requests, self.until, self.wanted = requests, until, samples
        self.latencies: list[float] = []
        self.failed: Counter[str] = Counter()
        self.samples: dict[int, str] = {}
        self.next = 0

    def take(self) -> int | None:
        """The number of the next body, or None at the end."""
        if time.perf_counter() >= self.until or self.next >= MOST:
            return None
        self.next += 1
        return (self.next - 1) % len(self.requests)


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, tally: Tally, done: asyncio.Future[None]) -> None:
        self.tally, self.done = tally, done
        self.buffer, self.size, self.body = b"", -1, 0
        self.sent, self.number = 0.0, 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        number = self.tally.take()
        if number is None:
            self.transport.close()
            return
        self.number, self.sent = number, time.perf_counter()
        self.transport.write(self.tally.requests[number])

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.size < 0:
            self.body = self.buffer.find(b"\r\n\r\n") + 4
            if self.body < 4:
                return
            length = LENGTH.search(self.buffer, 0, self.body)
            self.size = self.body + int(length.group(1)) if length else len(self.buffer)
        if len(self.buffer) >= self.size:
            self.answered()

    def answered(self) -> None:
        tally = self.tally
        tally.latencies.append(time.perf_counter() - self.sent)
        status = self.buffer[9:12]
        if status != b"200":
            tally.failed[status.decode("latin1")] += 1
        elif len(tally.samples) < tally.wanted and self.number < tally.wanted:
            tally.samples[self.number] = self.buffer[self.body : self.size].decode()
        self.buffer, self.size = b"", -1
        self.ask()

    def connection_lost(self, error: Exception | None) -> None:
        if error or self.buffer or self.size >= 0:
            self.tally.failed[f"connection lost: {error}"] += 1
        if not self.done.done():
            self.done.set_result(None)


async def load(address: str, bodies: list[bytes], connections: int, seconds: float, samples: int
               ) -> dict[str, Any]:  # fmt: skip
    """Send for so many seconds."""
    url = urlsplit(address)
    head = f"POST {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: application/json\r\n"
    requests = [f"{head}Content-Length: {len(b)}\r\n\r\n".encode() + b for b in bodies]
    loop, begun = asyncio.get_running_loop(), time.perf_counter()
    tally = Tally(requests, begun + seconds, samples)
    loop.add_signal_handler(signal.SIGTERM, lambda: setattr(tally, "until", 0.0))
    ended = [loop.create_future() for _ in range(connections)]
    for done in ended:
        await loop.create_connection(lambda done=done: Client(tally, done), url.hostname, url.port)
    await asyncio.wait_for(asyncio.gather(*ended), seconds + 60)
    return summary(tally, time.perf_counter() - begun)


def summary(tally: Tally, seconds: float) -> dict[str, Any]:
    """The figures."""
    times, failed = sorted(tally.latencies), sum(tally.failed.values())
    answered = len(times) - failed
    at = {p: times[min(len(times) - 1, len(times) * p // 100)] * 1000 if times else 0.0
          for p in (50, 99)}  # fmt: skip
    return {
        "answered": answered,
        "failed": dict(tally.failed),
        "per_second": answered / seconds,
        "p50_ms": at[50],
        "p99_ms": at[99],
        "samples": [tally.samples[n] for n in sorted(tally.samples)],
    }


def main() -> None:
    address, bodies, connections, seconds, *samples = sys.argv[1:]
    lines = Path(bodies).read_bytes().splitlines()
    wanted = int(samples[0]) if samples else 0
    found = uvloop.run(load(address, lines, int(connections), float(seconds), wanted))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
