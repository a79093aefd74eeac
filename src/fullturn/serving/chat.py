"""OpenAI's chat protocol for assistants: the last message of the user is the question.

https://platform.openai.com/docs/api-reference/chat: fields that are not read here (temperature,
tools …) are ignored, as other servers do. `citations` and `version` are fields of our own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from fullturn.core.entities import Output, Prediction
from fullturn.core.wording import shown
from fullturn.serving.inputs import Malformed, fields, key_of

_PIECE = re.compile(r"\S*\s*(?:\S+\s*){0,3}")
"""Up to four words: the content of one event of a stream."""


@dataclass(frozen=True, slots=True)
class Chat:
    """A question in the form of a chat."""

    question: str
    key: str
    stream: bool


def of_body(body: bytes) -> Chat:
    """The question of a chat; `user` is the entity that asks.

    Raises:
        Malformed: there is none.
    """
    found = fields(body)
    messages, stream = found.get("messages"), found.get("stream")
    if not isinstance(messages, list):
        raise Malformed(f"messages = {shown(messages)}; send a list of messages")
    if stream not in (None, True, False):
        raise Malformed(f"stream = {shown(stream)}; send true or false")
    asked = [m for m in messages if isinstance(m, dict) and m.get("role") == "user"]
    if not asked:
        raise Malformed("no message has the role 'user'; the last of them is the question")
    return Chat(_content(asked[-1].get("content")), key_of(found.get("user")), bool(stream))


def _content(content: Any) -> str:
    """The text of a message, given as such or in parts."""
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    found = [part.get("text") for part in parts if isinstance(part, dict)]
    texts = [text for text in found if isinstance(text, str)]
    if not parts or len(texts) < len(parts):
        raise Malformed(f"the user's content is {shown(content)}; send a text")
    return "\n".join(texts)


def completion(one: Prediction, text: str, model: str) -> dict[str, Any]:
    """An answer in one piece."""
    output = one.output or {}
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": "stop",
    }
    return {**_head(one, model, "chat.completion"), "choices": [choice], "usage": _usage(output),
            **_extra(one, output)}  # fmt: skip


def events(one: Prediction, text: str, model: str) -> Iterator[bytes]:
    """The same answer as server-sent events, a few words each, then `[DONE]`."""
    head = _head(one, model, "chat.completion.chunk")
    yield _event({**head, "choices": [_delta({"role": "assistant", "content": ""})]})
    for piece in _PIECE.findall(text):
        if piece:
            yield _event({**head, "choices": [_delta({"content": piece})]})
    yield _event({**head, "choices": [_delta({}, "stop")], **_extra(one, one.output or {})})
    yield b"data: [DONE]\n\n"


def _head(one: Prediction, model: str, kind: str) -> dict[str, Any]:
    return {"id": one.id, "object": kind, "created": one.time // 1000, "model": model}


def _delta(delta: Mapping[str, str], finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish}


def _extra(one: Prediction, output: Output) -> dict[str, Any]:
    return {"citations": output.get("citations", []), "version": one.version, "arm": one.arm}


def _usage(output: Output) -> dict[str, int]:
    asked, answered = (int(output.get(f"{n}_tokens") or 0) for n in ("prompt", "completion"))
    return {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
    }


def _event(content: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(content) + b"\n\n"
