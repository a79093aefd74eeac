"""What is operated: an app and its capabilities, which are looked up only here.

An app says what it is by what it has: a text column, `text_of()`, `load_with_canary()`. What it
lacks otherwise it may declare itself (`Declares`). Every lack has a reason, a sentence that the
gate's report prints where a check does not apply, or where evidence is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from fullturn.core import plugins
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
from fullturn.core.errors import (
    AppError,
    CouldNotEvaluate,
    IntegrityError,
    UsageError,
)
from fullturn.core.wording import shown
from fullturn.subjects import bundle, scores, task_scores
from fullturn.subjects.protocols import (
    App,
    Capability,
    ChecksParameters,
    DeclaresLoss,
    GeneratesText,
    HasEnvironment,
    Inspection,
    Loading,
    NamesRequirements,
    Origin,
    Predictor,
    RefersElsewhere,
    RefersToModels,
    Run,
    Scorer,
)
from fullturn.subjects.scores import RowScorer

T = TypeVar("T")
BATCH_ROWS = 32
TEXT_PERTURBATIONS = ("typos", "case", "paraphrase")
"""What the gate may do to the text of a row, see `evaluation.behaviour`."""


@dataclass(frozen=True)
class Subject:
    """An app, by the name that fullturn.toml gives it."""

    app: App
    name: str
    scorers: Mapping[str, RowScorer] = field(default_factory=lambda: MappingProxyType({}))
    """Scorers beside the app's own, by name."""
    scale: float | None = None
    """The error from which an answer is worth nothing, of an app of numbers without scores."""

    @property
    def contract(self) -> Contract:
        """The columns, their roles and kinds."""
        return self._asked("contract", lambda: self.app.contract)

    @property
    def defaults(self) -> Params:
        """Every parameter with its default."""
        return self._asked("defaults", lambda: self.app.defaults)

    @property
    def space(self) -> Mapping[str, Sequence[Scalar]]:
        """Values that a search may try, by parameter."""
        return self._asked("space", lambda: self.app.space)

    @property
    def lacks(self) -> Mapping[Capability, str]:
        """Every capability that it does not have, with the reason."""
        return {**self._by_nature(), **getattr(self.app, "lacks", {})}

    def can(self, capability: Capability) -> bool:
        """Whether it has a capability."""
        return capability not in self.lacks

    @property
    def loading(self) -> Loading:
        """Where its predictors run."""
        return getattr(self.app, "loading", "in this process")

    @property
    def batch_rows(self) -> int:
        """How many rows an evaluation asks together: models of tables are faster with many."""
        return getattr(self.app, "batch_rows", BATCH_ROWS)

    @property
    def text_column(self) -> str | None:
        """The input column whose text may be perturbed; None if there is none."""
        return self.contract.text

    @property
    def perturbations(self) -> tuple[str, ...]:
        """What may be done to a row without changing what is expected of it."""
        return getattr(self.app, "perturbations", TEXT_PERTURBATIONS if self.can("text") else ())

    def check_parameters(self, params: Params) -> None:
        """Refuse wrong values before a run begins, if the app can tell.

        Raises:
            UsageError: a value is not allowed.
            AppError: the app raised something else.
        """
        app = self.app
        if isinstance(app, ChecksParameters):
            self._asked("check_parameters()", lambda: app.check_parameters(params))

    def train(self, data: Dataset, params: Params, run: Run) -> Path:
        """The folder of a new bundle.

        Raises:
            AppError: the app raised, or returned something else than a folder.
        """
        folder = self._asked("train()", lambda: self.app.train(data, params, run))
        if not isinstance(folder, Path) or not folder.is_dir():
            raise self._error("train()", folder, "the folder of the bundle, `run.directory`")
        return folder

    def load(self, folder: Path, digest: str | None = None) -> Predictor:
        """A predictor of a sealed bundle, verified first.

        Raises:
            IntegrityError: a file differs from the manifest.
            BundleError: a format is not safe, or the app cannot load it.
        """
        return self._guarded("load()", bundle.load(self.app, folder, digest))

    def load_files(self, files: Path) -> Predictor:
        """A predictor of what `train` wrote, before it is sealed.

        Raises:
            AppError: the app raised, or returned no predictor.
        """
        return self._guarded("load()", self._asked("load()", lambda: self.app.load(files)))

    def forget(self) -> None:
        """Make sure that predictors loaded from now on share nothing with earlier ones."""
        getattr(self.app, "forget", lambda: None)()

    def load_with_canary(
        self, folder: Path, canary: str, passages: Sequence[Mapping[str, str]]
    ) -> Predictor:
        """A predictor of a sealed bundle with a secret in its hidden context.

        Raises:
            UsageError: it generates no text.
            AppError: the app raised.
        """
        writer = self._writer()
        files = folder / bundle.FILES
        what = "load_with_canary()"
        found = self._asked(what, lambda: writer.load_with_canary(files, canary, passages))
        return self._guarded(what, found)

    def text_of(self, output: Output) -> str:
        """The text of an output, as a user reads it.

        Raises:
            UsageError: it generates no text.
            AppError: the app raised.
        """
        writer = self._writer()
        text = self._asked("text_of()", lambda: writer.text_of(output))
        if not isinstance(text, str):
            raise self._error("text_of()", text, "a text")
        return text

    def score(self, row: Example, output: Output) -> Scores:
        """Scores of one output, the app's first.

        Raises:
            AppError: a scorer raised, or gives a score of a name that is taken.
        """
        app, what = self.app, f"score() on row '{row.id}'"
        if not isinstance(app, Scorer):
            given = task_scores.scores(self.contract, row, output, self.scale)
            return scores.added(given, self.scorers, row, output)
        given = self._asked(what, lambda: app.score(row, output))
        if not isinstance(given, Mapping):
            raise self._error(what, given, "a mapping from names to numbers within [0, 1]")
        return scores.added(given, self.scorers, row, output)

    def loss(self, row: Example, output: Output) -> float | None:
        """The loss of one output, above 1 where it is clipped; None if 1 minus the primary score.

        Raises:
            AppError: the app raised.
        """
        app = self.app
        if isinstance(app, DeclaresLoss):
            return self._asked(f"loss() on row '{row.id}'", lambda: app.loss(row, output))
        if isinstance(app, Scorer):
            return None
        return task_scores.loss(self.contract, row, output, self.scale)

    def comparable(self, output: Output) -> Any:
        """An output as JSON would give it back, with floats to six digits.

        Raises:
            AppError: JSON has no word for something in it, such as a NumPy number.
        """
        try:
            return bundle.comparable(output)
        except (TypeError, ValueError, RecursionError) as error:
            raise AppError(
                f"predict() of app '{self.name}' gave an output that is not JSON ({error}): "
                f"{shown(output)}; return plain Python values, for example float(x), str(x) or "
                "x.tolist() of NumPy's"
            ) from error

    def baseline(self, data: Dataset) -> Predictor:
        """The trivial predictor that every candidate must beat.

        Raises:
            AppError: the app raised.
        """
        return self._guarded(
            "baseline()", self._asked("baseline()", lambda: self.app.baseline(data))
        )

    def inspect(self, folder: Path, digest: str | None = None) -> Inspection:
        """Look at the files of a sealed bundle without loading them."""
        try:
            bundle.verify(folder, digest)
            problems: tuple[str, ...] = ()
        except (IntegrityError, CouldNotEvaluate) as error:
            problems = (str(error),)
        count = sum(path.is_file() and path.suffix != ".pyc" for path in folder.rglob("*"))
        found = Inspection(count, problems, tuple(bundle.unsafe_files(folder)))
        if not problems and isinstance(self.app, RefersToModels):
            return found.joined(self.app.inspect(folder / bundle.FILES))
        return found

    def requirements(self, files: Path) -> Sequence[str]:
        """Lines for pip with what a bundle needs beside fullturn and the app's own imports."""
        return self.app.requirements(files) if isinstance(self.app, NamesRequirements) else ()

    def packages(self, files: Path) -> str | None:
        """What is installed where a bundle runs, a line `name==version` each; None if that is this
        environment.

        Raises:
            AppError, CouldNotEvaluate: its environment cannot be made.
        """
        return self.app.packages(files) if isinstance(self.app, HasEnvironment) else None

    def origin(self, files: Path) -> Origin | None:
        """What a new bundle refers to; None for a model that was trained here."""
        return self.app.origin(files) if isinstance(self.app, RefersElsewhere) else None

    def parameters_of(self, address: str) -> Params:
        """The parameters that make a registered model, `models:/NAME/VERSION`, the candidate.

        Raises:
            UsageError: it takes none.
        """
        if not isinstance(self.app, RefersToModels):
            raise UsageError(
                f"'{address}' is a registered model, and app = '{self.name}' has candidates of "
                "its own; a project with app = 'mlflow_model' gates registered models"
            )
        return self.app.parameters_of(address)

    def _by_nature(self) -> dict[Capability, str]:
        lacks: dict[Capability, str] = {}
        if self.contract.text is None:
            lacks["text"] = "the app takes no text"
        if self.contract.text is None or not isinstance(self.app, GeneratesText):
            lacks["generated text"] = "the app writes no text of its own"
        if not isinstance(self.app, RefersToModels):
            lacks["registered models"] = f"app = '{self.name}' has candidates of its own"
        return lacks

    def _writer(self) -> GeneratesText:
        if not isinstance(self.app, GeneratesText):
            raise UsageError(f"app = '{self.name}' writes no text of its own")
        return self.app

    def _asked(self, what: str, call: Callable[[], T]) -> T:
        return _asked(f"{what} of app '{self.name}'", call)

    def _guarded(self, what: str, predictor: Predictor) -> Predictor:
        if not callable(getattr(predictor, "predict", None)):
            raise self._error(what, predictor, "an object with predict(rows)")
        return _Guarded(f"predict() of app '{self.name}'", predictor)

    def _error(self, what: str, found: object, right: str) -> AppError:
        return _returned(f"{what} of app '{self.name}'", found, right)


@dataclass(frozen=True, slots=True)
class _Guarded:
    """A predictor of an app: what it raises, or returns instead of outputs, is an AppError."""

    what: str
    predictor: Predictor

    def predict(self, rows: Sequence[Input]) -> list[Output]:
        """Answer each row."""
        found = _asked(self.what, lambda: list(self.predictor.predict(rows)))
        for output in found:
            if not isinstance(output, Mapping):
                raise _returned(self.what, output, "a dict for each row")
        return found


def _asked(what: str, call: Callable[[], T]) -> T:
    return plugins.asked(what, call, step="correct the app, then try again")


def _returned(what: str, found: object, right: str) -> AppError:
    return AppError(f"{what} returned {shown(found)}, a {type(found).__name__}; return {right}")
