"""A bundle: sealed, verified, and in formats that run no code."""

import os
import pickle
import socket
import sys
import zipfile
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from fullturn.core.entities import Column
from fullturn.core.errors import BundleError, IntegrityError
from fullturn.store import Pyfunc, save_pyfunc
from fullturn.subjects import bundle, contents
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
    with pytest.raises(IntegrityError, match="recorded was"):
        bundle.load(Toy(), folder, digest)


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


@pytest.mark.parametrize("name", ["manifest.json", "registered_model_meta"])
def test_only_the_manifest_at_the_top_is_left_unsealed(folder: Path, name: str) -> None:
    (folder / bundle.FILES / name).write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(IntegrityError, match=rf"'bundle/{name}' is not in the manifest"):
        bundle.verify(folder)
    assert any(name in line for line in bundle.unsafe_files(folder))


def test_a_note_like_mlflows_below_the_top_is_not_left_unsealed(folder: Path) -> None:
    (folder / bundle.FILES / "registered_model_meta").write_text("model_name: toy\n")
    with pytest.raises(IntegrityError, match="'bundle/registered_model_meta' is not in the"):
        bundle.verify(folder)


def test_the_note_that_mlflow_adds_is_no_part_of_a_bundle_but_a_file_of_its_name_is(
    folder: Path,
) -> None:
    note = folder / "registered_model_meta"
    note.write_text("model_name: toy\nmodel_version: '1'\n")
    bundle.verify(folder)
    note.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(IntegrityError, match="'registered_model_meta' is not in the manifest"):
        bundle.verify(folder)


def test_the_listing_of_others_models_has_their_manifest_json(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    listed = contents.listing(tmp_path)
    (tmp_path / "manifest.json").write_text("{} ")
    assert contents.differences(tmp_path, listed) == ["'manifest.json' was changed"]


def fifo(path: Path, outside: Path) -> None:
    os.mkfifo(path)


def unix_socket(path: Path, outside: Path) -> None:
    before = Path.cwd()
    os.chdir(path.parent)  # the address of a socket may have 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(before)


def link_out(path: Path, outside: Path) -> None:
    (outside / "theirs.json").write_text("{}")
    path.symlink_to(outside / "theirs.json")


def link_to_folder(path: Path, outside: Path) -> None:
    path.symlink_to(outside, target_is_directory=True)


def link_to_folder_inside(path: Path, outside: Path) -> None:
    path.symlink_to(path.parent, target_is_directory=True)


def link_to_nothing(path: Path, outside: Path) -> None:
    path.symlink_to(path.with_name("missing.json"))


@pytest.mark.parametrize(
    ("plant", "reason"),
    [
        (fifo, "is a FIFO"),
        (unix_socket, "is a socket"),
        (link_out, "is a link that leads out of the folder"),
        (link_to_folder, "is a link that leads out of the folder"),
        (link_to_folder_inside, "is a link to something that is no file"),
        (link_to_nothing, "is a link that leads nowhere"),
    ],
)
def test_what_is_no_file_of_the_bundle_is_named_and_never_read(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, plant: object, reason: str
) -> None:
    assert callable(plant)
    plant(folder / bundle.FILES / "planted.json", tmp_path_factory.mktemp("outside"))
    with pytest.raises(IntegrityError, match=rf"'bundle/planted.json' {reason}"):
        bundle.verify(folder)
    assert any("planted.json" in line for line in bundle.unsafe_files(folder))
    with pytest.raises(BundleError, match="planted.json"):
        bundle.seal(folder)


@pytest.mark.parametrize(
    "text", ["[]", "3", '{"a": 1}', '{"a": {"bytes": 1}}', "[" * 100_000, '{"a":' * 100_000]
)
def test_a_manifest_that_is_none_is_a_clear_error(folder: Path, text: str) -> None:
    (folder / bundle.MANIFEST).write_text(text)
    with pytest.raises(BundleError, match=r"manifest\.json"):
        bundle.verify(folder)
    (folder / bundle.FILES / bundle.RECORD).write_text(text)
    with pytest.raises(BundleError, match=r"bundle\.json"):
        bundle.read_record(folder)


PLANTED = """
from pathlib import Path
Path(__file__).with_name("imported").touch()
from tests.verbs.toy import Toy
"""


@pytest.fixture
def planted(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on Python's path with a module that says when it is imported."""
    (tmp_path / "planted_app.py").write_text(PLANTED)
    bundle.write_record(folder, {"app": "planted_app:Toy"})
    save_pyfunc(folder, Pyfunc("bundle", "fullturn.subjects.bundle", [Column("text")]))
    bundle.seal(folder)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "planted_app", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("toml", [None, 'name = "toy"\napp = "tests.verbs.toy:Toy"\n'])
def test_a_module_that_only_the_bundle_names_is_not_imported(
    folder: Path, planted: Path, toml: str | None
) -> None:
    if toml:
        (planted / "fullturn.toml").write_text(toml)
    with pytest.raises(BundleError, match="bundle.json names app 'planted_app:Toy'"):
        mlflow.pyfunc.load_model(str(folder))
    assert not (planted / "imported").exists()


def test_the_app_of_the_project_is_imported(folder: Path, planted: Path) -> None:
    (planted / "fullturn.toml").write_text('name = "toy"\napp = "planted_app:Toy"\n')
    loaded = mlflow.pyfunc.load_model(str(folder))
    assert loaded.predict(pd.DataFrame([{"text": "hello"}])) == [{"label": "billing"}]
    assert (planted / "imported").exists()


def test_a_report_nested_too_deeply_is_damaged_and_no_crash() -> None:
    from fullturn.gates import report

    with pytest.raises(IntegrityError, match="damaged"):
        report.from_json("[" * 100_000)
