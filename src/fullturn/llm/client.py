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
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from fullturn.core import proxies
from fullturn.core.credentials import secret
from fullturn.core.errors import LLMUnavailable
from fullturn.core.settings import LLMSettings
from fullturn.llm import embedded
from fullturn.llm.cache import CompletionCache
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
def uncached() -> Iterator[None]:
    """Inside this block every answer is computed, so that latency and determinism are real."""
    token = _uncached.set(True)
    try:
        yield
    finally:
        _uncached.reset(token)


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer. `latency` is in seconds, as measured when the answer was computed."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    latency: float
    cached: bool


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
    ) -> Completion:
        """Answer a chat; greedy and repeatable unless `temperature` is above 0.

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
        }
        key = _key(self.digest, asked)
        known = self._cache.get(key) if self._cache and not _uncached.get() else None
        if known:
            return Completion(*known, cached=True)
        fresh = self._ask(asked)
        if self._cache:
            entry = (fresh.text, fresh.prompt_tokens, fresh.completion_tokens, fresh.latency)
            self._cache.put(key, entry)
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
        text = body["choices"][0]["message"]["content"]
        usage = body.get("usage") or {}
        if not isinstance(text, str):
            raise TypeError("the content is not text")
        return Completion(
            text=text,
            prompt_tokens=int(usage.get("prompt_tokens", 0)),
            completion_tokens=int(usage.get("completion_tokens", 0)),
            latency=elapsed,
            cached=False,
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise LLMUnavailable(
            f"{address} answered something that is no chat completion "
            f"({response.text[:120]!r}); check that `base_url` in [llm] is an OpenAI-compatible "
            "address, up to but without /chat/completions"
        ) from error
