"""A model that somebody else registered in MLflow: referred to, asked, never changed.

`app = "mlflow_model"` and `[model] uri` name it. A candidate is one of its versions. Its bundle is
a reference: the address, and the sha256 of every file there; so it is sealed, gated, promoted and
served like any other, and is refused as soon as one of those files differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from fullturn.core.entities import (
    Contract,
    Dataset,
    Example,
    Kind,
    Output,
    Params,
    Scalar,
    Scores,
)
from fullturn.core.errors import (
    BundleError,
    CouldNotEvaluate,
    IntegrityError,
    SettingsError,
    StoreUnavailable,
    UsageError,
)
from fullturn.core.settings import DataSettings, ModelSettings
from fullturn.store import current
from fullturn.store.pyfunc import described
from fullturn.subjects import contents, table
from fullturn.subjects.baseline import Majority, Median
from fullturn.subjects.mlflow_model import environment
from fullturn.subjects.mlflow_model import reference as references
from fullturn.subjects.mlflow_model.answers import Answers
from fullturn.subjects.mlflow_model.opening import Opener
from fullturn.subjects.mlflow_model.reference import ModelReference, Reading, Registry
from fullturn.subjects.protocols import Capability, Inspection, Loading, Origin, Predictor, Run
from fullturn.subjects.task_scores import label_scores, needed_scale, value_loss, value_scores


class MlflowModel:
    """The app. Without settings (a bundle loaded outside its project) it only loads and answers."""

    lacks: Mapping[Capability, str] = {
        "training": "the model is trained elsewhere, not on a dataset version of this project",
        "training rows": "no record says which rows the model was trained on",
    }

    def __init__(
        self,
        data: DataSettings | None = None,
        model: ModelSettings | None = None,
        registry: Callable[[], Registry] = current,
    ) -> None:
        self._data, self._settings = data or DataSettings(), model
        self._model = model or ModelSettings()
        self._get_registry = registry
        self._folders: dict[str, Path] = {}
        self._opener = Opener()

    @cached_property
    def contract(self) -> Contract:
        """The columns of the settings; without those, of the model's signature.

        Raises:
            SettingsError: neither names the inputs, or [model] lacks something.
        """
        kind: Kind = "category" if self._model.task == "classification" else "number"
        if self._data.columns:
            optional = frozenset(self._data.optional)
            return table.contract(self._data, self._data.columns, kind, optional)
        version = references.found(self._registry, self._uri)
        address = references.address_of(version)
        columns = described(self._files(references.source_of(self._registry, version), address))
        if not columns.columns:
            raise SettingsError(
                f"{address} has no signature with named columns: name its inputs in fullturn.toml, "
                "such as [data.columns] age = 'number', city = 'category'"
            )
        kinds: dict[str, Kind] = {one.name: references.kind_of(one) for one in columns.columns}
        optional = frozenset(one.name for one in columns.columns if not one.required)
        optional |= frozenset(self._data.optional)
        return table.contract(self._data, kinds, kind, optional)

    @property
    def defaults(self) -> Params:
        """One parameter: the version; an alias, or "the newest", is replaced by its number now."""
        return {"model": references.address_of(references.found(self._registry, self._uri))}

    @property
    def space(self) -> Mapping[str, Sequence[Scalar]]:
        """Nothing to search."""
        return {}

    @property
    def loading(self) -> Loading:
        """Where its predictors run; an archive of skops runs in this process, unless it is to have
        the packages that it declares."""
        own = self._model.allow_pickle or self._model.env == "isolated"
        return "in a process of its own" if own else "in this process"

    def parameters_of(self, address: str) -> Params:
        """The parameters that make this version the candidate."""
        return {"model": address}

    def train(self, data: Dataset, params: Params, run: Run) -> Path:
        """Nothing is trained: write down which version it is, and what its files are.

        Raises:
            NotFound: there is no such version.
            BundleError: its files are gone, or may run code and that is not allowed.
            DataError: it reads columns that the rows do not have.
        """
        version = references.found(self._registry, str(params["model"]))
        address = references.address_of(version)
        source = references.source_of(self._registry, version)
        folder, reading = self._files(source, address), self._reading
        references.check_columns(address, described(folder), reading.kinds)
        references.may_run_code(address, folder, allow=reading.allow_pickle)
        files = contents.listing(folder)
        ModelReference(address, source, version.run_id, version.created, files, reading).write(
            run.directory
        )
        return run.directory

    def load(self, folder: Path) -> Predictor:
        """The model that a bundle refers to, once its files have been compared.

        Raises:
            IntegrityError: its files have changed.
            BundleError: they are gone, or may run code and that is not allowed.
            AppError: it cannot be loaded.
        """
        reference = references.read(folder)
        address, files = reference.address, self._files(reference.source, reference.address)
        changed = contents.differences(files, reference.files)
        if changed:
            raise IntegrityError(
                f"{address} has other files than when it was evaluated: {changed[0]}; restore "
                "them, or register the new ones as a version of their own"
            )
        reading = self._reading if self._settings else reference.reading
        model = described(files)
        return Answers(
            address,
            self._opener.opened(address, files, reading),
            reading,
            reads_arrays=model.tensor is not None,
            params=model.params,
        )

    def forget(self) -> None:
        """Load models again from now on, also those that run already."""
        self._opener.forget()

    def score(self, row: Example, output: Output) -> Scores:
        """Scores of one output, in [0, 1]; see `subjects.task_scores`."""
        expected = row.expected[self._label]
        if self._model.task == "regression":
            return value_scores(output, expected, self._scale)
        return label_scores(output, expected)

    def loss(self, row: Example, output: Output) -> float | None:
        """Regression: absolute error ÷ [model] scale, clipped where it is above 1."""
        if self._model.task == "classification":
            return None
        return value_loss(output, row.expected[self._label], self._scale)

    def baseline(self, data: Dataset) -> Predictor:
        """Always the most frequent label of the train split, or its median."""
        rows = data.split("train")
        if self._model.task == "regression":
            return Median.of(rows, self._label)
        return Majority.of(rows, self._label, shares=True)

    def requirements(self, folder: Path) -> Sequence[str]:
        """What the model's own files name."""
        reference = references.read(folder)
        path = self._files(reference.source, reference.address) / "requirements.txt"
        return path.read_text(encoding="utf-8").splitlines() if path.is_file() else ()

    def packages(self, folder: Path) -> str | None:
        """Those of the environment that the model declares, if it has one of its own.

        Raises:
            AppError, CouldNotEvaluate: it cannot be made.
        """
        if self._model.env != "isolated":
            return None
        reference = references.read(folder)
        files = self._files(reference.source, reference.address)
        needs = environment.declared(files, builds=self._model.allow_pickle)
        return environment.packages(environment.python_of(reference.address, needs))

    def origin(self, folder: Path) -> Origin | None:
        """The version, and the run of theirs."""
        reference = references.read(folder)
        return Origin(reference.address, reference.run)

    def inspect(self, folder: Path) -> Inspection:
        """Look at the model's files without loading them."""
        reference = references.read(folder)
        count = len(reference.files)
        try:
            files = self._files(reference.source, reference.address)
            unsafe = references.unsafe(files, described(files))
        except CouldNotEvaluate as error:
            return Inspection(count, (str(error),), ())
        problems = tuple(contents.differences(files, reference.files))
        allowed = "[model] allow_pickle = true: it is only loaded in a process of its own"
        return Inspection(
            count, problems, tuple(unsafe), allowed if self._model.allow_pickle else None
        )

    @property
    def _registry(self) -> Registry:
        return self._get_registry()

    @property
    def _uri(self) -> str:
        if self._model.uri is None:
            raise SettingsError(
                "[model] uri is not set in fullturn.toml: name a registered model, such as "
                "'models:/churn', 'models:/churn/3' or 'models:/churn@champion'"
            )
        return self._model.uri

    @property
    def _label(self) -> str:
        (label,) = self.contract.names("label")
        return label

    @property
    def _scale(self) -> float:
        return needed_scale(self._model.scale, "model")

    @property
    def _reading(self) -> Reading:
        if self._model.task == "regression":
            _ = self._scale  # nothing could be scored later without it
        inputs = (one for one in self.contract.columns if one.role == "input")
        return Reading(
            task=self._model.task,
            kinds={one.name: one.kind for one in inputs},
            classes=self._model.classes,
            allow_pickle=self._model.allow_pickle,
            timeout=self._model.timeout,
            env=self._model.env,
            memory_mb=self._model.memory_mb,
        )

    def _files(self, source: str, address: str) -> Path:
        """The local folder of a model's files, fetched once."""
        if source not in self._folders:
            try:
                self._folders[source] = self._registry.fetch_model(source)
            except (UsageError, StoreUnavailable) as error:
                raise BundleError(
                    f"the files of {address} ({source}) are not available: {error}"
                ) from error
        return self._folders[source]
