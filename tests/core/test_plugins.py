"""Classes from outside fullturn: what cannot be imported is named, with the place in its code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fullturn.core.errors import AppError, BundleError, DataError, FullturnError, SettingsError
from fullturn.core.plugins import asked, from_module, make


@pytest.mark.parametrize(
    ("module", "code", "said"),
    [
        ("absent_app", None, "there is no absent_app.py in {root}"),
        ("needing_app", "import absent_library\n", "'absent_library'\") in needing_app.py, line 1"),
        ("raising_app", "X = 1\nY = X / 0\n", "division by zero') in raising_app.py, line 2"),
        ("wrong_app", "X = 1\nclass (App:\n", "invalid syntax in wrong_app.py, line 2"),
        ("other_app", "X = 1\n", "has no attribute 'App'"),
    ],
)
def test_what_cannot_be_imported_is_named_with_its_place(
    tmp_path: Path, module: str, code: str | None, said: str
) -> None:
    if code is not None:
        (tmp_path / f"{module}.py").write_text(code)
    with pytest.raises(SettingsError) as error:
        from_module(f"{module}:App", tmp_path, "app")
    assert f"app '{module}:App' cannot be imported: " in str(error.value)
    assert said.format(root=tmp_path) in str(error.value)


def raising(error: Exception) -> None:
    raise error


def test_what_their_code_raises_is_an_error_with_its_place_and_the_next_step() -> None:
    with pytest.raises(AppError) as error:
        asked("score()", lambda: raising(KeyError("x")), on="row '1'")
    found = r"score\(\) raised KeyError\('x'\) on row '1' in test_plugins.py, line \d+; correct it"
    assert re.fullmatch(found, str(error.value))
    with pytest.raises(BundleError, match="; retrain$"):
        asked("load()", lambda: raising(ValueError()), BundleError, "retrain")


@pytest.mark.parametrize("kind", [SettingsError, DataError, BundleError])
def test_an_error_of_fullturn_s_own_passes_unchanged(kind: type[FullturnError]) -> None:
    with pytest.raises(kind) as error:
        asked("score()", lambda: raising(kind("as it is")))
    assert str(error.value) == "as it is" and error.value.__cause__ is None


def test_a_class_that_cannot_be_created_is_named_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "failing_app.py").write_text("class App:\n    def __init__(self):\n        1 / 0\n")
    with pytest.raises(SettingsError) as error:
        make("app", "failing_app:App", tmp_path)
    assert str(error.value) == (
        "app 'failing_app:App' cannot be created: it raised ZeroDivisionError('division by zero') "
        "in failing_app.py, line 3; correct it"
    )
