"""One comment of a pull request on GitHub: found by its first line, and updated.

Which pull request it is follows from the commit that GitHub says was evaluated, never from what
the report says. https://docs.github.com/rest/pulls/pulls and /rest/issues/comments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fullturn.core import proxies
from fullturn.core.credentials import secret
from fullturn.core.errors import CouldNotEvaluate, NotFound, SettingsError, UsageError
from fullturn.pipeline.report import MARKER

if TYPE_CHECKING:
    import httpx

AUTHOR = "github-actions[bot]"
"""The author of comments written with a workflow's own token; only those are replaced."""
_PAGES = 30
"""Pages of 100 entries that are read, at most."""
_TIMEOUT = 20.0
_RIGHT = "permissions: pull-requests: write"


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository on GitHub, and the token to write to it."""

    address: str
    """Of the REST API."""
    name: str
    """`owner/name`."""
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Posted:
    """A comment that was written."""

    pull_request: int
    address: str
    """Of the comment, for a browser."""
    updated: bool
    """Whether it replaced an older one."""


def repository(environment: Mapping[str, str], name: str | None = None) -> Repository:
    """The repository that a runner's environment names, or `name` in its place.

    Raises:
        SettingsError: a variable that GitHub's runners set is missing.
        UsageError: the name is not `owner/name`.
    """
    found = name or _variable(environment, "GITHUB_REPOSITORY")
    if not re.fullmatch(r"\w[\w-]*/(?!\.\.?$)[\w.-]+", found, re.ASCII):
        raise UsageError(f"'{found[:60]}' is not a repository; name it as owner/name")
    address = _variable(environment, "GITHUB_API_URL").rstrip("/")
    token = secret("GITHUB_TOKEN", environment=environment)
    return Repository(address, found, token or _variable(environment, "GITHUB_TOKEN"))


def post(at: Repository, head: str, base: str | None, text: str) -> Posted | None:
    """Write `text` into the open pull request whose newest commit is `head`; None if there is none.

    If there are several, the one into the branch `base` is used.

    Raises:
        UsageError: `head` is not a commit; the token lacks permission; there is no such repository.
        CouldNotEvaluate: GitHub is unreachable, or answers otherwise than documented.
    """
    import httpx

    if not re.fullmatch(r"[0-9a-f]{40,64}", head):
        raise UsageError(f"'{head[:60]}' is not a commit; give all its 40 digits")
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {at.token}",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    try:
        with proxies.client(at.address, headers=headers, timeout=_TIMEOUT) as client:
            number = _pull_request(client, at, head, base)
            return None if number is None else _put(client, at, number, text)
    except httpx.HTTPError as error:
        proxy = proxies.proxy_for(at.address)
        through = f" through the proxy {proxy}" if proxy else ""
        raise CouldNotEvaluate(
            f"{at.address} is unreachable{through}: {error}; run the job again"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CouldNotEvaluate(f"{at.address} returned an unexpected answer: {error}") from error


def _pull_request(client: httpx.Client, at: Repository, head: str, base: str | None) -> int | None:
    path = f"/repos/{at.name}/pulls?state=open&sort=updated&direction=desc&per_page=100"
    having = [one for one in _all(client, at, path) if one["head"]["sha"] == head]
    if len(having) > 1:
        having = [one for one in having if one["base"]["ref"] == base]
    return int(having[0]["number"]) if having else None


def _put(client: httpx.Client, at: Repository, number: int, text: str) -> Posted:
    comments = f"/repos/{at.name}/issues/{number}/comments"
    ours = (one for one in _all(client, at, f"{comments}?per_page=100") if _is_ours(one))
    older = next(ours, None)
    if older:
        path = f"/repos/{at.name}/issues/comments/{int(older['id'])}"
        answer = _ask(client, at, "PATCH", path, text)
    else:
        answer = _ask(client, at, "POST", comments, text)
    return Posted(number, str(answer.json()["html_url"]), older is not None)


def _is_ours(comment: Mapping[str, Any]) -> bool:
    author = (comment["user"] or {}).get("login")
    return author == AUTHOR and (comment["body"] or "").startswith(MARKER)


def _all(client: httpx.Client, at: Repository, path: str) -> Iterator[dict[str, Any]]:
    """The entries of a list, page after page."""
    for _ in range(_PAGES):
        answer = _ask(client, at, "GET", path)
        yield from answer.json()
        following = answer.links.get("next", {}).get("url", "")
        if not following.startswith(f"{at.address}/"):
            return
        path = following.removeprefix(at.address)


def _ask(
    client: httpx.Client, at: Repository, method: str, path: str, text: str | None = None
) -> httpx.Response:
    body = None if text is None else {"body": text}
    answer = client.request(method, f"{at.address}{path}", json=body)
    if answer.is_success:
        return answer
    place = path.partition("?")[0]
    said = f"{at.address}{place} says {answer.status_code} {answer.reason_phrase}"
    if answer.status_code == 401:
        raise SettingsError(f"{said}: GITHUB_TOKEN has expired or is wrong; pass a job's own token")
    if answer.status_code == 403 and answer.headers.get("x-ratelimit-remaining") != "0":
        raise SettingsError(f"{said}: GITHUB_TOKEN lacks permission; the job needs {_RIGHT}")
    if answer.status_code == 404:
        raise NotFound(
            f"{said}: there is no repository '{at.name}', or the token has no access to it"
        )
    raise CouldNotEvaluate(f"{said}; run the job again later")


def _variable(environment: Mapping[str, str], name: str) -> str:
    if not environment.get(name):
        raise SettingsError(
            f"the environment variable {name} is not set; in a workflow on GitHub the runner sets "
            "all but GITHUB_TOKEN, which the step names: ${{ github.token }}"
        )
    return environment[name]
