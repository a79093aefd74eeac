"""What an app must offer. `app = "mymodule:MyApp"` in fullturn.toml names a class like these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from fullturn.core.entities import (
    Contract,
    Dataset,
    Example,
    Input,
    Output,
    Params,
    Scalar,
    Scores,
)


class Run(Protocol):
    """The tracked run, as an app sees it while it trains."""

    @property
    def directory(self) -> Path:
        """An empty folder of this run, for the bundle."""

    @property
    def seed(self) -> int:
        """The run's seed; an app draws all its randomness from it."""

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Record metrics of one step."""

    def prompt(self, name: str, template: str) -> str:
        """Register a prompt version (the same text again is the same version); returns its URI."""


@runtime_checkable
class Predictor(Protocol):
    """A loaded bundle: a batch in, as many outputs out, in the same order."""

    def predict(self, rows: Sequence[Input]) -> Sequence[Output]:
        """Answer each row."""


@runtime_checkable
class App(Protocol):
    """A model, a classifier or an LLM application."""

    contract: Contract
    defaults: Params
    """Every parameter with its default; `train` gets these, overridden."""
    space: Mapping[str, Sequence[Scalar]]
    """Values that a search may try, for the parameters that a search should touch."""

    def train(self, data: Dataset, params: Params, run: Run) -> Path:
        """Fit on the train split (tune on validation) and write a bundle; returns its folder."""

    def load(self, bundle: Path) -> Predictor:
        """Load a bundle; used by evaluation, `mlflow.pyfunc` and the server alike."""

    def score(self, row: Example, output: Output) -> Scores:
        """Score one output, each score in [0, 1], the primary one first."""

    def baseline(self, data: Dataset) -> Predictor:
        """The trivial predictor that every candidate must beat."""


@runtime_checkable
class GeneratesText(Protocol):
    """An app whose output is free text: the gate's refusal suite applies to it."""

    def load_with_canary(
        self, bundle: Path, canary: str, passages: Sequence[Mapping[str, str]]
    ) -> Predictor:
        """Load with a secret token in its hidden context and these passages added to its own."""

    def text_of(self, output: Output) -> str:
        """The text that a user would read."""
