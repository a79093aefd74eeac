"""OpenAI's chat protocol: the last question of the user, whole or as a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pytest

from fullturn.core.entities import Column, Contract, Input, Output
from fullturn.core.errors import DataError
from fullturn.serving import log
from tests.serving.live import Live, live

CONTRACT = Contract(
    columns=(Column("question", max_length=100), Column("facts", "json", "label")),
    key=("question",),
    text="question",
)
PATH = "/v1/chat/completions"


class Echo:
    """Repeats a question, with a citation."""

    def predict(self, rows: Sequence[Input]) -> list[Output]:
        if any("nothing" in row["question"] for row in rows):
            raise DataError("ask something")
        return [
            {"answer": f"You asked:\n  {row['question']}", "citations": ["echo/1"],
             "prompt_tokens": 3, "completion_tokens": 4}
            for row in rows
        ]  # fmt: skip


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("state")
    with live(folder, Echo(), contract=CONTRACT, text_of=lambda o: str(o.get("answer"))) as server:
        yield server


def asked(*texts: object) -> dict[str, object]:
    return {"model": "any", "messages": [{"role": "user", "content": text} for text in texts]}


def test_the_last_question_is_answered_with_citations(one: Live) -> None:
    chat = {**asked("first", "how are you"), "user": "anna", "temperature": 0.2}
    answer = one.client.post(PATH, json=chat).json()
    [choice] = answer["choices"]
    assert choice["message"] == {"role": "assistant", "content": "You asked:\n  how are you"}
    assert choice["finish_reason"] == "stop" and answer["object"] == "chat.completion"
    assert answer["citations"] == ["echo/1"] and answer["version"] == 1
    assert answer["usage"] == {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    kept = log.find(one.state, answer["id"])
    assert kept.key == "anna" and kept.input == {"question": "how are you"}


def test_a_stream_brings_the_same_answer_in_pieces(one: Live) -> None:
    text = "one two three four five six seven eight nine ten"
    with one.client.stream("POST", PATH, json={**asked(text), "stream": True}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = [line.removeprefix("data: ") for line in answer.iter_lines() if line]
    assert events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    pieces = [chunk["choices"][0]["delta"].get("content", "") for chunk in chunks]
    assert "".join(pieces) == f"You asked:\n  {text}" and len(pieces) > 4
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["citations"] == ["echo/1"]
    assert log.find(one.state, chunks[0]["id"]).input == {"question": text}


def test_a_text_may_come_in_parts(one: Live) -> None:
    parts = [{"type": "text", "text": "a b"}, {"type": "text", "text": "c"}]
    answer = one.client.post(PATH, json=asked(parts)).json()
    assert answer["choices"][0]["message"]["content"] == "You asked:\n  a b\nc"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "messages = None"),
        ({"messages": []}, "no message has the role 'user'"),
        ({"messages": [{"role": "system", "content": "x"}]}, "no message has the role 'user'"),
        (asked(7), "send a text"),
        (asked([]), "send a text"),
        (asked([{"type": "image_url"}]), "send a text"),
        ({**asked("x"), "stream": "yes"}, "send true or false"),
        ({**asked("x"), "user": {}}, "send a text or a whole number"),
        (asked("  "), "'question' is empty"),
        (asked("x" * 101), "101 characters"),
        (asked("say nothing"), "ask something"),
    ],
)
def test_a_bad_chat_is_422(one: Live, body: dict[str, object], reason: str) -> None:
    answer = one.client.post(PATH, json=body)
    assert answer.status_code == 422 and reason in answer.json()["error"]


def test_other_apps_name_their_route(tmp_path_factory: pytest.TempPathFactory) -> None:
    with live(tmp_path_factory.mktemp("state")) as server:
        answer = server.client.post(PATH, json=asked("hello"))
        assert answer.status_code == 404 and "/predict" in answer.json()["error"]
        assert PATH not in server.client.get("/openapi.json").json()["paths"]
