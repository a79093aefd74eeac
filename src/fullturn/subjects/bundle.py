"""A bundle: the files of a model version, sealed by a manifest, in formats that run no code.

MLmodel           so that plain `mlflow.pyfunc.load_model` can load it
requirements.txt, conda.yaml, python_env.yaml, input_example.json    for `mlflow models serve`
code/             modules that only plain MLflow imports: an app of one's own, and fullturn's code
                  where others cannot install it; never read when fullturn itself loads the bundle
manifest.json     sha256 and size of every other file
bundle/           what the app wrote
bundle/bundle.json  which app, parameters, dataset version, seed, and a few probe rows
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fullturn.core.entities import Input, Output
from fullturn.core.errors import BundleError, IntegrityError
from fullturn.core.parsing import from_json
from fullturn.core.plugins import asked
from fullturn.subjects.contents import contents, differences, listing, write_json
from fullturn.subjects.protocols import App, Predictor

FILES = "bundle"
MANIFEST = "manifest.json"
RECORD = "bundle.json"
SAFE_SUFFIXES = frozenset({".json", ".jsonl", ".txt", ".md", ".safetensors", ".skops"})
CODE = "code"
LOADER = "fullturn_bundle"
"""Module in `code`, through which MLflow loads a bundle that brings fullturn's code."""
_ARCHIVE = "fullturn.zip"
_LOADER = f'''"""Loads the bundle with the fullturn that made it: {_ARCHIVE}, beside this file."""

import sys
from pathlib import Path

if "fullturn" not in sys.modules:
    sys.path.insert(0, str(Path(__file__).with_name("{_ARCHIVE}")))
from {__name__} import _load_pyfunc
'''
_OUTSIDE = frozenset({"MLmodel", "conda.yaml", "python_env.yaml"})


def seal(folder: Path) -> str:
    """Write the manifest of a bundle; returns the manifest's sha256, the bundle's digest.

    Raises:
        BundleError: there is something that is no file, or a link that leads out of the folder.
    """
    text = json.dumps(listing(folder, _unsealed(folder)), indent=1, sort_keys=True)
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    return hashlib.sha256(text.encode()).hexdigest()


def verify(folder: Path, digest: str | None = None) -> str:
    """Check every file against the manifest, and the manifest against `digest` if given.

    Raises:
        BundleError: there is no manifest, or it cannot be read.
        IntegrityError: a file is missing, unexpected or changed, or the digest differs.
    """
    entries, found = _manifest(folder)
    if digest is not None and found != digest:
        raise IntegrityError(
            f"the manifest of {folder} has sha256 {found[:12]}, recorded was {digest[:12]}; "
            "do not use this bundle: retrain, or restore its files"
        )
    problems = differences(folder, entries, _unsealed(folder))
    if problems:
        raise IntegrityError(f"bundle {folder}: {'; '.join(problems[:5])}; restore it or retrain")
    return found


def unsafe_files(folder: Path) -> list[str]:
    """Files in a format that could run code when loaded, with the reason."""
    found = contents(folder, _unsealed(folder))
    loaded = {name: path for name, path in found.files.items() if not _is_outside(name)}
    reasons = {name: _unsafe(path) for name, path in loaded.items()}
    return [*found.refused, *(f"{name}: {reason}" for name, reason in reasons.items() if reason)]


def _unsealed(folder: Path) -> frozenset[str]:
    """Files without a seal: the manifest, and what Python writes where plain MLflow has imported
    `code`, which nothing of fullturn's does."""
    compiled = (folder / CODE).rglob("__pycache__/*.pyc")
    return frozenset({MANIFEST, *(path.relative_to(folder).as_posix() for path in compiled)})


def _is_outside(name: str) -> bool:
    """Whether only plain MLflow reads a file."""
    return name in _OUTSIDE or name.startswith(f"{CODE}/")


def write_loader(folder: Path, archive: bytes) -> None:
    """Add fullturn's code, and the module that loads the bundle with it."""
    code = folder / CODE
    code.mkdir(exist_ok=True)
    (code / _ARCHIVE).write_bytes(archive)
    (code / f"{LOADER}.py").write_text(_LOADER, encoding="utf-8")


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write bundle.json."""
    write_json(folder / FILES / RECORD, record)


def read_record(folder: Path) -> dict[str, Any]:
    """Read bundle.json.

    Raises:
        BundleError: it is missing or not what `write_record` writes.
    """
    try:
        record = from_json((folder / FILES / RECORD).read_bytes())
    except (OSError, ValueError) as error:
        raise BundleError(f"{folder / FILES / RECORD} cannot be read: {error}; retrain") from None
    if not isinstance(record, dict) or "app" not in record:
        raise BundleError(f"{folder / FILES / RECORD} names no app; retrain")
    return record


def load(app: App, folder: Path, digest: str | None = None) -> Predictor:
    """Verify a bundle and load it.

    Raises:
        IntegrityError: a file differs from the manifest.
        BundleError: a format is not safe, or the app cannot load it.
    """
    verify(folder, digest)
    unsafe = unsafe_files(folder)
    if unsafe:
        raise BundleError(f"bundle {folder}: {unsafe[0]}; write {_formats()} instead")
    what, step = f"load() of {type(app).__name__}", "correct the app, or retrain"
    return asked(what, lambda: app.load(folder / FILES), BundleError, step, on=str(folder))


def probe(predictor: Predictor, record: Mapping[str, Any]) -> list[str]:
    """Answer the recorded probe rows again; returns a line for each answer that differs."""
    rows: Sequence[Mapping[str, Any]] = record.get("probe", ())
    outputs = predictor.predict([row["input"] for row in rows]) if rows else []
    return [
        f"{json.dumps(row['input'], ensure_ascii=False)[:60]} answers differently than recorded"
        for row, output in zip(rows, outputs, strict=True)
        if comparable(output) != row["output"]
    ]


def comparable(output: Output) -> Any:
    """An output as JSON would give it back, with floats to six digits.

    Raises:
        TypeError: it contains something else than texts, numbers, lists and mappings.
    """
    return _rounded(json.loads(json.dumps(dict(output))))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items() if key != "latency"}
    return [_rounded(item) for item in value] if isinstance(value, list) else value


class Pyfunc:
    """What `mlflow.pyfunc` calls: a DataFrame in, one output for each row out."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def predict(self, frame: Any, params: Mapping[str, Any] | None = None) -> list[Output]:
        """Answer each row of a DataFrame."""
        rows: list[Input] = [
            {name: None if _is_nan(value) else value for name, value in row.items()}
            for row in frame.to_dict(orient="records")
        ]
        return list(self._predictor.predict(rows))


def _load_pyfunc(path: str) -> Pyfunc:
    """Entry point of MLflow's python_function flavour; `path` is the `bundle` folder."""
    from fullturn.subjects.catalog import of_bundle

    folder = Path(path).parent
    app = of_bundle(str(read_record(folder)["app"]), folder / CODE, Path.cwd())
    return Pyfunc(load(app, folder))


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and value != value  # noqa: PLR0124


def _manifest(folder: Path) -> tuple[dict[str, Any], str]:
    try:
        text = (folder / MANIFEST).read_bytes()
        entries = from_json(text)
    except (OSError, ValueError) as error:
        raise BundleError(f"{folder} has no readable {MANIFEST}: {error}") from None
    if not isinstance(entries, dict) or not all(map(_is_entry, entries.values())):
        raise BundleError(
            f"{folder / MANIFEST} does not list files with their sha256; restore it, or retrain"
        )
    return entries, hashlib.sha256(text).hexdigest()


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("sha256"), str)


def _unsafe(path: Path) -> str | None:
    if path.suffix not in SAFE_SUFFIXES:
        return f"format '{path.suffix or path.name}' is not one of {_formats()}"
    with path.open("rb") as file:
        head = file.read(2)
    if len(head) == 2 and head[0] == 0x80 and 2 <= head[1] <= 5:
        return "contains a pickle"
    if path.suffix == ".skops":
        return _unsafe_archive(path)
    return None


def _unsafe_archive(path: Path) -> str | None:
    if not zipfile.is_zipfile(path):
        return "is not a skops archive"
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    odd = [name for name in names if not name.endswith((".npy", ".npz", ".json", ".bin"))]
    return f"contains '{odd[0]}'" if odd else None


def _formats() -> str:
    return ", ".join(sorted(SAFE_SUFFIXES))
