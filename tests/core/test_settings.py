"""Renamed settings: the old name works for one version, with a hint."""

import json
from pathlib import Path
from typing import Any

import pytest

from fullturn.cli import main
from fullturn.core.errors import SettingsError
from fullturn.core.settings import (
    FILE,
    RENAMED,
    GateSettings,
    parse,
    read,
    renamed,
    stored_limits,
)

OLD = 'name = "small"\n[monitoring]\nrest = 7\n[serving]\nunlogged = true\n'
NEW = OLD.replace("rest", "cooldown_requests").replace("unlogged", "serve_without_log")


def project(folder: Path, text: str) -> Path:
    (folder / FILE).write_text(text)
    return folder


def field(settings: Any, name: str) -> Any:
    for part in name.split("."):
        settings = getattr(settings, part)
    return settings


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_an_old_name_sets_what_the_new_one_sets(old: str, new: str) -> None:
    section, _, key = old.rpartition(".")
    value = {"rest": 7, "unlogged": True}[key]
    assert field(parse({"name": "x", section: {key: value}}, "x"), new) == value


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_an_old_name_beside_the_new_one_is_refused(old: str, new: str) -> None:
    section, _, key = old.rpartition(".")
    both = {"name": "x", section: {key: 1, new.rpartition(".")[2]: 1}}
    with pytest.raises(SettingsError, match=f"'{old}' and '{new}' are the same.*remove '{old}'"):
        parse(both, "fullturn.toml")


def test_a_project_of_the_last_version_opens_with_a_hint_for_each_old_name(tmp_path: Path) -> None:
    old = project(tmp_path, OLD)
    assert read(old).monitoring.cooldown_requests == 7
    assert [hint.split("'")[1::2] for hint in renamed(old)] == [
        list(both) for both in RENAMED.items()
    ]
    new = project(tmp_path, NEW)
    assert read(new).serving.serve_without_log and renamed(new) == ()


def test_the_command_line_says_each_hint_once_and_on_stderr(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    project(tmp_path, OLD)
    with pytest.raises(SystemExit):
        main(["-C", str(tmp_path), "data", "log", "--json"])
    said = capfd.readouterr()
    assert said.err.count("note: ") == 2 and said.err.count("'monitoring.cooldown_requests'") == 1
    assert "note" not in said.out


def test_the_limits_of_a_gate_survive_json() -> None:
    limits = GateSettings(metrics=("f1", "rmse"), margins={"rmse": 0.5}, floors={"rmse": 9.0})
    stored = json.loads(json.dumps(limits.model_dump(mode="json")))
    assert stored_limits(stored) == limits
    with pytest.raises(SettingsError, match="states 'strictness' = 3: .*; gate again"):
        stored_limits({"strictness": 3})


@pytest.mark.parametrize("origin", ["*", "https://*.example.org"])
def test_a_cors_origin_that_names_many_is_refused(tmp_path: Path, origin: str) -> None:
    (tmp_path / "fullturn.toml").write_text(
        f'name = "small"\n[serving]\ncors_origins = ["https://a.example.org", "{origin}"]\n'
    )
    with pytest.raises(SettingsError) as refused:
        read(tmp_path)
    assert str(refused.value).endswith(
        f": '{origin}' would let web pages of strangers ask this server; name each origin, such as "
        "'https://app.example.org'"
    )
