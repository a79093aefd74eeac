"""The example's handbook and questions hold what the lesson needs of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fullturn.data import readers
from fullturn.verbs.init import EXAMPLES, HELD_BACK

ASSISTANT = EXAMPLES / "assistant"


@pytest.fixture(scope="module")
def passages() -> list[dict[str, Any]]:
    return readers.read(sorted((ASSISTANT / "handbook").glob("*.md")))


@pytest.fixture(scope="module")
def questions() -> list[dict[str, Any]]:
    text = (ASSISTANT / "questions.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_passages_are_many_short_and_have_sources(passages: list[dict[str, Any]]) -> None:
    assert len(passages) >= 130 and len({row["chapter"] for row in passages}) >= 14
    for row in passages:
        assert 60 <= len(row["text"].split()) <= 180, row["id"]
        assert row["sources"], row["id"]
    assert set(HELD_BACK) <= {row["chapter"] for row in passages}


def test_questions_are_many_and_name_passages_that_exist(
    passages: list[dict[str, Any]], questions: list[dict[str, Any]]
) -> None:
    ids = {row["id"] for row in passages}
    answered = [row for row in questions if row["kind"] == "answered"]
    assert len(answered) >= 450
    assert all(row["passage"] in ids and row["facts"] for row in answered)
    assert {row["style"] for row in questions} == {"plain", "terse", "roundabout", "misspelt"}


def test_every_key_fact_stands_in_its_passage(
    passages: list[dict[str, Any]], questions: list[dict[str, Any]]
) -> None:
    texts = {row["id"]: row["text"].casefold() for row in passages}
    for row in questions:
        for fact in row.get("facts") or ():
            said = (wording.casefold() for wording in fact)
            assert any(wording in texts[row["passage"]] for wording in said), (row["id"], fact)


def test_half_of_the_unanswerable_questions_are_near_the_subject(
    questions: list[dict[str, Any]],
) -> None:
    kinds = [row["kind"] for row in questions if row["kind"] != "answered"]
    assert len(kinds) >= 120 and 2 * kinds.count("near") >= len(kinds)
