"""A state folder is recognised after it was moved; a copy is another one."""

from __future__ import annotations

import shutil
from pathlib import Path

from fullturn.core.identity import state_id


def test_a_moved_folder_is_the_same_and_a_copied_one_is_not(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    first = state_id(here)
    assert state_id(here) == first
    here.rename(there)
    assert state_id(there) == first
    shutil.copytree(there, here)
    copied = state_id(here)
    assert copied != first and state_id(here) == copied and state_id(there) == first
