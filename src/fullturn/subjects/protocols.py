"""What an app must offer. `app = "mymodule:MyApp"` in fullturn.toml names a class like these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

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

Capability = Literal[
    "training",
    "training rows",
    "baseline",
    "bounded loss",
    "sealed bundle",
    "reproducible answers",
    "text",
    "generated text",
    "registered models",
]
"""What a subject may offer: it is trained here; the rows that it was trained on are recorded;
there is a trivial baseline; each row has a loss in [0, 1]; its files are sealed; the same row gets
the same answer the next time; it reads a text that may be perturbed; it writes text; models of a
registry can be its candidates."""
Loading = Literal["in this process", "in a process of its own", "over HTTP"]
"""Where the predictors of a subject run."""


class Run(Protocol):
    """The tracked run, as an app sees it while it trains."""

    @property
    def id(self) -> str:
        """The run's id in MLflow."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables for a process of the app's own, in which `mlflow.start_run()` continues this
        run, and `mlflow.log_metric` survives the end of that process."""

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
    """A model, a classifier or an LLM application.

    It may declare more of itself, all of it optional: `lacks`, the capabilities that it does not
    have, each with the reason; `loading`, where its predictors run; `perturbations`, what may be
    done to a row without changing what is expected; `score(row, output)`, scores in [0, 1] by
    name, the primary one first; `loss(row, output)`, what a wrong answer costs. See
    `fullturn.subjects.subject`.
    """

    @property
    def contract(self) -> Contract:
        """The columns, their roles and kinds; an attribute will do, here and below."""

    @property
    def defaults(self) -> Params:
        """Every parameter with its default; `train` gets these, overridden."""

    @property
    def space(self) -> Mapping[str, Sequence[Scalar]]:
        """Values that a search may try, for the parameters that a search should touch."""

    def train(self, data: Dataset, params: Params, run: Run) -> Path:
        """Fit on the train split (tune on validation) and write a bundle; returns its folder."""

    def load(self, bundle: Path) -> Predictor:
        """Load a bundle; used by evaluation, `mlflow.pyfunc` and the server alike."""

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


@runtime_checkable
class ChecksParameters(Protocol):
    """An app that refuses parameters before a run begins; others refuse them in `train`."""

    def check_parameters(self, params: Params) -> None:
        """Raises UsageError, which names the parameter and what is allowed."""


@runtime_checkable
class DeclaresLoss(Protocol):
    """An app that says what a wrong answer costs, for evidence that comes row by row.

    Races, releases and monitoring bet on a loss in [0, 1]. An app that declares none has 1 minus
    its primary score. One that answers numbers declares the error as a share of a scale, so that
    reports can show how many errors are larger than that.
    """

    def loss(self, row: Example, output: Output) -> float | None:
        """The loss of one output: 0 is right, 1 as wrong as it can be; above 1 it counts as 1."""


@runtime_checkable
class Scorer(Protocol):
    """Whatever scores outputs: an app, or a subject."""

    def score(self, row: Example, output: Output) -> Scores:
        """Score one output, the primary score first."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """The files of a bundle, looked at without loading them."""

    files: int
    problems: tuple[str, ...]
    """Missing, unexpected or changed files."""
    unsafe: tuple[str, ...]
    """Files that can run code when they are loaded, with the reason."""
    allowed: str | None = None
    """Why such files are allowed here, and what protects from them; None if they are not."""

    def joined(self, other: Inspection) -> Inspection:
        """Both together."""
        return Inspection(
            self.files + other.files,
            self.problems + other.problems,
            self.unsafe + other.unsafe,
            other.allowed,
        )


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a model comes from that was not trained here."""

    address: str
    """`models:/NAME/VERSION`, or the address of a service."""
    run: str
    """The run of theirs that made it; empty if none is recorded."""


@runtime_checkable
class HasEnvironment(Protocol):
    """An app whose bundles may run in an environment of their own."""

    def packages(self, bundle: Path) -> str | None:
        """What is installed there, a line `name==version` each; None if they run in ours."""


@runtime_checkable
class RefersElsewhere(Protocol):
    """An app whose bundles refer to what was made elsewhere."""

    def origin(self, bundle: Path) -> Origin | None:
        """What a bundle refers to; None if the model was trained here."""


@runtime_checkable
class RefersToModels(RefersElsewhere, Protocol):
    """An app whose bundles refer to models that others have registered."""

    def parameters_of(self, address: str) -> Params:
        """The parameters that make `models:/NAME/VERSION` the candidate."""

    def inspect(self, bundle: Path) -> Inspection:
        """Look at the files that a bundle refers to, without loading them."""


@runtime_checkable
class NamesRequirements(Protocol):
    """An app whose bundles need packages that its code does not import."""

    def requirements(self, bundle: Path) -> Sequence[str]:
        """Lines for pip, such as `lightgbm==4.6.0`."""
