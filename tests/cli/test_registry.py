"""What `gate` says of its report."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

import fullturn.verbs.gate  # noqa: F401  it says how a report is shown
from fullturn.cli.output import show
from fullturn.core.entities import HistoryEntry
from fullturn.verbs.history import History
from tests.gates.test_report import FIRST, PASSED

AFTER_ROLLBACK = """
from fullturn.verbs.rollback import rollback  # and no other verb
from fullturn.cli.output import show
from fullturn.core.entities import HistoryEntry
show(HistoryEntry(2, "rollback", 1, 2, "ada", "too slow", None, "2026-11-28T08:15:18+00:00"))
"""


def test_a_rollback_shows_itself_as_a_promotion_does() -> None:
    done = subprocess.run(
        [sys.executable, "-c", AFTER_ROLLBACK], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "champion: version 2 → version 1 (rollback)",
        "next: fullturn history",
    ]


def test_a_history_without_entries_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    show(History())
    assert capsys.readouterr().out.splitlines() == ["no promotions yet", "next: fullturn turn"]


def test_a_first_promotion_is_not_followed_by_a_rollback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = HistoryEntry(1, "promotion", 1, None, "ada", "first", None, "2026-11-28T08:15:18+00:00")
    show(History([first]))
    show(first)
    assert "rollback" not in capsys.readouterr().out


def test_the_head_says_which_version_is_of_what(capsys: pytest.CaptureFixture[str]) -> None:
    show(replace(PASSED, dataset="proj version 2", champion="version 1"))
    head = capsys.readouterr().out.splitlines()[0]
    assert head == "gate: ✓ passed   data: proj version 2; champion: version 1"
    show(FIRST)
    assert "champion: none yet" in capsys.readouterr().out.splitlines()[0]
