"""Locking a project's requirements with the real uv, without a network."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fullturn.core import uv
from fullturn.pipeline.lock import LOCKED, SOURCE, can_be_locked, is_locked, lock

WHEEL = "fullturn-9.9-py3-none-any.whl"


def wheel(folder: Path, body: str = "") -> Path:
    """A wheel without dependencies."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / WHEEL, "w") as file:
        file.writestr("fullturn_of_a_test.py", body)
        about = "Metadata-Version: 2.1\nName: fullturn\nVersion: 9.9\nProvides-Extra: signing\n"
        file.writestr("fullturn-9.9.dist-info/METADATA", about)
        file.writestr("fullturn-9.9.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        file.writestr("fullturn-9.9.dist-info/RECORD", "")
    return folder / WHEEL


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")


def installed(folder: Path) -> bool:
    words = ["pip", "install", "--require-hashes", "--requirement", LOCKED, "--target", "target"]
    program = uv.executable()
    assert program is not None
    ended = subprocess.run([program, *words], cwd=folder, capture_output=True, check=False)
    return ended.returncode == 0


def test_a_lock_has_hashes_and_no_address_and_refuses_another_wheel(tmp_path: Path) -> None:
    wheel(tmp_path / "wheels")
    (tmp_path / SOURCE).write_text(f"./wheels/{WHEEL}[signing]\n")
    assert not is_locked(tmp_path)
    assert lock(tmp_path) == ""
    text = (tmp_path / LOCKED).read_text()
    assert is_locked(tmp_path) and f"./wheels/{WHEEL}" in text
    assert "://" not in text and str(tmp_path) not in text and sys.prefix not in text
    assert installed(tmp_path)
    wheel(tmp_path / "wheels", "changed = True\n")
    assert not installed(tmp_path)


def test_offline_nothing_is_written_and_the_reason_is_given(tmp_path: Path) -> None:
    (tmp_path / SOURCE).write_text("fullturn==9.9.9\n")
    why = lock(tmp_path)
    assert why.startswith("uv: ") and "fullturn" in why
    assert not (tmp_path / LOCKED).exists()


def test_without_uv_that_is_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uv, "executable", lambda: None)
    (tmp_path / SOURCE).write_text("fullturn==9.9.9\n")
    assert lock(tmp_path) == "uv is not installed"


@pytest.mark.parametrize(
    ("line", "can"),
    [
        ("fullturn[signing]==1.2", True),
        (f"./wheels/{WHEEL}[signing]", True),
        ("fullturn @ git+https://git.example.org/ft.git@c0ffee", False),
        ("fullturn @ file:///src/fullturn", False),
    ],
)
def test_what_comes_from_git_or_a_folder_has_no_hash(line: str, can: bool) -> None:
    assert can_be_locked(line) is can
