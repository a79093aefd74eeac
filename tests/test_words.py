"""The lint of names, messages and docs: what it finds, what it allows, and its list of files."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SOURCE = Path(__file__).parents[1] / "scripts" / "words.py"


@pytest.fixture(scope="module")
def words() -> ModuleType:
    spec = importlib.util.spec_from_file_location("words", SOURCE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["words"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("kept = 1", ["kept"]),
        ("def _told(x): ...", ["_told"]),
        ("class FeedbackDesk: ...", ["FeedbackDesk"]),
        ("is_kept_apart = x.worse_told", ["is_kept_apart", "is_kept_apart", "worse_told"]),
        ("keeper = department = folded = desktop", []),
        ("x = 'kept'  # told", []),
    ],
)
def test_a_word_to_avoid_is_found_in_every_part_of_a_name(
    words: ModuleType, code: str, found: list[str]
) -> None:
    assert [one.found for one in words.names(code, "a.py")] == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The folder holds two files.", ["holds"]),
        ("version 2 went back to 1", ["went back"]),
        (
            "Taken all the way round; it stands on record.",
            ["all the way round", "stands", "on record"],
        ),
        ("Held-out rows, and a process holds the lock.", []),
        ("It stands for a file; apart from that, nothing.", []),
        ("A household, a foretold end, compartments.", []),
    ],
)
def test_phrases_are_found_unless_their_use_is_fine(
    words: ModuleType, text: str, found: list[str]
) -> None:
    assert [one.found for one in words.phrases(text, "a.md")] == found


def test_strings_comments_and_f_strings_are_read_and_lines_counted(words: ModuleType) -> None:
    code = 'a = 1\nb = f"""one\n{a} is kept"""\n# mend it\nkept = 2\n'
    found = list(words.strings(code, "a.py"))
    assert [(one.line, one.found) for one in found] == [(3, "kept"), (4, "mend")]
    assert str(found[1]) == "a.py:4: 'mend': write repair, fix"


def test_recorded_output_and_generated_pages_are_not_read(
    words: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "tutorial.md").write_text("It holds two.")
    (tmp_path / "README.md").write_text("A\n```\nit holds two\n```\nis kept\n")
    [(file, [one])] = words.findings(tmp_path).items()
    assert (file, one.line, one.found) == ("README.md", 5, "kept")


def test_every_word_has_another_one_and_every_use_a_reason(words: ModuleType) -> None:
    for table in (words.NAMES, words.PHRASES, words.ALLOWED):
        assert all(table.values())


def test_no_word_to_avoid_is_in_this_repository(words: ModuleType) -> None:
    assert words.findings(words.ROOT) == {}
