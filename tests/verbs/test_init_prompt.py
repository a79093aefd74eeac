"""`init --prompt`: which cases are read, and what is inferred from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fullturn.core.errors import DataError, FullturnError, UsageError
from fullturn.core.settings import read
from fullturn.verbs.init import Started, init
from fullturn.verbs.workspace import Workspace

PLAIN = [{"question": f"Where is room {n}?", "expected": f"On floor {n}."} for n in range(12)]
PROMPTFOO = """\
prompts: [file://p.txt]
defaultTest:
  vars: {tone: friendly}
tests:
  - vars: {question: "Where is the exit?"}
    assert:
      - {type: icontains, value: left}
      - {type: latency, threshold: 100}
  - description: the second
    vars: {question: "Where is the lift?", tone: dry}
    assert: [{type: contains-all, value: [right, floor]}]
"""
MLFLOW = [
    {
        "inputs": {"question": f"q{n}"},
        "expectations": {"expected_response": f"a{n}", "guidelines": ["Be short.", "Be kind."]},
        "tags": {"area": "sales"},
    }
    for n in range(4)
]
SCHEMA = {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]}


def started(
    folder: Path, prompt: str, cases: Any, name: str = "cases.jsonl", **more: Any
) -> Started:
    (folder / "p.md").write_text(prompt)
    if not isinstance(cases, str):
        cases = "".join(json.dumps(one) + "\n" for one in cases)
    (folder / name).write_text(cases)
    return init(folder / "project", prompt=folder / "p.md", cases=folder / name, **more)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "project" / "cases.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_questions_and_answers_become_a_project_that_commits(tmp_path: Path) -> None:
    made = started(tmp_path, "Answer shortly.", PLAIN)
    settings = read(tmp_path / "project")
    assert settings.app == "prompt" and settings.prompt.file == "prompts/p.md"
    assert settings.prompt.scorers == ("token_f1", "exact_match")
    assert (settings.data.text, settings.data.label) == ("question", "expected")
    assert any("embedded LLM" in note for note in made.notes)
    from fullturn.verbs.data import commit

    assert commit(Workspace.open(tmp_path / "project"), [], "first").rows == 12


def test_tests_of_promptfoo_are_read_with_their_assertions(tmp_path: Path) -> None:
    made = started(tmp_path, "In a {{tone}} tone: {{question}}", PROMPTFOO, "promptfooconfig.yaml")
    assert rows_of(tmp_path) == [
        {"tone": "friendly", "question": "Where is the exit?", "expected": ["left"]},
        {"tone": "dry", "question": "Where is the lift?", "expected": ["right", "floor"]},
    ]
    settings = read(tmp_path / "project")
    assert settings.prompt.scorers == ("contains",) and settings.data.columns == {
        "tone": "text",
        "question": "text",
        "expected": "json",
    }
    from fullturn.verbs.data import commit

    assert commit(Workspace.open(tmp_path / "project"), [], "first").rows == 2
    assert any("no scorer for them here: latency" in note for note in made.notes)


def test_records_of_mlflow_are_read_with_their_guidelines(tmp_path: Path) -> None:
    started(tmp_path, "Answer.", MLFLOW)
    assert rows_of(tmp_path)[1] == {
        "question": "q1",
        "tag_area": "sales",
        "expected": "a1",
        "rubric": "Be short.\nBe kind.",
    }
    settings = read(tmp_path / "project")
    assert settings.prompt.scorers == ("token_f1", "exact_match", "judge:prompts/rubric.md")
    assert settings.prompt.rubric == "rubric" and settings.data.slices == ("tag_area",)
    assert (tmp_path / "project" / "prompts" / "rubric.md").is_file()
    contract = Workspace.open(tmp_path / "project").subject.contract
    assert contract.names("label") == ("expected", "rubric")


def test_a_rubric_alone_is_judged(tmp_path: Path) -> None:
    rows = [{"question": f"q{n}", "rubric": f"Says {n}."} for n in range(4)]
    started(tmp_path, "Answer.", rows)
    settings = read(tmp_path / "project")
    assert settings.prompt.scorers == ("judge:prompts/rubric.md",)
    assert settings.data.label == settings.prompt.rubric == "rubric"
    assert Workspace.open(tmp_path / "project").subject.contract.names("label") == ("rubric",)


def test_a_schema_makes_the_answer_json(tmp_path: Path) -> None:
    (tmp_path / "order.json").write_text(json.dumps(SCHEMA))
    rows = [{"mail": f"order {n}", "expected": {"order": str(n)}} for n in range(4)]
    started(tmp_path, "Extract: {{mail}}", rows, schema=tmp_path / "order.json")
    project = Workspace.open(tmp_path / "project")
    assert project.settings.prompt.scorers == ("fields", "json_schema")
    assert project.settings.prompt.json_schema == "prompts/order.json"
    assert project.subject.perturbations == ()


def test_numbers_are_compared_as_numbers(tmp_path: Path) -> None:
    started(tmp_path, "Add: {{sum}}", [{"sum": f"{n}+1", "answer": n + 1} for n in range(4)])
    assert read(tmp_path / "project").prompt.scorers == ("number",)
    assert rows_of(tmp_path)[0] == {"sum": "0+1", "expected": "1"}


def test_few_answers_that_the_prompt_names_are_labels(tmp_path: Path) -> None:
    rows = [{"text": f"t{n}", "label": ("spam", "ham")[n % 2]} for n in range(8)]
    started(tmp_path, "Is it spam or ham? {{text}}", rows)
    assert read(tmp_path / "project").prompt.labels == ("ham", "spam")


def test_several_prompts_race(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("Briefly: {{question}}")
    (tmp_path / "p.md").write_text("Answer: {{question}}")
    (tmp_path / "c.jsonl").write_text("".join(json.dumps(one) + "\n" for one in PLAIN))
    prompts = [tmp_path / "p.md", tmp_path / "b.txt"]
    init(tmp_path / "project", prompt=prompts, cases=tmp_path / "c.jsonl")
    settings = read(tmp_path / "project")
    assert settings.prompt.space == {"prompt": ("prompts/p.md", "prompts/b.txt")}
    assert settings.experiment.candidates == 2


def test_inputs_with_two_answers_are_mentioned(tmp_path: Path) -> None:
    made = started(tmp_path, "Answer.", [*PLAIN, {**PLAIN[0], "expected": "Elsewhere."}])
    assert any("1 inputs have cases that expect different answers" in one for one in made.notes)


@pytest.mark.parametrize(
    ("prompt", "cases", "problem"),
    [
        ("Answer.", [{"question": "q"}], "1 of 1 cases have neither 'expected' nor 'rubric'"),
        ("{{qestion}}", PLAIN, r"placeholder \{\{qestion\}\}.*did you mean 'question'"),
        ("{% for %}", PLAIN, "is no placeholder|no placeholder"),
        ("---\nlabels: [a, b]\n---\nx", [{"q": "1", "expected": "c"}], "'c', which is none of the"),
        ("---\nlabels: [a]\n---\nx", [{"q": "1", "expected": "a"}], "a list of two labels or more"),
        ("Answer.", [{"expected": "a"}], "the cases have no input"),
        ("Answer.", "not json\n", "not JSON"),
        ("Answer.", "", "is empty"),
    ],
)
def test_cases_that_cannot_be_used_are_named(
    tmp_path: Path, prompt: str, cases: Any, problem: str
) -> None:
    with pytest.raises(FullturnError, match=problem):
        started(tmp_path, prompt, cases)
    assert not (tmp_path / "project" / "fullturn.toml").exists()


def test_a_schema_that_is_none_is_refused(tmp_path: Path) -> None:
    for text, problem in (("{", "is not JSON"), ('{"type": "objekt"}', "is no JSON schema")):
        (tmp_path / "s.json").write_text(text)
        with pytest.raises(UsageError, match=problem):
            started(tmp_path, "Answer.", PLAIN, schema=tmp_path / "s.json")


def test_options_of_a_table_do_not_go_with_a_prompt(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="omit --label"):
        started(tmp_path, "Answer.", PLAIN, label="expected")
    with pytest.raises(UsageError, match="--cases missing"):
        init(tmp_path / "project", prompt=tmp_path / "p.md")


def test_yaml_without_tests_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="write a list of them"):
        started(tmp_path, "Answer.", "prompts: [x]", "cases.yaml")
