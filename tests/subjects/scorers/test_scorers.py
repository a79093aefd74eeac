"""Each scorer on answers whose score is known."""

import sys
from pathlib import Path
from typing import Any

import pytest

from fullturn.core.errors import AppError, DataError, FullturnError, SettingsError
from fullturn.llm import LLM
from fullturn.subjects.scorers.answer import Answer
from fullturn.subjects.scorers.registry import Surroundings, find

SCHEMA = {
    "type": "object",
    "properties": {"order": {"type": "string", "pattern": "^[0-9]+$"}},
    "required": ["order"],
}


def score(scorer: str, value: Any, expected: Any = None, root: Path | None = None) -> float:
    text = value if isinstance(value, str) else str(value)
    [one] = find([scorer], Surroundings(root, SCHEMA, LLM)).values()
    return one(Answer({"question": "q"}, text, value, expected))


@pytest.mark.parametrize(
    ("scorer", "value", "expected", "right"),
    [
        ("accuracy", "yes", "yes", 1),
        ("accuracy", "Yes", "yes", 0),
        ("exact_match", " The  Hague", "the hague", 1),
        ("exact_match", "The Hague.", "the hague", 0),
        ("token_f1", "in the hague", "the hague", 0.8),
        ("contains", "It is  THE hague", "the Hague", 1),
        ("contains", "red and blue", ["red", "green"], 0.5),
        ("contains(sorry)", "I am Sorry", "whatever", 1),
        (r"regex(^A-\d+$)", "A-12", None, 1),
        (r"regex(^A-\d+$)", "see A-12", None, 0),
        ("number", "so 2 + 2 = 4", 4, 1),
        ("number", "about 1,250.5 euros", "1250.5", 1),
        ("number(1%)", "100.9", 100, 1),
        ("number(1%)", "101.1", 100, 0),
        ("number(0.5)", "−3.4", -3, 1),
        ("number", "none", 4, 0),
        ("json_schema", {"order": "12"}, None, 1),
        ("json_schema", {"order": "x"}, None, 0),
        ("json_schema", None, None, 0),
        ("fields", {"a": "X y", "b": {"c": 1.0}}, {"a": "x  Y", "b": {"c": 1}}, 1),
        ("fields", {"a": 1, "b": 2}, {"a": 1, "b": 3}, 0.5),
        ("fields", {"a": 1, "invented": 2}, {"a": 1, "b": None}, 0.5),
        ("fields", None, {"a": 1}, 0),
        ("fields", {"a": True}, {"a": 1}, 0),
        ("recall(2)", ["x", "b", "a"], ["a", "b"], 0.5),
        ("mrr", ["x", "b", "a"], ["a", "b"], 0.5),
        ("mrr", ["x"], ["a"], 0),
    ],
)
def test_a_scorer_gives_the_known_score(
    scorer: str, value: Any, expected: Any, right: float
) -> None:
    assert score(scorer, value, expected) == pytest.approx(right)


def test_similarity_is_about_meaning() -> None:
    near = score("similarity", "The cat sat on the mat.", "A cat is sitting on a mat.")
    far = score("similarity", "Interest rates rose again.", "A cat is sitting on a mat.")
    assert score("similarity", "", "A cat") == 0 < near <= 1 and near > far + 0.3


def test_scores_have_names_of_their_own() -> None:
    around = Surroundings(None, SCHEMA, LLM)
    named = ["contains", "polite = contains(please)", "mymodule = exact_match"]
    assert list(find(named, around)) == ["contains", "polite", "mymodule"]
    with pytest.raises(SettingsError, match=r"two scores 'contains'; name one, as in 'contains_2"):
        find(["contains", "contains(please)"], around)


@pytest.mark.parametrize(
    ("scorer", "problem"),
    [
        ("exact", "no scorer 'exact'.*exact_match"),
        ("number(few)", "write a tolerance such as 0.5 or 1%"),
        ("regex([)", "no regular expression"),
        ("regex", "cannot be created"),
        ("recall(0)", r"as in recall\(3\)"),
        ("nowhere:score", "nowhere.py"),
    ],
)
def test_a_wrong_scorer_is_named(scorer: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(FullturnError, match=problem):
        score(scorer, "x", "x", tmp_path)


def test_a_case_without_a_number_is_named() -> None:
    with pytest.raises(DataError, match="'many', which has no number"):
        score("number", "4", "many")


OWN = """
def half(input, answer, expected):
    return 0.5 if input == {"question": "q"} else 0.0

def right(input, answer, expected):
    return answer == expected

def raises(input, answer, expected):
    return 1 / 0

def nan(input, answer, expected):
    return float("nan")

class Feedback:
    error, value = None, "yes"

class Judge:
    def __call__(self): ...
    def run(self, *, inputs, outputs, expectations):
        assert (inputs, outputs) == ({"question": "q"}, "x")
        assert expectations == {"expected_response": "x"}
        return Feedback()
"""


def test_a_function_of_ones_own_scores_and_its_faults_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_scorers.py").write_text(OWN)
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert score("own_scorers:half", "x", "x", tmp_path) == 0.5
    assert score("own_scorers:right", "x", "x", tmp_path) == 1
    assert score("own_scorers:Judge", "x", "x", tmp_path) == 1
    with pytest.raises(AppError, match="own_scorers:raises' raised ZeroDivisionError"):
        score("own_scorers:raises", "x", "x", tmp_path)
    with pytest.raises(AppError, match="returned nan; return a number within"):
        score("own_scorers:nan", "x", "x", tmp_path)
