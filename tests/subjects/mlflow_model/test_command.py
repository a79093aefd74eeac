"""A team's command: how it ends, what of it is shown, and that nothing of it is left running."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from fullturn.core import redaction
from fullturn.core.errors import AppError, SettingsError
from fullturn.subjects.mlflow_model import command
from tests.waiting import is_alive, wait_until

VALUES = {"C": "0.1", "name": "two words", "seed": "7", "train": "/data/train.parquet"}


def run(folder: Path, code: str, timeout: float = 60.0, **variables: str) -> str:
    environment: Mapping[str, str] = {**os.environ, **variables}
    command.run([sys.executable, "-c", code], folder, environment, timeout, folder / "output.txt")
    return (folder / "output.txt").read_text()


def test_names_in_braces_become_whole_words_without_a_shell() -> None:
    found = command.words_of("python train.py --C {C} 'a;b' {name} --out=x{seed}", VALUES, None)
    assert found == [sys.executable, "train.py", "--C", "0.1", "a;b", "two words", "--out=x7"]
    named = command.words_of("python3.11 x.py", VALUES, Path("other/bin/python"))
    assert named == ["other/bin/python", "x.py"]
    assert command.words_of("make train", VALUES, None) == ["make", "train"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("python t.py {lr}", r"names \{lr\}, which is no parameter; known are .*\{C\}"),
        ("python t.py {test}", "no training gets the test rows"),
        ("python 't.py", "No closing quotation"),
        ("  ", "is empty"),
    ],
)
def test_a_command_that_cannot_be_read_is_refused(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        command.words_of(text, VALUES, None)


def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="'no-such-program' cannot be started: No such file"):
        command.run(["no-such-program"], tmp_path, {}, 1.0, tmp_path / "output.txt")


def test_a_failure_has_its_exit_code_and_last_lines_without_secrets(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    redaction.note("hunter2-hunter2")
    caplog.set_level(logging.INFO, "fullturn.train")
    code = (
        "import sys; print('key hunter2-hunter2')\nsys.stderr.write('no column x\\n'); sys.exit(3)"
    )
    with pytest.raises(AppError, match=r"exit code 3. Its last lines:\n  key …\n  no column x"):
        run(tmp_path, code)
    assert caplog.messages == ["key …", "no column x"]
    assert "hunter2" not in (tmp_path / "output.txt").read_text()


def test_a_signal_is_named(tmp_path: Path) -> None:
    with pytest.raises(AppError, match=r"was ended by SIGKILL. Its last lines: \(no output\)"):
        run(tmp_path, "import os; os.kill(os.getpid(), 9)")


def test_much_output_and_lines_without_end_block_nothing(tmp_path: Path) -> None:
    code = "import sys; [print('x' * 999) for _ in range(9000)]; sys.stdout.write('y' * 2_000_000)"
    text = run(tmp_path, code)
    assert len(text) < command._LONGEST_FILE + 2**17  # noqa: SLF001


def test_a_command_that_hangs_is_stopped_with_its_children(tmp_path: Path) -> None:
    code = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True); time.sleep(600)"
    )
    with pytest.raises(AppError, match=r"did not end within 2 s and was stopped; raise \[train\]"):
        run(tmp_path, code, timeout=2.0)
    child = int((tmp_path / "output.txt").read_text())
    wait_until("the child has ended", lambda: not is_alive(child))


def test_what_a_command_leaves_running_is_ended_with_it(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\n"
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid)"
    )
    child = int(run(tmp_path, code))
    wait_until("the child has ended", lambda: not is_alive(child))


def test_an_interruption_ends_the_command(tmp_path: Path) -> None:
    pids: list[int] = []
    pid = tmp_path / "pid"

    def interrupt() -> None:
        wait_until("it runs", lambda: pid.exists() and bool(pid.read_text()))
        pids.append(int(pid.read_text()))
        os.kill(os.getpid(), signal.SIGINT)

    code = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(600)"
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, code)
    thread.join()
    assert not is_alive(pids[0])
