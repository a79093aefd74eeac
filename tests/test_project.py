"""The public face: each command is a method of the project, with its words and defaults."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_type_hints

import click
import pytest

import fullturn
from fullturn.cli import run
from fullturn.cli.commands import cli
from fullturn.core.errors import FullturnError, NotFound, UsageError, exit_code
from fullturn.core.showing import Result
from fullturn.pipeline.steps import DELIVER, EVALUATE, Step
from fullturn.project import Group, Project, Verb
from fullturn.verbs.ci.run import CALLS
from tests.projects import copied

STORIES = {"demo", "present"}
"""Commands that tell a story in a terminal or a browser, and give nothing back."""
NO_PROJECT = {"ci comment", "dashboards", "llm install"}
"""A comment is written beside a stranger's pull request, from nothing but the report; the others
write files for other programs."""

FIRST_OR_WITHOUT = {"adopt", "init", "judge", "watch"}
"""They make a project, or need none."""
ONLY_TYPED = ("as_json", "help", "no_id")
"""Options that Python says otherwise: `id=None`."""


def leaves(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, f"{path}{name} ")
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield f"{path}{name}", command


COMMANDS = {name: found for name, found in leaves(cli) if name not in STORIES | NO_PROJECT}


def method(name: str) -> Callable[..., Any]:
    """The function behind `fullturn NAME`."""
    if name in FIRST_OR_WITHOUT:
        return getattr(fullturn, name)  # type: ignore[no-any-return]
    name = name.removesuffix(" start")
    found: Any = Project
    for word in name.split():
        found = getattr(found, word)
        if isinstance(found, property):
            assert found.fget is not None
            found = get_type_hints(found.fget)["return"]
    if isinstance(found, type):
        found = vars(found)["__call__"].__get__(None, found)
    return found  # type: ignore[no-any-return]


def verbs(of: type) -> Iterator[Callable[..., Any]]:
    for value in vars(of).values():
        if isinstance(value, Verb):
            yield value.__get__(None, of)
        elif isinstance(value, property) and value.fget:
            group = get_type_hints(value.fget)["return"]
            if isinstance(group, type) and issubclass(group, Group):
                yield from verbs(group)


VERBS = list(verbs(Project))


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory, committed_once: Path) -> Path:
    """A project with one dataset version and nothing else."""
    return copied(committed_once, tmp_path_factory.mktemp("toy") / "project")


def words(function: Callable[..., Any]) -> dict[str, Any]:
    """What a function takes, with the defaults; by default there are none of `*words`."""
    return {
        name: None if one.kind is one.VAR_POSITIONAL else one.default
        for name, one in inspect.signature(function).parameters.items()
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_a_method_with_the_same_words_and_defaults(name: str) -> None:
    ours = words(method(name))
    theirs = {p.name: p for p in COMMANDS[name].params if p.name not in ONLY_TYPED}
    for word, parameter in theirs.items():
        assert word in ours, f"`fullturn {name}` takes {word}, the method does not"
        assert parameter.required == (ours[word] is inspect.Parameter.empty), word
        if not parameter.required:
            assert (ours[word] or None) == (default(parameter) or None), word


@pytest.mark.parametrize("step", (*EVALUATE, *DELIVER), ids=lambda step: step.name)
def test_a_step_of_the_pipeline_calls_what_its_command_calls(step: Step) -> None:
    command: click.Command = cli
    words = step.command.split()
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    asked = command.make_context(step.name, words).params
    call = CALLS[step.name]
    bound = inspect.signature(call.function).bind(None, *call.arguments, **call.options)
    bound.apply_defaults()
    assert {word: bound.arguments[word] or None for word in asked if word != "as_json"} == {
        word: value or None for word, value in asked.items() if word != "as_json"
    }


def default(parameter: click.Parameter) -> Any:
    context = click.Context(click.Command("x"))
    found = parameter.get_default(context)
    return None if callable(found) or repr(found).startswith("Sentinel") else found


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__qualname__)
def test_a_verb_is_typed_documented_and_says_what_it_raises(verb: Callable[..., Any]) -> None:
    parameters = inspect.signature(verb).parameters
    assert next(iter(parameters)) == "project"
    assert all(p.annotation is not inspect.Parameter.empty for p in parameters.values())
    assert verb.__doc__ and verb.__doc__.splitlines()[0].endswith(".")


def test_importing_the_package_loads_nothing_else() -> None:
    code = (
        "import sys, fullturn\n"
        "loaded = [name for name in sys.modules if name.startswith('fullturn.')]\n"
        "sys.exit(str(loaded) if loaded else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_opening_a_project_loads_no_verb(tmp_path: Path) -> None:
    (tmp_path / "fullturn.toml").write_text('name = "x"\n')
    code = (
        f"import sys, fullturn; fullturn.open({str(tmp_path)!r})\n"
        "heavy = {'mlflow', 'numpy', 'pyarrow', 'pandas', 'sklearn', 'fullturn.verbs.data'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_outside_a_project_the_error_is_that_of_the_command_line(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="fullturn init"):
        fullturn.open(tmp_path)


def test_a_renamed_setting_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "fullturn.toml").write_text('name = "x"\n[monitoring]\nrest = 3\n')
    with pytest.warns(FutureWarning, match="cooldown_requests"):
        fullturn.open(tmp_path)


@pytest.mark.parametrize(
    ("words", "call"),
    [
        ("data show 9", lambda project: project.data.show(9)),
        ("data diff 1 9", lambda project: project.data.diff(1, 9)),
        ("train -p nosuch=1", lambda project: project.train({"nosuch": 1})),
        ("train --cached --seed 3", lambda project: project.train(cached=True, seed=3)),
        ("compare a b", lambda project: project.compare("a", "b")),
        ("gate nosuch", lambda project: project.gate("nosuch")),
        ("promote 9 --reason why", lambda project: project.promote(9, "why")),
        ("rollback --reason why", lambda project: project.rollback(reason="why")),
        ("lineage nosuch", lambda project: project.lineage("nosuch")),
        ("verify 9", lambda project: project.verify(9)),
        ("reproduce 9", lambda project: project.reproduce(9)),
        ("predict text=hello", lambda project: project.predict([{"text": "hello"}])),
        ("deliver 9", lambda project: project.deliver(9)),
        ("release 9", lambda project: project.release(9)),
        ("release status", lambda project: project.release.status()),
        ("release abort --reason why", lambda project: project.release.abort("why")),
        ("monitor", lambda project: project.monitor()),
    ],
)
def test_an_error_is_the_same_as_on_the_command_line(
    toy: Path, words: str, call: Callable[[Project], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(FullturnError) as raised:
        call(fullturn.open(toy))
    assert run(["-C", str(toy), *words.split(), "--json"]) == exit_code(raised.value)
    assert json.loads(capsys.readouterr().out)["error"] == str(raised.value)


def test_a_project_and_its_groups_say_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "fullturn.toml").write_text('name = "x"\n')
    project = fullturn.open(tmp_path)
    assert repr(project) == f"Project('x' in {str(tmp_path)!r})"
    assert "log" in repr(project.data) and "x" in project._repr_html_()
    with pytest.raises(AttributeError):
        project.nosuch  # type: ignore[attr-defined]  # noqa: B018


def test_data_is_committed_listed_compared_and_described(
    tmp_path: Path, committed_once: Path
) -> None:
    project = fullturn.open(copied(committed_once, tmp_path / "project"))
    rows = (project.root / "messages.csv").read_text().splitlines()
    (tmp_path / "fewer.csv").write_text("\n".join(rows[:-10]) + "\n")
    fewer = project.data.commit(tmp_path / "fewer.csv", message="fewer")
    assert (fewer.version, fewer.new, fewer.removed) == (2, True, 10)
    assert fewer.next_steps == ("fullturn train", "fullturn data log")
    assert not project.data.commit([tmp_path / "fewer.csv"]).new
    assert [v.message for v in project.data.log()] == ["first", "fewer"]
    assert list(project.data.log().to_pandas()["rows"]) == [1000, 990]
    assert project.data.diff(1, 2).removed == 10
    assert project.data.show(2).to_dict()["rows"] == 990
    for result in (fewer, project.data.log(), project.data.diff(1, 2), project.data.show(2)):
        assert isinstance(result, Result) and "<t" in result._repr_html_() + "<t" * (
            result is fewer
        )
    with pytest.raises(NotFound):
        project.data.show(3)
    with pytest.raises(UsageError):
        fullturn.open(_empty(tmp_path)).data.commit()


def _empty(folder: Path) -> Path:
    (folder / "empty").mkdir()
    (folder / "empty" / "fullturn.toml").write_text('name = "x"\n[data]\ntext="a"\nlabel="b"\n')
    return folder / "empty"
