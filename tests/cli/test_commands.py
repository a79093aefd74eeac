"""The commands: helped, documented, with --json, and one exit code for each kind of error."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import fullturn.core.errors as tree
from fullturn.cli import main
from fullturn.cli.commands import cli
from fullturn.core.errors import EXIT_CODES, FullturnError

ROOT = Path(__file__).parents[2]


def leaves(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", command


COMMANDS = dict(leaves(cli))


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(words)
    return int(ended.value.code or 0)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_helped_documented_and_answers_in_json(name: str) -> None:
    command = COMMANDS[name]
    assert command.help and len(command.get_short_help_str(100)) > 10
    assert any("--json" in parameter.opts for parameter in command.params)
    assert f"## fullturn {name}\n" in (ROOT / "docs" / "commands.md").read_text()


def test_every_error_has_one_exit_code() -> None:
    errors = [
        kind
        for kind in vars(tree).values()
        if isinstance(kind, type) and issubclass(kind, FullturnError) and kind is not FullturnError
    ]
    for kind in errors:
        assert len([code for base, code in EXIT_CODES if issubclass(kind, base)]) == 1, kind


@pytest.mark.parametrize(("words", "name"), [((), "fullturn"), (("data",), "fullturn data")])
def test_a_group_without_a_command_shows_its_help(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], name: str
) -> None:
    assert run(*words) == 2
    assert capsys.readouterr().err.startswith(f"Usage: {name} [OPTIONS] COMMAND")


def test_a_usage_error_names_the_help_of_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("promote") == 2
    expected = "error: Missing argument 'VERSION'; see `fullturn promote --help`\n"
    assert capsys.readouterr().err == expected
    assert run("data", "comit") == 2
    assert capsys.readouterr().err == "error: No such command 'comit'. Did you mean 'commit'?\n"


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (FileNotFoundError(2, "No such file or directory", "/no/x.html"), "check the path"),
        (IsADirectoryError(21, "Is a directory", "/no"), "check the path"),
        (PermissionError(13, "Permission denied", "/no"), "check disk space and permissions"),
    ],
)
def test_an_error_of_the_system_names_what_to_check(error: OSError, advice: str) -> None:
    assert advice in str(tree.from_system(error))


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from fullturn.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'mlflow', 'pandas', 'pyarrow', 'sklearn', 'scipy', 'numpy', 'pydantic', 'rich'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Start:" in done.stdout


def test_an_unknown_command_is_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("promot") == 2
    assert "promote" in capsys.readouterr().err


def test_outside_a_project_the_next_step_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("-C", str(tmp_path), "runs") == 2
    assert "fullturn init" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("name = 'a'\n[gates]\nmargn = 0.1\n", ["gates.margn", "margin"]),
        ("name = 'a'\n[gates\n", ["not valid TOML"]),
        ("name = 'a'\n[gates]\nalpha = 2.0\n", ["gates.alpha", "2.0"]),
        ("app = 'classifier'\n", ["name", "missing"]),
        ("name = 'a'\napp = 'nosuch'\n", ["nosuch", "mymodule:MyApp"]),
        ("name = 'a'\napp = 'nosuch:App'\n", ["nosuch:App"]),
    ],
)
def test_a_wrong_setting_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], toml: str, words: list[str]
) -> None:
    (tmp_path / "fullturn.toml").write_text(toml)
    assert run("-C", str(tmp_path), "data", "commit", "x.csv") == 2
    said = " ".join(capsys.readouterr().err.split())
    assert all(word in said for word in words), said


def test_errors_come_as_json_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("-C", str(tmp_path), "runs", "--json") == 2
    answer = json.loads(capsys.readouterr().out)
    assert answer["exit_code"] == 2
    assert "fullturn.toml" in answer["error"]


@pytest.mark.parametrize("column", ["txt", "Text"])
def test_init_names_a_column_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], column: str
) -> None:
    (tmp_path / "rows.csv").write_text("text,label\na,b\n")
    words = ["init", "--csv", str(tmp_path / "rows.csv"), "--text", column, "--label", "label"]
    assert run(*words, str(tmp_path / "new")) == 2
    assert f"'{column}'" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_init_refuses_a_folder_that_holds_a_project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rows.csv").write_text("text,label\na,b\n")
    (tmp_path / "fullturn.toml").write_text("name = 'old'\n")
    words = ["init", "--csv", str(tmp_path / "rows.csv"), "--text", "text", "--label", "label"]
    assert run(*words, str(tmp_path)) == 2
    assert "already" in capsys.readouterr().err
    assert (tmp_path / "fullturn.toml").read_text() == "name = 'old'\n"


def test_demo_refuses_a_folder_that_is_not_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    assert run("demo", str(tmp_path)) == 2
    assert (tmp_path / "thesis.txt").exists()
    assert "not an earlier demo" in capsys.readouterr().err
