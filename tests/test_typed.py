"""Pages whose commands are typed: what they show, and what makes them stale."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SOURCE = Path(__file__).parents[1] / "scripts" / "typed.py"
STORY = """\
1 Data version  so that it has a name 0 s
version 1: 12 rows

2 The gate  the same checks 3 s
gate: ✓ passed
EVAL04  ✓ passed  22 slices;
                  lowest far
BEHV01  ✓ passed  right -0.017

Full turn in 75 s.
next:
"""


@pytest.fixture(scope="module")
def typed() -> ModuleType:
    spec = importlib.util.spec_from_file_location("typed", SOURCE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["typed"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_a_command_is_typed_and_its_output_is_shown(typed: ModuleType, tmp_path: Path) -> None:
    page = typed.Typist(tmp_path).page("# A\n\n```console\n$ echo one; pwd\n```\n\nend\n")
    assert page == "# A\n\n```console\n$ echo one; pwd\none\n~\n```\n\nend\n"


def test_a_file_of_the_page_is_there_for_its_commands(typed: ModuleType, tmp_path: Path) -> None:
    template = '```text title="a.txt"\nhello\n```\n\n```console\n$ cat a.txt\n```\n'
    assert "$ cat a.txt\nhello" in typed.Typist(tmp_path).page(template)


def test_another_exit_code_is_another_story(typed: ModuleType, tmp_path: Path) -> None:
    expected = typed.Typist(tmp_path).page("```console exit=3\n$ exit 3\n```\n")
    assert "[exit code 3]" in expected
    with pytest.raises(typed.OtherStory, match="ended with 3"):
        typed.Typist(tmp_path).page("```console\n$ exit 3\n```\n")


def test_a_figure_is_what_was_printed_or_no_page_is_made(typed: ModuleType, tmp_path: Path) -> None:
    template = "```console\n$ echo right 0.853\n```\n\nIt is {{right ([\\d.]+)}}.\n"
    assert "It is 0.853." in typed.Typist(tmp_path).page(template)
    with pytest.raises(typed.OtherStory, match="no output matches"):
        typed.Typist(tmp_path).page("It is {{wrong ([\\d.]+)}}.\n")


def test_a_scene_shows_chosen_lines_with_what_belongs_to_them(
    typed: ModuleType, tmp_path: Path
) -> None:
    typist = typed.Typist(tmp_path, STORY, typed.scenes_of(STORY))
    page = typist.page('```scene The gate only="EVAL04"\n```\n')
    kept = "EVAL04  ✓ passed  22 slices;\n                  lowest far"
    assert page == f"```\n2 The gate  the same checks 3 s\n…\n{kept}\n…\n```\n"
    with pytest.raises(typed.OtherStory, match="no scene"):
        typist.page("```scene The end\n```\n")
    with pytest.raises(typed.OtherStory, match="no line"):
        typist.page('```scene The gate only="EVAL99"\n```\n')


@pytest.mark.parametrize(
    ("then", "now", "same"),
    [
        ("gate: ✓ passed in 3 s", "gate: ✓ passed in 12 s", True),
        ("EVAL04  ✓ passed  0.1", "EVAL04  ✗ failed  0.1", False),
        ("$ fullturn ci", "$ fullturn cd", False),
        ("[exit code 1]", "", False),
        ("✓ release  version 3", "· release  version 3", False),
        ("some figure 12", "another line", True),
    ],
)
def test_a_page_is_stale_if_outcomes_differ_not_if_figures_do(
    typed: ModuleType, then: str, now: str, same: bool
) -> None:
    pages = [typed.outline(f"# A\n\n```console\n{text}\n```\n\nText.\n") for text in (then, now)]
    assert (pages[0] == pages[1]) is same


def test_a_page_is_stale_if_its_text_differs_figures_aside(typed: ModuleType) -> None:
    assert typed.outline("After 12 of them.") == typed.outline("After 20 of them.")
    assert typed.outline("After 12 of them.") != typed.outline("Before 12 of them.")


def test_a_longer_figure_may_move_the_end_of_a_line(typed: ModuleType) -> None:
    """A figure of one more digit once made the recorded page stale."""
    then = "It was wrong on 9 %\nof them, the champion on 5. And\n\n- a\n- b\n"
    now = "It was wrong on 10\n% of them, the champion on\n5. And\n\n- a\n- b\n"
    assert typed.outline(then) == typed.outline(now)
    assert typed.outline(then) != typed.outline(now.replace("- b", "b"))


def test_what_a_page_started_is_ended_with_it(typed: ModuleType, tmp_path: Path) -> None:
    typist = typed.Typist(tmp_path)
    typist.page("```console\n$ sh -c 'echo up; sleep 60' &\n```\n")
    assert all(process.poll() is not None for process in typist.running)
