"""A client of any OpenAI-compatible chat address, over plain HTTP.

vLLM, Ollama, a hosted API or the embedded LLM differ only in their address.
"""

from __future__ import annotations

import hashlib
import json
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx

from fullturn.core import proxies
from fullturn.core.credentials import secret
from fullturn.core.errors import LLMUnavailable
from fullturn.core.settings import LLMSettings
from fullturn.llm import embedded
from fullturn.llm.cache import CompletionCache, Entry
from fullturn.llm.embedded import Endpoint

Message = Mapping[str, str]
"""One message of a chat: its `role` and its `content`."""

_ATTEMPTS = 3
_FIRST_PAUSE = 0.2
_CACHE_FILE = "llm-cache.db"
_OF_PROXIES = (403, 407, 502, 503, 504)
"""Statuses with which a proxy refuses, or cannot reach what is behind it."""
_uncached = ContextVar("_uncached", default=False)


@contextmanager
def uncached(active: bool = True) -> Iterator[None]:
    """Inside this block every answer is computed, so that latency and determinism are real; if not
    `active`, those of the cache are good again."""
    token = _uncached.set(active)
    try:
        yield
    finally:
        _uncached.reset(token)


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer. `latency` is in seconds, as measured when the answer was computed."""

    text: str
    """Empty where the model refused, called a tool, or had nothing to say."""
    prompt_tokens: int
    completion_tokens: int
    latency: float
    cached: bool
    finish: str = "stop"
    """Why it ended, as the API calls it: `stop`, `length`, `content_filter`, `tool_calls`."""
    refusal: str = ""
    """What the model says in place of an answer that it refuses."""
    tool_calls: Sequence[Mapping[str, Any]] = ()
    """The tools that it calls, as the API has them."""
    first_tokens: Mapping[str, float] = field(default_factory=dict)
    """Log-probabilities of the tokens that the answer could have begun with, where asked for."""

    @property
    def is_whole(self) -> bool:
        """Whether it is an answer: not cut off, filtered, refused or empty."""
        ended = self.finish in ("stop", "tool_calls", "")
        return ended and not self.refusal and bool(self.text.strip() or self.tool_calls)


class LLM:
    """An LLM at an address, or the embedded one, which starts at the first question.

    `cache` is a folder; answers found in it are not asked for again. Use as a context
    manager, or call `close`.
    """

    def __init__(self, settings: LLMSettings | None = None, cache: Path | None = None) -> None:
        self._settings = settings or LLMSettings()
        self._cache = CompletionCache(cache / _CACHE_FILE) if cache else None

    def __enter__(self) -> LLM:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. The embedded LLM keeps running: it is shared by the process."""
        if "_client" in self.__dict__:
            self._client.close()

    @cached_property
    def _client(self) -> httpx.Client:
        address = self._settings.base_url or "http://127.0.0.1"
        client = proxies.client(address, timeout=self._settings.timeout)
        weakref.finalize(self, client.close)
        return client

    @property
    def digest(self) -> str:
        """What answers depend on: the sha256 of the weights, or the address and the name."""
        if self._settings.base_url is None:
            return embedded.weights_digest()
        return f"{self._settings.base_url} {self._settings.model}"

    def complete(
        self,
        messages: Sequence[Message],
        max_tokens: int = 128,
        temperature: float = 0.0,
        seed: int = 0,
        options: Mapping[str, Any] = MappingProxyType({}),
    ) -> Completion:
        """Answer a chat; greedy and repeatable unless `temperature` is above 0.

        `options` are other fields of the request, such as `tools` and `response_format`. An answer
        that is refused, cut off, filtered or empty is returned as such, and not cached.

        Raises:
            LLMUnavailable: no answer, a refusal, or an answer that is no chat completion.
            SettingsError: the API key contains an illegal character, or the environment names a
                proxy that cannot be used.
            CouldNotEvaluate: the cache is damaged.
        """
        asked = {
            "messages": [dict(message) for message in messages],
            "max_tokens": max_tokens,
            "temperature": temperature,
            "seed": seed,
            **options,
        }
        key = _key(self.digest, asked)
        known = self._cache.get(key) if self._cache and not _uncached.get() else None
        if known:
            return _recalled(known)
        fresh = self._ask(asked)
        if self._cache and fresh.is_whole:
            self._cache.put(key, _entry(fresh))
        return fresh

    def _ask(self, asked: Mapping[str, Any]) -> Completion:
        endpoint = self._endpoint()
        address = f"{endpoint.base_url.rstrip('/')}/chat/completions"
        started = time.perf_counter()
        response = self._post(address, {"model": endpoint.model, **asked}, endpoint.api_key)
        elapsed = time.perf_counter() - started
        if response.status_code != httpx.codes.OK:
            raise LLMUnavailable(_refusal(address, response, self._settings))
        return _parse(address, response, elapsed)

    def _endpoint(self) -> Endpoint:
        settings = self._settings
        if settings.base_url is None:
            return embedded.endpoint()
        return Endpoint(settings.base_url, settings.model, secret(settings.api_key_env))

    def _post(self, address: str, body: Mapping[str, Any], key: str | None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                response = self._client.post(address, json=body, headers=headers)
                if attempt == _ATTEMPTS or not _worth_another(response):
                    break
            except httpx.TimeoutException as error:
                # Not tried again: an LLM that was too slow once will be too slow twice.
                raise LLMUnavailable(
                    f"{address} did not answer within {self._settings.timeout:g} s; raise "
                    "`timeout` in [llm], or ask for fewer tokens"
                ) from error
            except (httpx.TransportError, httpx.InvalidURL) as error:
                if attempt == _ATTEMPTS or not isinstance(error, httpx.NetworkError):
                    raise LLMUnavailable(_unreachable(address, error)) from error
            time.sleep(_FIRST_PAUSE * 2 ** (attempt - 1))
        return response


def _entry(found: Completion) -> Entry:
    """What the cache stores of a whole answer."""
    more = {
        "finish": found.finish,
        "tool_calls": [*found.tool_calls],
        "first_tokens": dict(found.first_tokens),
    }
    counts = (found.prompt_tokens, found.completion_tokens, found.latency)
    return (found.text, *counts, json.dumps(more))


def _recalled(entry: Entry) -> Completion:
    text, prompt_tokens, completion_tokens, latency, more = entry
    found: dict[str, Any] = json.loads(more)
    return Completion(text, prompt_tokens, completion_tokens, latency, cached=True, **found)


def _key(digest: str, asked: Mapping[str, Any]) -> str:
    text = json.dumps({"llm": digest, **asked}, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _worth_another(response: httpx.Response) -> bool:
    return response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error


def _unreachable(address: str, error: Exception) -> str:
    proxy = proxies.proxy_for(address)
    if proxy is None:
        step = "check `base_url` in [llm] and that the LLM is running"
        return f"{address} cannot be reached ({error}); {step}"
    return (
        f"{address} cannot be reached through the proxy {proxy}, which the environment names "
        f"({error}); check HTTP_PROXY, HTTPS_PROXY and ALL_PROXY, or add the host to NO_PROXY"
    )


def _refusal(address: str, response: httpx.Response, settings: LLMSettings) -> str:
    status = response.status_code
    said = " ".join(response.text.split())[:200]
    proxy = proxies.proxy_for(address) if status in _OF_PROXIES else None
    if proxy is not None:
        return (
            f"the proxy {proxy}, which the environment names, or {address} behind it answered "
            f"{status} ({said}); check the proxy and its login, or add the host to NO_PROXY"
        )
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        step = f"put a valid key into the environment variable {settings.api_key_env}"
    elif status == httpx.codes.NOT_FOUND:
        step = f"check `base_url` and `model` ({settings.model!r}) in [llm]"
    elif _worth_another(response):
        step = f"{_ATTEMPTS} attempts failed: try again later"
    else:
        step = "check `model` in [llm] and the length of the prompt"
    return f"{address} answered {status} ({said}); {step}"


def _parse(address: str, response: httpx.Response, elapsed: float) -> Completion:
    try:
        body = response.json()
        choice = body["choices"][0]
        message, usage = choice["message"], body.get("usage") or {}
        text, refusal = message.get("content"), message.get("refusal")
        calls = message.get("tool_calls") or ()
        if not isinstance(text, str) and not (text is None and (refusal or calls)):
            raise TypeError("the content is not text")
        return Completion(
            text=text or "",
            prompt_tokens=int(usage.get("prompt_tokens", 0)),
            completion_tokens=int(usage.get("completion_tokens", 0)),
            latency=elapsed,
            cached=False,
            finish=str(choice.get("finish_reason") or ""),
            refusal=str(refusal or ""),
            tool_calls=tuple(calls),
            first_tokens=_first_tokens(choice.get("logprobs")),
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise LLMUnavailable(
            f"{address} answered something that is no chat completion "
            f"({response.text[:120]!r}); check that `base_url` in [llm] is an OpenAI-compatible "
            "address, up to but without /chat/completions"
        ) from error


def _first_tokens(logprobs: Any) -> dict[str, float]:
    places = (logprobs or {}).get("content") or [{}]
    return {str(one["token"]): float(one["logprob"]) for one in places[0].get("top_logprobs", ())}
