"""A stand-in for a language model: rules behind a real OpenAI-compatible address on 127.0.0.1.

It knows words of praise. The model `fast` is wrong on long texts; `careful` looks at them whole,
and costs more. Both need a system message that mentions "satisfied". Nothing here is a model.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PRAISE = ("great", "love", "works", "happy", "excellent")
BLAME = ("broke", "awful", "refund", "late", "useless")


@dataclass
class StandIn:
    """What it was asked, and what it answers in place of its rules."""

    base_url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    message: Mapping[str, Any] | None = None
    finish: str = "stop"
    pause: float = 0.0


def answer(body: Mapping[str, Any]) -> str:
    """The answer of the rules."""
    messages = body["messages"]
    system = " ".join(m["content"] for m in messages if m["role"] == "system")
    said = next(m["content"] for m in reversed(messages) if m["role"] == "user")
    if "whole number from 1" in said:
        return _grade(said)
    if '"better"' in said:
        one, other = re.findall(r"Answer [AB]:\n(.*?)\n", said + "\n")
        better = "tie" if one == other else "A" if len(one) > len(other) else "B"
        return json.dumps({"reason": "the longer one", "better": better})
    if "response_format" in body:
        number = re.search(r"\d+", said)
        return json.dumps({"order": number.group() if number else None, "mood": _mood(said)})
    if "satisfied" not in system:
        return "I cannot say."
    return _mood(said[:40] if body["model"] == "fast" else said)


def _mood(text: str) -> str:
    bad = sum(word in text.lower() for word in BLAME)
    return "disappointed" if bad > sum(word in text.lower() for word in PRAISE) else "satisfied"


def _grade(said: str) -> str:
    answered = said.rpartition("Answer to judge:")[2]
    return json.dumps({"reason": "by its words", "score": 5 if "sorry" in answered else 1})


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """Run it while the block runs."""
    running = StandIn()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            running.asked.append(body)
            running.keys.append(self.headers["Authorization"])
            time.sleep(running.pause)
            message = running.message or {"content": answer(body)}
            choice = {"message": {"role": "assistant", **message}, "finish_reason": running.finish}
            words = sum(len(m["content"].split()) for m in body["messages"])
            usage = {"prompt_tokens": words, "completion_tokens": 3}
            reply = json.dumps({"model": body["model"], "choices": [choice], "usage": usage})
            self.send_response(200)
            self.send_header("Content-Length", str(len(reply.encode())))
            self.end_headers()
            self.wfile.write(reply.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    running.base_url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
