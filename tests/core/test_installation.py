"""How fullturn is named where a model is loaded elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from fullturn.core import installation

Install = Callable[[dict[str, Any] | None], installation.Installation]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Makes an installation of fullturn the first one on Python's path."""

    def make(origin: dict[str, Any] | None) -> installation.Installation:
        folder = tmp_path / "fullturn-7.1.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: fullturn\nVersion: 7.1\n")
        if origin is not None:
            (folder / "direct_url.json").write_text(json.dumps(origin))
        monkeypatch.syspath_prepend(tmp_path)
        installation.installation.cache_clear()
        return installation.installation()

    yield make
    installation.installation.cache_clear()


def test_from_an_index_it_is_named_by_its_version(installed: Install) -> None:
    found = installed(None)
    assert not found.needs_code
    assert found.requirements == ("fullturn==7.1", f"mlflow=={metadata.version('mlflow')}")


def test_from_git_it_is_named_by_address_and_commit(installed: Install) -> None:
    url = "https://someone:hunter2-hunter2@example.org/fullturn.git"
    found = installed({"url": url, "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}})
    assert found.requirements[0] == (
        "fullturn @ git+https://someone:…@example.org/fullturn.git@c0ffee"
    )
    assert not found.needs_code


@pytest.mark.parametrize(
    "origin",
    [
        {"url": "file:///somewhere", "dir_info": {"editable": True}},
        {"url": "file:///fullturn-7.1-py3-none-any.whl", "archive_info": {}},
    ],
)
def test_a_checkout_or_a_wheel_of_ones_own_brings_its_code(
    installed: Install, origin: dict[str, Any]
) -> None:
    found = installed(origin)
    assert found.needs_code
    names = {line.partition("==")[0] for line in found.requirements}
    assert {"mlflow", "numpy", "pydantic", "scikit-learn", "skops", "orjson"} <= names
    assert not {"fullturn", "sigstore", "rich", "starlette", "click"} & names
    assert all("==" in line for line in found.requirements)


def test_what_its_code_imports_is_named() -> None:
    found = installation.imported(path for path in installation.code() if path.suffix == ".py")
    names = {installation.normal(line.partition("==")[0]) for line in found}
    by_name = {"bm25s", "xllamacpp", "wordllama"}  # extras, and a package of which a file is read
    assert names | by_name == set(installation.NEEDED)


def test_its_code_is_imported_from_the_archive(tmp_path: Path) -> None:
    path = tmp_path / "fullturn.zip"
    path.write_bytes(installation.archive())
    with zipfile.ZipFile(path) as file:
        names = file.namelist()
    assert "fullturn/subjects/bundle.py" in names
    assert not [name for name in names if "__pycache__" in name or "/lesson/" in name]
    code = (
        f"import sys; sys.path.insert(0, {str(path)!r}); import fullturn.subjects.catalog as c; "
        "print(c.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(str(path))


def test_what_files_import_is_pinned_and_what_they_share_is_not(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        "import os, b\nfrom sklearn.linear_model import X\nimport fullturn\nfrom . import c\n"
        "def f():\n    import numpy.linalg\n"
    )
    (tmp_path / "b.py").write_text("this is no Python")
    found = installation.imported(sorted(tmp_path.iterdir()), "pandas.core")
    assert [line.partition("==")[0] for line in found] == ["numpy", "pandas", "scikit-learn"]
    assert found[0] == f"numpy=={metadata.version('numpy')}"


def test_a_later_requirement_replaces_an_earlier_one_of_the_same_name() -> None:
    ours, theirs = ["scikit-learn==1.9", "numpy==2"], ["# made by MLflow", "Scikit_Learn==1.5", ""]
    assert installation.merged(ours, theirs) == ("numpy==2", "Scikit_Learn==1.5")


def test_from_the_archive_a_model_process_starts_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "fullturn.zip"
    path.write_bytes(installation.archive())
    code = (
        f"import sys; sys.path.insert(0, {str(path)!r})\n"
        "from fullturn.subjects.mlflow_model import process as p\n"
        "from fullturn.store.model_process import Inputs\n"
        "words = p._words('folder', Inputs(()), p.Limits(), None)\n"
        "print(open(words[3]).readline())"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False
    )
    assert "The inside of a model process" in done.stdout, done.stderr
