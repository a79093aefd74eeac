"""A test server: it behaves like the few addresses of GitHub's REST API that a comment needs.

Forms and rules are those of https://docs.github.com/rest (pulls, issue comments, pagination).
"""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

REPOSITORY = "team/models"
TOKEN = "token-of-the-job"
BOT = "github-actions[bot]"


@dataclass
class Platform:
    """A repository's pull requests and comments, and how the server is to fail."""

    pulls: list[dict[str, Any]] = field(default_factory=list)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    token: str = TOKEN
    may_write: bool = True
    fails_with: int | None = None
    limited: bool = False
    writes: list[str] = field(default_factory=list)
    address: str = ""
    page: int = 100

    def open(self, number: int, head: str, base: str = "main", state: str = "open") -> None:
        """Add a pull request."""
        self.pulls.insert(
            0, {"number": number, "state": state, "head": {"sha": head}, "base": {"ref": base}}
        )
        self.comments[number] = []

    def say(self, number: int, login: str | None, body: str | None) -> None:
        """Add a comment."""
        self.comments[number].append(self._comment(login, body))

    def bodies(self, number: int) -> list[str]:
        """The texts of a pull request's comments."""
        return [one["body"] for one in self.comments[number]]

    def environment(self) -> dict[str, str]:
        """What a runner would set."""
        return {
            "GITHUB_API_URL": self.address,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_TOKEN": TOKEN,
        }

    def answer(self, method: str, path: str, token: str, body: bytes) -> tuple[int, Any]:
        """Status and content for a request."""
        if self.fails_with:
            return self.fails_with, {"message": "no"}
        if token != f"Bearer {self.token}":
            return 401, {"message": "Bad credentials"}
        place, asked = urlsplit(path).path, parse_qs(urlsplit(path).query)
        if not place.startswith(f"/repos/{REPOSITORY}/"):
            return 404, {"message": "Not Found"}
        place = place.removeprefix(f"/repos/{REPOSITORY}")
        if method == "GET":
            return self._read(place, asked)
        if not self.may_write:
            return 403, {"message": "Resource not accessible by integration"}
        self.writes.append(f"{method} {place}")
        return self._write(method, place, json.loads(body)["body"])

    def _read(self, place: str, asked: dict[str, list[str]]) -> tuple[int, Any]:
        if place == "/pulls":
            return 200, [one for one in self.pulls if one["state"] == asked["state"][0]]
        if found := re.fullmatch(r"/issues/(\d+)/comments", place):
            return 200, self.comments[int(found[1])]
        return 404, {"message": "Not Found"}

    def _write(self, method: str, place: str, body: str) -> tuple[int, Any]:
        if found := re.fullmatch(r"/issues/(\d+)/comments", place):
            self.say(int(found[1]), BOT, body)
            return 201, self.comments[int(found[1])][-1]
        found = re.fullmatch(r"/issues/comments/(\d+)", place)
        assert found and method == "PATCH"
        for one in itertools.chain(*self.comments.values()):
            if one["id"] == int(found[1]):
                one["body"] = body
                return 200, one
        return 404, {"message": "Not Found"}

    def _comment(self, login: str | None, body: str | None) -> dict[str, Any]:
        number = sum(map(len, self.comments.values())) + 1
        user = {"login": login} if login else None
        address = f"https://pages.invalid/comments/{number}"
        return {"id": number, "user": user, "body": body, "html_url": address}


@contextmanager
def serving(platform: Platform) -> Iterator[Platform]:
    """The test server, on loopback, for the length of a `with` block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            token = self.headers.get("authorization", "")
            status, content = platform.answer(
                self.command, self.path, token, self.rfile.read(length)
            )
            link = ""
            if isinstance(content, list):
                content, link = self._page(content)
            self._send(status, content, link)

        do_POST = do_PATCH = do_GET

        def _page(self, content: list[Any]) -> tuple[list[Any], str]:
            at = urlsplit(self.path)
            number = int(parse_qs(at.query).get("page", ["1"])[0])
            start, end = platform.page * (number - 1), platform.page * number
            query = re.sub(r"&page=\d+", "", at.query)
            following = f"{platform.address}{at.path}?{query}&page={number + 1}"
            more = f'<{following}>; rel="next"' if end < len(content) else ""
            return content[start:end], more

        def _send(self, status: int, content: Any, link: str) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-RateLimit-Remaining", "0" if platform.limited else "4999")
            if link:
                self.send_header("Link", link)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    platform.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield platform
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
