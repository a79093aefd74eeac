from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from fullturn.core import extras
from fullturn.core.errors import SettingsError


def test_each_extra_that_is_named_exists() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert {extra for extra, _ in extras.EXTRAS.values()} <= project["optional-dependencies"].keys()


@pytest.mark.parametrize("name", extras.EXTRAS)
def test_a_module_that_is_not_installed_names_its_extra(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=rf"pip install 'fullturn\[{extras.EXTRAS[name][0]}\]'"):
        extras.module(name)
