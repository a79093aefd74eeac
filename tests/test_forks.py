"""A forked command is like one that a person starts: it has its own output, exit code and end."""

from __future__ import annotations

import signal
import sys
from multiprocessing.connection import Connection
from pathlib import Path

from tests.forks import LOADED, command, forked


def test_a_command_has_an_exit_code_and_two_outputs(tmp_path: Path) -> None:
    helped = command(tmp_path, "--help")
    assert helped.ended() == 0 and helped.out.startswith("Usage") and not helped.err
    wrong = command(tmp_path, "no-such-command")
    assert wrong.ended() == 2 and "no-such-command" in wrong.err and not wrong.out


def test_a_command_has_the_environment_of_its_caller_and_more(tmp_path: Path) -> None:
    (tmp_path / "fullturn.toml").write_text('name = "toy"\napp = "tests.verbs.toy:Toy"\n')
    elsewhere = tmp_path / "elsewhere"
    assert command(tmp_path, "history", FULLTURN_STATE=str(elsewhere)).ended() == 0
    assert elsewhere.exists() and not (tmp_path / ".fullturn").exists()


def wait(orders: Connection, answer: str) -> None:
    orders.send(answer)
    orders.recv()


def test_a_forked_process_answers_and_is_gone_in_the_end() -> None:
    with forked(wait, "ready") as (orders, process):
        assert orders.recv() == "ready"
        assert process.is_alive()
    assert process.exitcode == -signal.SIGKILL


def missing(orders: Connection) -> None:
    """Say which modules a forked process would have to import."""
    orders.send([name for name in LOADED if name not in sys.modules])


def test_what_takes_long_is_imported_before_a_fork() -> None:
    with forked(missing) as (orders, _):
        assert orders.recv() == []
