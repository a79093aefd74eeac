"""Feedback: attached to ids that were given a moment or a restart ago, and the later one counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fullturn.core.entities import Column
from fullturn.serving import log
from fullturn.serving.feedback import FeedbackEntry, FeedbackStore
from fullturn.serving.log import PredictionLog
from tests.serving.live import CONTRACT, ROW, Live, live, together
from tests.serving.test_log import prediction


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("state")) as server:
        yield server


def test_the_right_answer_and_a_score_are_kept_and_the_later_one_counts(one: Live) -> None:
    number = one.predict().json()["ids"][0]
    first = {"id": number, "expected": {"label": "short"}, "source": "anna"}
    assert one.client.post("/feedback", json=first).json() == {"id": number, "replaced": False}
    second = {"id": number, "score": 0.25}
    assert one.client.post("/feedback", json=second).json() == {"id": number, "replaced": True}
    kept = log.feedback_on(one.state, number)
    assert [(f.expected, f.score, f.source) for f in kept] == [
        ({"label": "short"}, None, "anna"),
        (None, 0.25, ""),
    ]


def test_several_come_in_one_request_and_all_or_none_is_kept(one: Live) -> None:
    ids = one.predict(ROW, ROW).json()["ids"]
    several = [{"id": number, "score": 1} for number in (*ids, ids[0])]
    answer = one.client.post("/feedback", json=several)
    assert [kept["replaced"] for kept in answer.json()] == [False, False, True]
    answer = one.client.post(
        "/feedback", json=[{"id": ids[1], "score": 0}, {"id": "x", "score": 0}]
    )
    assert answer.status_code == 404 and "no prediction 'x'" in answer.json()["error"]
    assert str(one.state) not in answer.text and "an id that came with an answer" in answer.text
    assert [kept.score for kept in log.feedback_on(one.state, ids[1])] == [1.0]


BAD = {
    "no object": (["a"], "send an object"),
    "no id": ({"score": 1}, "send the id"),
    "nothing said": ({"id": "a"}, "'expected'"),
    "score out of range": ({"id": "a", "score": 1.5}, "from 0, wrong"),
    "score is true": ({"id": "a", "score": True}, "from 0, wrong"),
    "unknown label": ({"id": "a", "expected": {"labl": "long"}}, "did you mean 'label'?"),
    "value not allowed": ({"id": "a", "expected": {"label": "tall"}}, "not one of long, short"),
    "expected is a text": ({"id": "a", "expected": "long"}, "a value for label"),
    "unknown field": ({"id": "a", "score": 1, "by": "b"}, "unknown field 'by'"),
    "long source": ({"id": "a", "score": 1, "source": "x" * 201}, "200 characters"),
    "none": ([], "0 feedback entries"),
    "too many": ([{"id": "a", "score": 1}] * 1001, "1001 feedback entries"),
}


TOLD = replace(
    CONTRACT,
    columns=(
        *CONTRACT.columns,
        Column("tone", "category", "slice", required=False, allowed=("calm", "loud")),
        Column("thread", role="group", required=False),
    ),
)


def test_all_that_feedback_takes_is_listed_and_described(tmp_path: Path) -> None:
    with live(tmp_path, contract=TOLD) as server:
        number = server.predict().json()["ids"][0]
        said = {"id": number, "expected": {"label": "long", "tone": "calm", "thread": "7"}}
        assert server.client.post("/feedback", json=said).status_code == 200
        wrong = server.client.post("/feedback", json={"id": number, "expected": {"mood": "x"}})
        assert wrong.status_code == 422
        assert wrong.json()["error"].endswith("takes label (label), tone (slice), thread (group)")
        schemas = server.client.get("/openapi.json").json()["components"]["schemas"]
        known = schemas["Expected"]["properties"]
        assert {name: cell["description"] for name, cell in known.items()} == {
            "label": "label", "tone": "slice", "thread": "group",
        }  # fmt: skip
        assert {"type": "string", "enum": ["calm", "loud"]} in known["tone"]["anyOf"]


@pytest.mark.parametrize("case", BAD)
def test_bad_feedback_is_told_what_to_send(one: Live, case: str) -> None:
    body, reason = BAD[case]
    answer = one.client.post("/feedback", json=body)
    assert answer.status_code == 422 and reason in answer.json()["error"], answer.text


def test_ids_of_before_a_restart_are_known(tmp_path: Path) -> None:
    with live(tmp_path) as server:
        first, second = server.predict(ROW, ROW).json()["ids"]
        server.client.post("/feedback", json={"id": first, "score": 0})
    with live(tmp_path) as server:
        for number, replaced in ((first, True), (second, False), (second, True)):
            answer = server.client.post("/feedback", json={"id": number, "score": 1})
            assert answer.json() == {"id": number, "replaced": replaced}


def test_of_many_at_once_one_is_the_first(one: Live) -> None:
    number = one.predict().json()["ids"][0]
    said = {"id": number, "score": 1}
    answers = together(8, lambda n: one.client.post("/feedback", json=said).json())
    assert sorted(answer["replaced"] for answer in answers) == [False] + [True] * 7


def test_forgotten_ids_are_found_in_the_log(tmp_path: Path) -> None:
    with PredictionLog(tmp_path) as writer:
        store = FeedbackStore(tmp_path, writer, most=2)
        made = [prediction(number) for number in range(5)]
        writer.append(made)
        store.remember(made)
        said = [FeedbackEntry(one.id, None, 1.0, "") for one in made]
        assert store.store(said) == [False] * 5
        assert store.store(said) == [True] * 5
