"""The recorded walk-through, and that another story would be noticed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("walkthrough", ROOT / "scripts/walkthrough.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.syspath_prepend(ROOT / "scripts")
    sys.modules["walkthrough"] = module  # its records look their own module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def page() -> str:
    return (ROOT / "docs" / "regression.md").read_text(encoding="utf-8")


def test_the_recorded_story_holds_a_release_a_refusal_and_nothing_to_do(
    script: ModuleType, page: str
) -> None:
    told = "\n".join(script.outline(page))
    assert f"> ## ✅ {script.NAME}: passed" in told
    assert f"> ## ❌ {script.NAME}: refused" in told
    assert f"> ## ✅ {script.NAME}: nothing to decide" in told


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("❌ ops-assistant: refused", "✅ ops-assistant: passed"),
        ("[exit code 1 after", "[exit code 0 after"),
        ("$ fullturn cd", "$ fullturn ci"),
        ("7/7 report", "7/7 release"),
        ("## The project", "## A project"),
    ],
)
def test_another_outcome_command_step_or_scene_is_another_story(
    script: ModuleType, page: str, was: str, now: str
) -> None:
    assert was in page
    assert script.outline(page.replace(was, now)) != script.outline(page)


def test_numbers_ids_and_times_are_the_same_story(script: ModuleType) -> None:
    one = "[exit code 0 after 31 s]\nversion 2 is champion: gate 1a2b3c4d passed"
    other = "[exit code 0 after 9 s]\nversion 2 is champion: gate 9f8e7d6c passed"
    assert script.outline(one) == script.outline(other) != []


def test_a_step_that_ends_otherwise_is_told(script: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(script.OtherStory, match="ended with 0, not 1"):
        script.Walk(tmp_path).run("true", code=1)


def test_only_named_steps_are_shown_whole(script: ModuleType) -> None:
    lines = ["", "1/2 code  fullturn ci code", "commit", "", "2/2 gate  fullturn gate", "passed"]
    assert script.steps("gate")(lines) == ["", lines[1], "  …", lines[4], "passed"]


def test_the_stamp_changes_with_what_the_page_depends_on(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = script.recorded_with()
    assert script.recorded_with() == before
    monkeypatch.setattr(script, "PARTS", script.PARTS / "nothing")
    assert script.recorded_with() != before
