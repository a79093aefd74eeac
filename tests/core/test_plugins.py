"""Classes from outside fullturn: what cannot be imported is named, with the place in its code."""

from __future__ import annotations

from pathlib import Path

import pytest

from fullturn.core.errors import SettingsError
from fullturn.core.plugins import from_module


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
