from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from fullturn.pipeline import installation
from fullturn.pipeline.installation import requirement


@pytest.fixture
def direct(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What pip recorded of the installation (PEP 610)."""
    found: dict[str, Any] = {}
    monkeypatch.setattr(installation, "origin", lambda: found)
    monkeypatch.setattr(installation, "version", lambda name: "1.2")
    return found


def test_from_an_index_it_is_a_version_with_the_extras_of_the_app(direct: dict[str, Any]) -> None:
    assert requirement("tabular", signs=False).line == "fullturn==1.2"
    assert requirement("tabular").line == "fullturn[signing]==1.2"
    assert requirement("assistant").line == "fullturn[assistant,llm,signing]==1.2"


def test_from_git_it_is_the_commit_without_a_password(direct: dict[str, Any]) -> None:
    direct |= {
        "url": "https://me:hunter22@git.example.org/ft.git",
        "vcs_info": {"vcs": "git", "commit_id": "c0ffee"},
    }
    found = requirement("tabular", signs=False).line
    assert found == "fullturn @ git+https://me:…@git.example.org/ft.git@c0ffee"


def test_from_a_wheel_it_is_a_copy_of_it(direct: dict[str, Any], tmp_path: Path) -> None:
    wheel = tmp_path / "fullturn-1.2-py3-none-any.whl"
    wheel.touch()
    direct |= {"url": wheel.as_uri(), "archive_info": {}}
    found = requirement("tabular")
    assert (found.line, found.wheel) == (f"./wheels/{wheel.name}[signing]", wheel)
    wheel.unlink()
    gone = requirement("tabular", signs=False)
    assert gone.line == "fullturn==1.2" and "which is gone" in gone.note


def test_from_an_address_it_is_that_with_its_digest(direct: dict[str, Any]) -> None:
    direct |= {
        "url": "https://files.example.org/fullturn-1.2.whl",
        "archive_info": {"hashes": {"sha256": "abc"}},
    }
    found = requirement("tabular", signs=False).line
    assert found == "fullturn @ https://files.example.org/fullturn-1.2.whl#sha256=abc"


def test_from_a_checkout_it_is_the_commit_at_its_remote_or_the_folder(
    direct: dict[str, Any], tmp_path: Path
) -> None:
    direct |= {"url": tmp_path.as_uri(), "dir_info": {"editable": True}}
    found = requirement("tabular", signs=False)
    assert found.line == f"fullturn @ {tmp_path.as_uri()}"
    assert "a CI runner does not have" in found.note
    for words in (
        ["init", "-q"],
        ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "x", "--allow-empty"],
        ["remote", "add", "origin", "https://git.example.org/ft.git"],
    ):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    head = subprocess.run(
        ["git", "-C", str(tmp_path), "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    line = requirement("tabular", signs=False).line
    assert line == f"fullturn @ git+https://git.example.org/ft.git@{head}"
