"""The evidence folder of a model version: what is in it, written from recorded facts.

model-card.md           what it is for, how good it is, on which slices, its limits, its owner
gate/report.*           the gate report, as JSON, Markdown and a page
data-difference.json    from the champion's data to this version's
sbom.cdx.json           the software bill of materials, CycloneDX 1.6
git.json                where its code is
bundle-manifest.json    sha256 of every file of its bundle: a signature over this covers them all
run.json                which version this is, parameters, seed, data and scores
signature.json          over all of these
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fullturn.core.entities import RunRecord
from fullturn.core.errors import IntegrityError
from fullturn.core.records import REPORTS
from fullturn.evidence import card, sbom
from fullturn.evidence.inputs import EvidenceInputs

CARD, DIFFERENCE, SBOM = "model-card.md", "data-difference.json", "sbom.cdx.json"
GIT, MANIFEST, RUN = "git.json", "bundle-manifest.json", "run.json"
CONTENTS = (CARD, *REPORTS, DIFFERENCE, SBOM, GIT, MANIFEST, RUN)
"""Every file but the signature."""
VALIDATION = "validation."
"""How the names of the scores begin that a run had when it was registered."""


def contents(facts: EvidenceInputs) -> dict[str, bytes]:
    """Every file of the folder by name, but for the signature; the same from the same facts."""
    texts = {
        CARD: card.to_markdown(facts),
        DIFFERENCE: _json(facts.difference),
        SBOM: sbom.to_json(_bill(facts)),
        GIT: _json(asdict(facts.code)),
        RUN: _json(identity(facts)),
    }
    files = {name: text.encode() for name, text in texts.items()}
    return files | {MANIFEST: facts.manifest, **{name: facts.reports[name] for name in REPORTS}}


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files into a new folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def identity(facts: EvidenceInputs) -> dict[str, Any]:
    """The content of `run.json`."""
    return {
        "model": facts.model,
        "version": facts.version,
        "bundle": facts.bundle,
        "gate": facts.gate,
        "app": facts.app,
        "seed": facts.seed,
        "owner": facts.origin.owner,
        "environment": facts.origin.environment,
        **of_run(facts.run, facts.training.data_digest),
        "data_version": None if facts.training.data is None else str(facts.training.data),
        "name": facts.run.name,
        "started": facts.run.started,
        "llm": asdict(facts.llm) if facts.llm else None,
    }


def of_run(run: RunRecord, data_digest: str | None) -> dict[str, Any]:
    """What a run's record in MLflow must still say."""
    scores = {name: value for name, value in run.metrics.items() if name.startswith(VALIDATION)}
    return {
        "run": run.id,
        "params": dict(sorted(run.params.items())),
        "scores": dict(sorted(scores.items())),
        "data_digest": data_digest,
    }


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """One of the folder's JSON objects.

    Raises:
        IntegrityError: it is missing, or is none.
    """
    try:
        found = json.loads((folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise IntegrityError(f"'{name}' is missing") from None
    except (OSError, ValueError, RecursionError) as error:
        raise IntegrityError(f"'{name}' is damaged ({error})") from None
    if not isinstance(found, dict):
        raise IntegrityError(f"'{name}' is damaged (no JSON object)")
    return found


def lacking(folder: Path) -> list[str]:
    """Files that should be in the folder and are not."""
    return [name for name in CONTENTS if not (folder / name).is_file()]


def _bill(facts: EvidenceInputs) -> sbom.Bill:
    return sbom.Bill(
        model=facts.model,
        version=facts.version,
        digest=facts.bundle,
        trained=facts.run.started,
        environment=facts.environment,
        llm=facts.llm,
    )


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
