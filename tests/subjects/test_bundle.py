"""A bundle: sealed, verified, and in formats that run no code."""

import pickle
import zipfile
from pathlib import Path

import pytest

from fullturn.core.errors import BundleError, IntegrityError
from fullturn.subjects import bundle
from tests.verbs.toy import Toy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sealed bundle of the toy app."""
    files = tmp_path / "model" / bundle.FILES
    files.mkdir(parents=True)
    (files / "model.json").write_text('{"params": {"fault": "constant"}, "constant": "billing"}')
    bundle.write_record(files.parent, {"app": "tests.verbs.toy:Toy"})
    (files.parent / "MLmodel").write_text("flavors: {}")
    bundle.seal(files.parent)
    return files.parent


def test_a_sealed_bundle_loads(folder: Path) -> None:
    predictor = bundle.load(Toy(), folder, bundle.verify(folder))
    assert predictor.predict([{"text": "hello"}]) == [{"label": "billing"}]


def test_one_changed_byte_is_named(folder: Path) -> None:
    file = folder / bundle.FILES / "model.json"
    file.write_bytes(file.read_bytes().replace(b"billing", b"billinh"))
    with pytest.raises(IntegrityError, match=r"'bundle/model.json' was changed"):
        bundle.load(Toy(), folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / bundle.FILES / "model.json").unlink()
    with pytest.raises(IntegrityError, match=r"'bundle/model.json' is missing"):
        bundle.verify(folder)


def test_an_added_file_is_named(folder: Path) -> None:
    (folder / bundle.FILES / "extra.json").write_text("{}")
    with pytest.raises(IntegrityError, match=r"'bundle/extra.json' is not in the manifest"):
        bundle.verify(folder)


def test_another_manifest_is_refused_by_its_digest(folder: Path) -> None:
    digest = bundle.verify(folder)
    (folder / bundle.FILES / "model.json").write_text("{}")
    bundle.seal(folder)
    with pytest.raises(IntegrityError, match="recorded was"):
        bundle.verify(folder, digest)


@pytest.mark.parametrize("name", ["model.pkl", "model.json", "model.skops"])
def test_a_pickle_is_found_whatever_its_name(folder: Path, name: str) -> None:
    (folder / bundle.FILES / name).write_bytes(pickle.dumps({"a": 1}))
    bundle.seal(folder)
    assert any(name in line for line in bundle.unsafe_files(folder))
    with pytest.raises(BundleError, match=name):
        bundle.load(Toy(), folder)


def test_a_pickle_inside_an_archive_is_found(folder: Path) -> None:
    with zipfile.ZipFile(folder / bundle.FILES / "model.skops", "w") as archive:
        archive.writestr("schema.json", "{}")
        archive.writestr("model.pkl", pickle.dumps(1))
    assert any("model.pkl" in line for line in bundle.unsafe_files(folder))


def test_a_folder_without_manifest_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no readable manifest.json"):
        bundle.verify(tmp_path)


def test_probes_tell_when_answers_differ(folder: Path) -> None:
    predictor = bundle.load(Toy(), folder)
    row = {"text": "hello"}
    same = {"probe": [{"input": row, "output": {"label": "billing"}}]}
    other = {"probe": [{"input": row, "output": {"label": "delivery"}}]}
    assert bundle.probe(predictor, same) == []
    assert len(bundle.probe(predictor, other)) == 1
