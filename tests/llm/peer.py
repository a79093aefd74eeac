"""A test peer: a real HTTP server on loopback that answers a chat in a chosen way."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

GOOD = {
    "choices": [{"message": {"role": "assistant", "content": "Hello."}}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 2},
}


@dataclass
class Peer:
    """What the server answers, request by request (the last one for ever), and what it got."""

    replies: list[tuple[int, bytes]]
    pause: float = 0.0
    base_url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)


def good(**changes: Any) -> tuple[int, bytes]:
    """A chat completion."""
    return 200, json.dumps({**GOOD, **changes}).encode()


@contextmanager
def serving(*replies: tuple[int, bytes], pause: float = 0.0) -> Iterator[Peer]:
    """Run the server while the block runs."""
    peer = Peer(list(replies), pause)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            peer.asked.append({"path": self.path, **json.loads(body)})
            peer.keys.append(self.headers["Authorization"])
            time.sleep(peer.pause)
            status, answer = peer.replies[min(len(peer.asked), len(peer.replies)) - 1]
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    peer.base_url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield peer
    finally:
        server.shutdown()
        server.server_close()
