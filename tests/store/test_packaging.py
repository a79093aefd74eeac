"""What is written beside a bundle for plain MLflow."""

from __future__ import annotations

import warnings
from pathlib import Path

from fullturn.core.entities import Column
from fullturn.store.packaging import Pyfunc, save_pyfunc


def test_whole_numbers_in_an_output_are_no_reason_to_warn_the_user(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    model = Pyfunc("files", "json", (Column("text"),), outputs=[{"label": "a", "passages": 3}])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        save_pyfunc(tmp_path, model)
    assert not [str(one.message) for one in said if "integer" in str(one.message)]
    assert "passages" in (tmp_path / "MLmodel").read_text()
