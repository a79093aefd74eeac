"""The notebook of the documentation runs, and its page shows what it showed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "scripts" / "notebook.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The module that executes the notebook and writes its page."""
    sys.path.insert(0, str(SCRIPT.parent))
    spec = importlib.util.spec_from_file_location("notebook", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_that_of_the_notebook(script: ModuleType) -> None:
    notebook = nbformat.read(script.NOTEBOOK, as_version=4)
    assert script.PAGE.read_text(encoding="utf-8") == script.page(notebook)


def test_figures_may_drift_and_words_may_not(script: ModuleType) -> None:
    def outline(text: str) -> list[str]:
        output = nbformat.v4.new_output("display_data", {"text/html": text})
        cell = nbformat.v4.new_code_cell("x", outputs=[output])
        return script.outline(nbformat.v4.new_notebook(cells=[cell]))  # type: ignore[no-any-return]

    passed = "<table><tr><td>EVAL01</td><td>passed</td><td>0.96 in run 36309d90</td></tr></table>"
    assert outline(passed) == outline(passed.replace("0.96", "0.95").replace("36309d90", "0a1b2c"))
    assert outline(passed) != outline(passed.replace("passed", "failed"))


@pytest.mark.slow
def test_the_notebook_runs_and_says_what_its_page_says() -> None:
    command = [sys.executable, str(SCRIPT), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
