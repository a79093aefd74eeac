"""The recorded facts that the evidence of a model version is written from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fullturn.core.entities import DatasetVersion, GateReport, RunRecord
from fullturn.core.settings import CardSettings
from fullturn.core.tags import OriginTags, TrainingTags
from fullturn.evidence.sbom import Asked


@dataclass(frozen=True, slots=True)
class Repository:
    """Where a model's code is, as the training run and the checkout at the gate said."""

    commit: str | None
    dirty: bool
    diff_digest: str | None
    branch: str | None
    remote: str | None
    """Without credentials."""


@dataclass(frozen=True, slots=True)
class EvidenceInputs:
    """All of it, for one version."""

    model: str
    version: int
    app: str
    bundle: str
    """The bundle's digest: the sha256 of `manifest`."""
    manifest: bytes
    run: RunRecord
    """The training run."""
    gate: str
    """The run of the gate that it passed."""
    report: GateReport
    reports: Mapping[str, bytes]
    """That report as it is stored, by the names of the artifacts."""
    environment: str
    data: DatasetVersion | None
    """What it was trained on; None if the table here does not contain it."""
    difference: Mapping[str, Any]
    """From the champion's data; `sentence` says it for a person."""
    code: Repository
    llm: Asked | None
    card: CardSettings

    @property
    def origin(self) -> OriginTags:
        """Who trained it, from which code, in which environment."""
        return OriginTags.read(self.run.tags)

    @property
    def training(self) -> TrainingTags:
        """What it was trained on."""
        return TrainingTags.read(self.run.tags)

    @property
    def seed(self) -> int:
        """All randomness of the training came from it."""
        return self.origin.seed or 0
