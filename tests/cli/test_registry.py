"""What `gate` says of its report."""

from __future__ import annotations

from dataclasses import replace

import pytest

import fullturn.verbs.gate  # noqa: F401  it says how a report is shown
from fullturn.cli.output import show
from tests.gates.test_report import FIRST, PASSED


def test_the_head_says_which_version_is_of_what(capsys: pytest.CaptureFixture[str]) -> None:
    show(replace(PASSED, dataset="proj version 2", champion="version 1"))
    head = capsys.readouterr().out.splitlines()[0]
    assert head == "gate: ✓ passed   data: proj version 2; champion: version 1"
    show(FIRST)
    assert "champion: none yet" in capsys.readouterr().out.splitlines()[0]
