"""Prompts: what a file may contain, and how it is filled in."""

from pathlib import Path

import pytest

from fullturn.core.errors import UsageError
from fullturn.llm.prompt_files import read
from fullturn.llm.template import Prompt, check, parse

TEXT = """\
---
model: small
parameters: {temperature: 0.2, max_tokens: 5}
---
# System
You sort reviews. Reply as {"mood": …}.

user:
Review: {{review}}

assistant:
The customer is
"""
YAML = """\
model: small
parameters: {temperature: 0.2, max_tokens: 5}
messages:
  - {role: system, content: 'You sort reviews. Reply as {"mood": …}.'}
  - {role: user, content: "Review: {{review}}"}
  - {role: assistant, content: The customer is}
"""


def written(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_a_text_with_roles_is_the_prompt_that_yaml_says(tmp_path: Path) -> None:
    text = read(written(tmp_path, "a.md", TEXT))
    assert text == read(written(tmp_path, "a.yaml", YAML))
    assert text.placeholders == ("review",) and text.prefill == "The customer is"
    assert text.parameters == {"temperature": 0.2, "max_tokens": 5} and text.model == "small"


def test_single_braces_are_text_and_double_ones_are_filled_once() -> None:
    prompt = parse([{"role": "user", "content": 'As {"a": 1}: {{ x }} {{y}}'}], "p")
    [message] = prompt.render({"x": "{{y}}", "y": [1, "é"]})
    assert message["content"] == 'As {"a": 1}: {{y}} [1, "é"]'


def test_a_text_without_placeholder_is_the_instruction_before_the_input(tmp_path: Path) -> None:
    prompt = read(written(tmp_path, "a.txt", "Answer in French.")).with_input("question")
    assert prompt.render({"question": "Who?"}) == [
        {"role": "system", "content": "Answer in French."},
        {"role": "user", "content": "Who?"},
    ]


def test_examples_come_before_the_first_user() -> None:
    prompt = Prompt(({"role": "system", "content": "s"}, {"role": "user", "content": "{{q}}"}))
    shots = [{"role": "user", "content": "{{q}}"}, {"role": "assistant", "content": "a"}]
    rendered = prompt.render({"q": "now"}, shots)
    assert [one["content"] for one in rendered] == ["s", "{{q}}", "a", "now"]


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.txt", "  \n", "is empty"),
        ("a.txt", "Hello {{user name}}", "no placeholder: write {{name}}"),
        ("a.txt", "{% if x %}Hi{% endif %}", "no placeholder"),
        ("a.txt", "Hello {{name", "no placeholder"),
        ("a.yaml", "messages: [", "is not YAML"),
        ("a.yaml", "a: !!python/object/apply:os.getcwd []", "is not YAML"),
        ("a.yaml", "messages: hello", "a list with a role and a content"),
        ("a.json", "{", "is not JSON"),
        ("a.json", '{"messages": [{"role": "sytem", "content": "x"}]}', "did you mean 'system'"),
        ("a.json", '{"messages": [{"role": "user"}]}', "message 1 is"),
        ("a.json", '{"messages": [], "modle": "m"}', "unknown 'modle'"),
        ("a.json", '{"messages": []}', "has no message"),
        ("a.yaml", "{messages: [], parameters: {temprature: 1}}", "has no message"),
        ("a.md", "---\nparameters: {temprature: 1}\n---\nHi", "unknown parameter 'temprature'"),
        ("a.md", "---\nparameters: {max_tokens: many}\n---\nHi", "max_tokens = 'many'"),
        ("a.docx", "Hi", "no file of a prompt"),
    ],
)
def test_what_is_no_prompt_is_named(tmp_path: Path, name: str, text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        read(written(tmp_path, name, text))


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("Grüß".encode("latin-1"))
    (tmp_path / "big.txt").write_bytes(b"x" * (2**20 + 1))
    for name, problem in (("latin", "not UTF-8"), ("big", "more than 1 MB"), ("none", "cannot be")):
        with pytest.raises(UsageError, match=problem):
            read(tmp_path / f"{name}.txt")


def test_a_placeholder_that_no_case_fills_is_named_with_the_nearest_column() -> None:
    prompt = parse([{"role": "user", "content": "{{reveiw}}"}], "p")
    with pytest.raises(UsageError, match=r"\{\{reveiw\}\}.*did you mean 'review'"):
        check(prompt, ["review", "stars"], "a.txt")
