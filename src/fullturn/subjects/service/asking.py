"""Ask a service over HTTP: deadlines, attempts, and errors that say what to do.

A request is sent again only if the service cannot have processed it: there was no connection, or it
answered 429 or 503. Waits as `Retry-After` says (RFC 9110, section 10.2.3), if it does.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fullturn.core import proxies
from fullturn.core.errors import AppError, ServiceUnavailable
from fullturn.core.parsing import from_json

if TYPE_CHECKING:
    import httpx

_FIRST_PAUSE = 0.2
_NOT_PROCESSED = (429, 503)
_BEHIND_A_PROXY = (502, 504)
_DENIED = (401, 403)
_MOST_BYTES = 64 * 2**20
_UNUSED_SECONDS = 2.0
"""A connection that was not used for longer is not used again: the service may be closing it."""
_SAID = 160


@dataclass(frozen=True, slots=True)
class Limits:
    """How long, how often and how much at a time a service is asked; see `[service]`."""

    timeout: float = 30.0
    concurrency: int = 8
    batch_rows: int = 64
    retries: int = 2


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def said(self) -> str:
        """Its beginning, in one line."""
        kind = self.headers.get("content-type", "no content type").partition(";")[0]
        text = " ".join(self.content[: 4 * _SAID].decode(errors="replace").split())
        return f"{kind}: {text[:_SAID]!r}"


class ServiceClient:
    """Asks one endpoint; `headers` are sent with each request."""

    def __init__(self, endpoint: str, headers: Mapping[str, str], limits: Limits) -> None:
        self._endpoint, self._headers, self._limits = endpoint, dict(headers), limits

    def ask_all(self, bodies: Sequence[Any]) -> list[Any]:
        """The JSON that each of these requests was answered with, some at the same time.

        Raises:
            ServiceUnavailable: there is no answer, or the service takes no more requests.
            AppError: it refused a request, or its answer is no JSON.
        """
        if len(bodies) <= 1 or self._limits.concurrency == 1:
            return [self.ask(body) for body in bodies]
        pool = ThreadPoolExecutor(min(self._limits.concurrency, len(bodies)), "ask a service")
        try:
            return list(pool.map(self.ask, bodies))
        finally:
            pool.shutdown(cancel_futures=True)

    def ask(self, body: Any) -> Any:
        """The JSON that a request was answered with; raises as `ask_all` does."""
        reply = self._reply(body)
        if reply.status != 200:
            raise self._refused(reply)
        try:
            return from_json(reply.content)
        except ValueError:
            raise AppError(
                f"{self._endpoint} answered no JSON ({reply.said}); check url and protocol in "
                "[service]"
            ) from None

    @cached_property
    def _client(self) -> httpx.Client:
        import httpx

        pool = httpx.Limits(
            max_connections=None,
            max_keepalive_connections=self._limits.concurrency,
            keepalive_expiry=_UNUSED_SECONDS,
        )
        client = proxies.client(self._endpoint, timeout=self._limits.timeout, limits=pool)
        weakref.finalize(self, client.close)
        return client

    def _reply(self, body: Any) -> _Reply:
        import httpx

        attempts, reply = self._limits.retries + 1, None
        for attempt in range(attempts):
            is_last, pause = attempt == attempts - 1, _FIRST_PAUSE * 2**attempt
            try:
                reply = self._once(body)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if is_last:
                    raise self._unreachable(error) from error
            except httpx.TimeoutException as error:
                raise self._too_slow() from error
            except (httpx.TransportError, httpx.InvalidURL) as error:
                raise ServiceUnavailable(
                    f"{self._endpoint} ended the connection without a whole answer ({error}); see "
                    "its log, then try again"
                ) from error
            else:
                wait = _retry_after(reply.headers, pause)
                if is_last or reply.status not in _NOT_PROCESSED or wait > self._limits.timeout:
                    return reply
                pause = wait
            time.sleep(pause)
        raise AssertionError

    def _once(self, body: Any) -> _Reply:
        """One request; its answer is read until the time is over."""
        deadline, content = time.monotonic() + self._limits.timeout, bytearray()
        with self._client.stream(
            "POST", self._endpoint, json=body, headers=self._headers
        ) as response:
            for part in response.iter_bytes():
                content += part
                if time.monotonic() > deadline:
                    raise self._too_slow()
                if len(content) > _MOST_BYTES:
                    raise AppError(
                        f"{self._endpoint} answered more than {_MOST_BYTES >> 20} MiB; lower "
                        "batch_rows in [service]"
                    )
            return _Reply(response.status_code, response.headers, bytes(content))

    def _too_slow(self) -> ServiceUnavailable:
        return ServiceUnavailable(
            f"{self._endpoint} did not answer within {self._limits.timeout:g} s; raise timeout in "
            "[service], or ask less at a time (batch_rows, concurrency)"
        )

    def _unreachable(self, error: Exception) -> ServiceUnavailable:
        proxy = proxies.proxy_for(self._endpoint)
        through = f" through the proxy {proxy}, which the environment names" if proxy else ""
        return ServiceUnavailable(
            f"{self._endpoint} cannot be reached{through} ({error}); check url in [service], and "
            "that the service runs"
        )

    def _refused(self, reply: _Reply) -> AppError | ServiceUnavailable:
        status = reply.status
        what = f"{self._endpoint} answered {status} ({reply.said})"
        if status in _NOT_PROCESSED:
            after = reply.headers.get("retry-after")
            when = f", it asks to wait for {after!r}" if after else ""
            return ServiceUnavailable(
                f"{what}{when}; try again later, or lower concurrency in [service]"
            )
        if status in _BEHIND_A_PROXY:
            return ServiceUnavailable(f"{what}; a proxy did not get an answer: see the service")
        if status in _DENIED:
            step = "check the environment variables that token_env and headers in [service] name"
        elif 300 <= status < 400:
            step = f"set url in [service] to where it leads: {reply.headers.get('location')}"
        elif status in (404, 405):
            step = "check url, model and protocol in [service]"
        elif status >= 500:
            step = "see the log of the service"
        else:
            step = "check input, body and protocol in [service], and the columns that it reads"
        return AppError(f"{what}; {step}")


def _retry_after(headers: Mapping[str, str], otherwise: float) -> float:
    """Seconds until another attempt, given in seconds or as a date."""
    given = headers.get("retry-after", "").strip()
    if given.isdecimal():
        return float(given[:9])
    try:
        when = parsedate_to_datetime(given)
    except ValueError:
        return otherwise
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
