"""Answers Flagger's webhooks with the verdict on a canary.

    python flagger_webhook.py FOLDER [PORT]

FOLDER contains a log of outcomes for each canary and configuration, NAMESPACE.NAME.CHECKSUM.jsonl,
a line per answer: {"arm": "canary", "user": "u17", "errors": 0, "slow": 1}. Flagger reads 200 as
yes: `/promote` says it once the candidate is shown to be not worse, `/rollback` once it is worse.
"""

from __future__ import annotations

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fullturn
from fullturn import FullturnError

ACTIONS = {"/promote": "promote", "/rollback": "roll back"}
YES, NOT_YET, NO_ROUTE, UNKNOWN = 200, 409, 404, 503


def verdict(folder: Path, call: dict[str, str]) -> fullturn.Judged:
    """The verdict on the canary that Flagger names."""
    names = [call[part] for part in ("namespace", "name", "checksum")]
    if not all(re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name) for name in names):
        raise ValueError(f"not the name of a canary: {names}")
    return fullturn.judge(folder / f"{'.'.join(names)}.jsonl", key="user")


class Webhook(BaseHTTPRequestHandler):
    """One call of Flagger."""

    folder: Path

    def do_POST(self) -> None:
        """Answer yes, or why not."""
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        wanted = ACTIONS.get(self.path)
        if wanted is None:
            self._say(NO_ROUTE, f"routes: {', '.join(ACTIONS)}")
            return
        try:
            found = verdict(self.folder, json.loads(body))
        except (FullturnError, ValueError, KeyError, TypeError) as error:
            self._say(UNKNOWN, f"could not evaluate: {error}")
            return
        self._say(YES if found.action == wanted else NOT_YET, f"{found.action}: {found.reason}")

    def _say(self, status: int, reason: str) -> None:
        text = reason.encode()
        self.send_response(status)
        self.send_header("content-type", "text/plain; charset=utf-8")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def server(folder: Path, port: int, host: str = "") -> ThreadingHTTPServer:
    """The server, listening."""
    handler = type("FolderWebhook", (Webhook,), {"folder": folder})
    return ThreadingHTTPServer((host, port), handler)


if __name__ == "__main__":
    server(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 8322).serve_forever()
