"""What a command may import: a list for each, for every import makes a person wait.

A name that is missing here is either not needed, or needed later than where it is imported.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.compatibility.unpacking import environment, fullturn, unpack

ANSWER = "01a220c4c437425de38043ea7ab767bb"
PROGRAM = """
import contextlib, io, sys
before = {name.partition(".")[0] for name in sys.modules}
from fullturn.cli import run
with contextlib.redirect_stdout(io.StringIO()):
    code = run(sys.argv[1:])
after = {name.partition(".")[0] for name in sys.modules}
print(code, *sorted(after - before - set(sys.stdlib_module_names)))
"""
WORDS = {"fullturn", "click", "rich"}
SETTINGS = WORDS | {
    "annotated_types",
    "pydantic",
    "pydantic_core",
    "typing_extensions",
    "typing_inspection",
}
TABLE = SETTINGS | {"deltalake", "arro3"}
READS = {
    "history": SETTINGS,
    "runs": SETTINGS | {"orjson"},
    "data log": TABLE,
    "data show 3": TABLE,
    "data diff 1 2": TABLE,
    "lineage champion": SETTINGS,
    f"lineage {ANSWER}": TABLE | {"orjson"},
    "release status": SETTINGS | {"orjson"},
    "compare second third": SETTINGS | {"numpy"},
}
FAILURES = {"release status": 2}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with no run of a process that died: ending those is a write."""
    root = unpack(tmp_path_factory.mktemp("imports"))
    fullturn(root, "runs")
    return root


def loaded(*words: str) -> tuple[int, set[str]]:
    """The exit code of a command, and the packages that it loaded."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        capture_output=True,
        text=True,
        env=environment(),
        check=True,
    )
    code, *names = done.stdout.split()
    return int(code), {name for name in names if not name.startswith("_")}


@pytest.mark.parametrize("command", READS)
def test_a_command_that_reads_imports_no_more_than_it_needs(project: Path, command: str) -> None:
    code, names = loaded("-C", str(project), *command.split())
    assert code == FAILURES.get(command, 0)
    assert names <= READS[command]


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        (["histori"], WORDS),
        (["history", "--nothing"], WORDS),
        (["data", "diff", "one", "two"], WORDS),
        (["history"], SETTINGS),
    ],
)
def test_a_wrong_command_is_refused_before_anything_is_imported(
    tmp_path: Path, words: list[str], allowed: set[str]
) -> None:
    code, names = loaded("-C", str(tmp_path), *words)
    assert code == 2 and names <= allowed


def test_a_wrong_setting_is_refused_before_anything_is_imported(tmp_path: Path) -> None:
    (tmp_path / "fullturn.toml").write_text('name = "x"\nnothing = 1\n')
    code, names = loaded("-C", str(tmp_path), "turn")
    assert code == 2 and names <= SETTINGS


def test_an_answer_without_a_server_does_not_wait_for_mlflow(tmp_path: Path) -> None:
    root = unpack(tmp_path)
    code, names = loaded("-C", str(root), "predict", "text=where is my parcel")
    assert code == 0 and not names & {"mlflow", "deltalake", "pyarrow", "pandas"}
