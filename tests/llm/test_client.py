"""The LLM client against a test peer on loopback, a real HTTP server."""

from pathlib import Path

import pytest

from fullturn.core.errors import LLMUnavailable, SettingsError
from fullturn.core.settings import LLMSettings
from fullturn.llm import LLM, Completion, uncached
from tests.conftest import free_port
from tests.llm.peer import Peer, good, serving

CHAT = [{"role": "user", "content": "Hi"}]
BAD_BODIES = [
    b"<html>It works!</html>",
    b"{}",
    b'{"choices": []}',
    b'{"choices": [{"message": {"content": null}}]}',
    b"[1, 2]",
    b"\xff\xfe",
]


def ask(peer: Peer, cache: Path | None = None, **settings: object) -> Completion:
    """One question to the peer."""
    chosen = {"base_url": peer.base_url, "model": "m", **settings}
    with LLM(LLMSettings.model_validate(chosen), cache) as llm:
        return llm.complete(CHAT, max_tokens=5)


def test_an_answer_comes_with_its_tokens_and_the_time_it_took() -> None:
    with serving(good()) as peer:
        answer = ask(peer)
    assert (answer.text, answer.prompt_tokens, answer.completion_tokens) == ("Hello.", 7, 2)
    assert answer.latency > 0
    assert not answer.cached


def test_the_request_is_what_every_compatible_server_understands() -> None:
    with serving(good()) as peer:
        ask(peer)
    assert peer.asked == [
        {
            "path": "/v1/chat/completions",
            "model": "m",
            "messages": CHAT,
            "max_tokens": 5,
            "temperature": 0.0,
            "seed": 0,
        }
    ]


def test_the_key_is_read_from_the_named_environment_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_KEY", "sesame")
    with serving(good()) as peer:
        ask(peer, api_key_env="MY_KEY")
        ask(peer, api_key_env="NO_SUCH_KEY")
    assert peer.keys == ["Bearer sesame", None]


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_passing_fault_is_tried_again(status: int) -> None:
    with serving((status, b"busy"), (status, b"busy"), good()) as peer:
        assert ask(peer).text == "Hello."
    assert len(peer.asked) == 3


def test_a_lasting_fault_is_given_up_after_three_attempts() -> None:
    with serving((500, b"out of memory")) as peer:
        with pytest.raises(LLMUnavailable, match=r"answered 500 \(out of memory\); 3 attempts"):
            ask(peer)
        assert len(peer.asked) == 3


@pytest.mark.parametrize(
    ("status", "step"),
    [(401, "OPENAI_API_KEY"), (403, "OPENAI_API_KEY"), (404, "base_url"), (400, "length")],
)
def test_a_refusal_names_the_next_step_and_is_not_repeated(status: int, step: str) -> None:
    with serving((status, b"no")) as peer:
        with pytest.raises(LLMUnavailable, match=step):
            ask(peer)
        assert len(peer.asked) == 1


@pytest.mark.parametrize("body", BAD_BODIES)
def test_what_is_no_chat_completion_is_refused(body: bytes) -> None:
    with (
        serving((200, body)) as peer,
        pytest.raises(LLMUnavailable, match="no chat completion.*base_url"),
    ):
        ask(peer)


def test_a_slow_server_is_not_waited_for_longer_than_the_timeout() -> None:
    with serving(good(), pause=1.0) as peer:
        with pytest.raises(LLMUnavailable, match=r"within 0.1 s; raise `timeout`"):
            ask(peer, timeout=0.1)
        assert len(peer.asked) == 1


def test_nobody_listening_is_named_with_its_address() -> None:
    address = f"http://127.0.0.1:{free_port()}/v1"
    with (
        LLM(LLMSettings(base_url=address)) as llm,
        pytest.raises(LLMUnavailable, match=rf"{address}.*cannot be reached.*base_url"),
    ):
        llm.complete(CHAT)


@pytest.mark.parametrize("address", ["not an address", "ftp://127.0.0.1/v1", "http://[::"])
def test_an_address_that_is_none_is_refused_at_once(address: str) -> None:
    with (
        LLM(LLMSettings(base_url=address)) as llm,
        pytest.raises(LLMUnavailable, match="cannot be reached"),
    ):
        llm.complete(CHAT)


def test_missing_usage_counts_as_no_tokens() -> None:
    with serving(good(usage=None)) as peer:
        answer = ask(peer)
    assert (answer.prompt_tokens, answer.completion_tokens) == (0, 0)


def test_the_same_question_is_asked_only_once(tmp_path: Path) -> None:
    with serving(good()) as peer:
        first, second = ask(peer, tmp_path), ask(peer, tmp_path)
        assert len(peer.asked) == 1
    assert not first.cached
    assert second.cached
    assert (second.text, second.latency) == (first.text, first.latency)


def test_every_parameter_is_part_of_the_question(tmp_path: Path) -> None:
    with serving(good()) as peer:
        settings = LLMSettings(base_url=peer.base_url, model="m")
        with LLM(settings, tmp_path) as llm:
            llm.complete(CHAT)
            llm.complete(CHAT, max_tokens=9)
            llm.complete(CHAT, temperature=0.5)
            llm.complete(CHAT, seed=1)
            llm.complete([*CHAT, {"role": "user", "content": "there"}])
        with LLM(settings.model_copy(update={"model": "other"}), tmp_path) as llm:
            llm.complete(CHAT)
        assert len(peer.asked) == 6


def test_uncached_answers_are_computed_again(tmp_path: Path) -> None:
    with serving(good()) as peer:
        ask(peer, tmp_path)
        with uncached():
            assert not ask(peer, tmp_path).cached
        assert ask(peer, tmp_path).cached
        assert len(peer.asked) == 2


def test_a_failure_is_not_remembered(tmp_path: Path) -> None:
    with serving((401, b"no"), good()) as peer:
        with pytest.raises(LLMUnavailable):
            ask(peer, tmp_path)
        assert ask(peer, tmp_path).text == "Hello."


@pytest.fixture
def _proxy(monkeypatch: pytest.MonkeyPatch) -> str:
    """A proxy at which nobody listens."""
    address = f"http://127.0.0.1:{free_port()}"
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, address)
    return address


def test_a_proxy_that_does_not_answer_is_named(_proxy: str) -> None:
    peer = Peer([], base_url="http://llm.example/v1")
    with pytest.raises(LLMUnavailable, match=f"through the proxy {_proxy}, .*NO_PROXY"):
        ask(peer)


def test_a_proxy_that_refuses_is_named(monkeypatch: pytest.MonkeyPatch, _proxy: str) -> None:
    with serving((407, b"who are you?")) as proxy:
        address = proxy.base_url.removesuffix("/v1")
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, address)
        with pytest.raises(LLMUnavailable, match=f"the proxy {address}.* answered 407 .who are"):
            ask(Peer([], base_url="http://llm.example/v1"))


def test_an_llm_on_this_machine_is_asked_without_a_proxy(
    monkeypatch: pytest.MonkeyPatch, _proxy: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    with serving(good()) as peer:
        assert ask(peer).text == "Hello."


def test_a_key_is_trimmed_and_an_illegal_one_is_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-sesame\n")
    with serving(good()) as peer:
        ask(peer, api_key_env="MY_KEY")
        assert peer.keys == ["Bearer sk-sesame"]
        monkeypatch.setenv("MY_KEY", "sk-sésame")
        with pytest.raises(SettingsError, match="MY_KEY contains a character that is not ASCII"):
            ask(peer, api_key_env="MY_KEY")
        assert len(peer.asked) == 1
