"""The state folder: it ignores itself in Git, is recognised after it was moved, and odd places are
used or refused at once."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from fullturn.core import state
from fullturn.core.errors import CouldNotEvaluate, SettingsError
from fullturn.core.settings import STATE, Settings, state_folder
from fullturn.core.state import state_id
from tests.needs import mounted

SETTINGS = Settings(name="p", app="classifier")


def test_a_state_ignores_itself_in_git_from_its_first_moment(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    folder = state_folder(SETTINGS, tmp_path)
    (folder / "keys").mkdir()
    (folder / "keys" / "signing.pem").write_text("secret")
    words = ["git", "-C", str(tmp_path), "status", "--porcelain", "--untracked-files=all"]
    assert subprocess.run(words, check=True, capture_output=True).stdout == b""
    assert [path.name for path in folder.iterdir() if path.name != "keys"] == [".gitignore"]


def test_a_state_without_a_gitignore_is_given_one_and_a_persons_own_is_left(tmp_path: Path) -> None:
    folder = tmp_path / ".fullturn"
    folder.mkdir()
    assert state.make(folder) == folder
    assert (folder / ".gitignore").read_text() == "*\n"
    (folder / ".gitignore").write_text("")
    state.make(folder)
    assert (folder / ".gitignore").read_text() == ""


@pytest.mark.parametrize("name", ["with space", "Zäöüß", "100%", "a%2", "日本", "a&b=c", "a;b@c:d"])
def test_usual_names_are_used(tmp_path: Path, name: str) -> None:
    assert state_folder(SETTINGS, tmp_path / name).is_dir()


@pytest.mark.parametrize("name", ["a%20b", "what?", "a#b", "a|b", "a[b]", "a\\b", "a\nb"])
def test_names_that_mlflow_or_delta_would_misread_are_refused_and_nothing_is_made(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(SettingsError, match="cannot contain; use a folder without it"):
        state_folder(SETTINGS, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_an_address_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STATE, "s3://bucket/state")
    with pytest.raises(SettingsError, match="state = 's3://bucket/state' is an address"):
        state_folder(SETTINGS, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_with_the_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".fullturn").write_text("")
    with pytest.raises(SettingsError, match="is a file, not a folder"):
        state_folder(SETTINGS, tmp_path)


@pytest.mark.parametrize("option", ["size=4k", "nr_inodes=2"])
def test_where_a_new_one_does_not_fit_that_is_said(tmp_path: Path, option: str) -> None:
    with mounted(tmp_path / "disk", option) as disk:
        (disk / "filler").write_bytes(bytes(4096))
        with pytest.raises(CouldNotEvaluate, match="No space left on device"):
            state.make(disk / ".fullturn")


def test_one_that_is_read_only_is_read_as_it_is(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=64k") as disk:
        (disk / ".fullturn").mkdir()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        assert state.make(disk / ".fullturn").is_dir()
        with pytest.raises(CouldNotEvaluate, match="Read-only file system"):
            state.make(disk / "other")


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
