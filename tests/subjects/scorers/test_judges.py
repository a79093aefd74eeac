"""Scorers that ask a model, here a stand-in."""

from pathlib import Path

import pytest

from fullturn.core.errors import AppError, SettingsError
from fullturn.core.settings import LLMSettings
from fullturn.llm import LLM
from fullturn.subjects.scorers.answer import Answer
from fullturn.subjects.scorers.registry import Surroundings, find
from tests.stand_in import StandIn, stand_in

ANSWER = Answer({"question": "Where is it?"}, "We are sorry.", "We are sorry.", "Sorry!", "polite")


def judged(running: StandIn, root: Path, scorer: str, answer: Answer = ANSWER) -> float:
    llm = LLM(LLMSettings(base_url=running.base_url, model="judge"), root / "cache")
    [score] = find([scorer], Surroundings(root, None, lambda: llm)).values()
    return score(answer)


def test_a_rubric_without_placeholders_is_given_the_case(tmp_path: Path) -> None:
    (tmp_path / "TONE.md").write_text("Is the answer polite?")
    with stand_in() as running:
        assert judged(running, tmp_path, "judge:TONE.md") == 1
        [message] = running.asked[0]["messages"]
        for part in ("Is the answer polite?", "Where is it?", "Sorry!", "polite", "We are sorry."):
            assert part in message["content"]
        assert running.asked[0]["response_format"]["type"] == "json_schema"
        assert judged(running, tmp_path, "judge:TONE.md") == 1
        assert len(running.asked) == 1  # from the cache


def test_a_preference_is_asked_in_both_orders(tmp_path: Path) -> None:
    (tmp_path / "better.md").write_text("Which is more helpful?")
    short = Answer({"question": "q"}, "No.", "No.", "Sorry!")
    with stand_in() as running:
        assert judged(running, tmp_path, "prefer:better.md") == 1
        assert judged(running, tmp_path, "prefer:better.md", short) == 0
        running.message = {"content": '{"better": "A"}'}  # prefers a place
        other = Answer({"question": "q2"}, "No.", "No.", "Sorry!")
        assert judged(running, tmp_path, "prefer:better.md", other) == 0.5


@pytest.mark.parametrize("reply", ["Good!", '{"score": 9}', '{"score": "5"}', "[1]"])
def test_a_judge_without_a_verdict_is_asked_once_more_and_named(tmp_path: Path, reply: str) -> None:
    (tmp_path / "TONE.md").write_text("Is the answer polite?")
    with stand_in() as running:
        running.message = {"content": reply}
        with pytest.raises(AppError, match=r"judge 'TONE\.md' replied .*no verdict"):
            judged(running, tmp_path, "judge:TONE.md")
        assert [one["seed"] for one in running.asked] == [0, 1]


def test_an_unknown_placeholder_of_a_rubric_is_named(tmp_path: Path) -> None:
    (tmp_path / "TONE.md").write_text("Is {{tone}} right?")
    with stand_in() as running, pytest.raises(SettingsError, match=r"placeholder \{\{tone\}\}"):
        judged(running, tmp_path, "judge:TONE.md")
