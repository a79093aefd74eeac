"""`make quick` says something about every part: each folder of tests has quick ones."""

from __future__ import annotations

import pytest

from tests.speed import ONLY_SLOW


def test_every_folder_has_quick_tests(pytestconfig: pytest.Config) -> None:
    if ONLY_SLOW not in pytestconfig.stash:
        pytest.skip("only some of the tests were collected")
    assert pytestconfig.stash[ONLY_SLOW] == []
