"""A crash ends with exit code 70, one sentence, and a report without secrets."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from fullturn.cli import main
from fullturn.core import credentials, faults
from fullturn.project import Project


def crash(self: object) -> None:
    raise ValueError("the key sk-cr4sh is\x1b[31m wrong")


@pytest.fixture
def _crashing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "sk-cr4sh")
    credentials.secret("MY_API_KEY")
    monkeypatch.setattr(Project, "history", crash)


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return int(ended.value.code or 0)


@pytest.mark.usefixtures("_crashing")
def test_a_crash_is_no_verdict_and_leaves_a_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "fullturn.toml").write_text('name = "a"\n')
    assert run("-C", str(tmp_path), "history") == faults.FAULT == 70
    said = "".join(capsys.readouterr().err.splitlines())
    assert "fullturn itself failed" in said and "ValueError: the key … is" in said
    [report] = (tmp_path / ".fullturn" / "faults").iterdir()
    text = report.read_text()
    assert "Traceback" in text and "def crash" not in text and "command: fullturn -C" in text
    assert "sk-cr4sh" not in said + text and "\x1b" not in said
    assert stat.S_IMODE(report.stat().st_mode) == 0o600


@pytest.mark.usefixtures("_crashing")
def test_without_a_project_the_report_is_in_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    said = faults.report(ValueError("x"), "fullturn runs", faults.state_of(tmp_path))
    place = re.search(r"report is in (\S+);", said)
    assert place and Path(place[1]).parent == tmp_path


def test_a_full_disk_does_not_hide_the_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    said = faults.report(ValueError("x"), "fullturn runs", tmp_path / "file")
    assert "ValueError: x" in said and "No report could be written" in said
