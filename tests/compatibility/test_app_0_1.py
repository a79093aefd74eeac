"""An app that a person wrote for version 0.1 imports what it did then, and goes through a turn."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fullturn.apps.llm.client import LLM
from fullturn.llm import client
from fullturn.settings import LLMSettings
from tests.compatibility.unpacking import fullturn

APP = Path(__file__).parent / "wine_app_0_1.txt"
"""`wine_app.py` as `fullturn init --example wine` of version 0.1 wrote it into a project."""


def test_the_client_of_an_llm_is_imported_as_then() -> None:
    assert (LLM, LLMSettings.__module__) == (client.LLM, "fullturn.core.settings")


@pytest.mark.slow
def test_an_app_of_version_0_1_is_trained_gated_and_promoted(tmp_path: Path) -> None:
    root = tmp_path / "wine"
    fullturn(tmp_path, "init", "--example", "wine", str(root))
    assert (root / "wine_app.py").exists()
    shutil.copy(APP, root / "wine_app.py")
    steps = {step["stage"]: step for step in fullturn(root, "turn")}
    assert steps["registry"]["what"] == "version 1 is champion"
