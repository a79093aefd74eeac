"""A model that a team's own command trains and logs to MLflow: `[train] command`.

The command runs in a process of its own, with MLflow's variables set so that a plain
`mlflow.start_run()` continues the run of the candidate, and gets

    FULLTURN_TRAIN, FULLTURN_VALIDATION   Parquet files with the rows; `{train}`, `{validation}`
    FULLTURN_SEED                         the run's seed; `{seed}`
    FULLTURN_PARAM_NAME                   each parameter, its name in capitals; `{name}`

The model that it logs, of any flavour, becomes the candidate: the bundle refers to it.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from fullturn.core.addresses import beside
from fullturn.core.entities import Dataset, Params, Scalar
from fullturn.core.errors import AppError, CouldNotEvaluate, SettingsError, UsageError
from fullturn.core.records import LoggedModel
from fullturn.core.settings import Settings
from fullturn.store.pyfunc import described
from fullturn.subjects import contents
from fullturn.subjects.mlflow_model import command, export
from fullturn.subjects.mlflow_model import reference as references
from fullturn.subjects.mlflow_model.app import MlflowModel
from fullturn.subjects.mlflow_model.reference import ModelReference
from fullturn.subjects.protocols import Capability, Origin, Run

if TYPE_CHECKING:
    from fullturn.store import Store

OUTPUT = "training/output.txt"
"""Artifact of the run: what the command printed."""
_NAME = re.compile(r"[A-Za-z_][\w.-]*")
_TAKEN = ("seed", "train", "validation", "test")


class TrainedModel(MlflowModel):
    """The app. A candidate is the model that one run of the command logs."""

    lacks: Mapping[Capability, str] = {
        "registered models": "its candidates are trained by [train] command",
    }

    def __init__(self, settings: Settings, root: Path, store: Callable[[], Store]) -> None:
        """Raises SettingsError: a setting in [train] contradicts another."""
        super().__init__(settings.data, settings.model, store)
        self._train, self._root, self._store = settings.train, root, store
        if settings.model.uri is not None:
            raise SettingsError(
                "[model] uri names a registered model, and [train] command trains one: remove one "
                "of the two from fullturn.toml"
            )
        _check_names([*self._train.params, *self._train.space])

    @property
    def defaults(self) -> Params:
        """Those of the settings; of a parameter with a space alone, its first value."""
        first = {name: values[0] for name, values in self._train.space.items() if values}
        return {**first, **self._train.params}

    @property
    def space(self) -> Mapping[str, Sequence[Scalar]]:
        """The values that a search may try."""
        return self._train.space

    def check_parameters(self, params: Params) -> None:
        """Refuse a command that cannot run, before a run begins.

        Raises:
            SettingsError: there is no such interpreter, or the command names an unknown parameter.
        """
        _ = self._reading
        values = _values(params, 0, {split: Path(split) for split in export.EXPORTED})
        command.words_of(self._train.command or "", values, self._python)

    def train(self, data: Dataset, params: Params, run: Run) -> Path:
        """Run the command, and refer to the model that it logged.

        Raises:
            AppError: it failed, hung, or logged no model, or several.
            BundleError: the model may run any code when it is loaded, and that is not allowed.
            DataError: the model reads columns that the rows do not have.
        """
        with TemporaryDirectory(dir=run.directory.parent, prefix="data-") as place:
            files = export.write(data, self.contract, Path(place))
            values = _values(params, run.seed, files)
            words = command.words_of(self._train.command or "", values, self._python)
            output = Path(place) / "output.txt"
            try:
                command.run(
                    words, self._root, self._variables(values, run), self._train.timeout, output
                )
            finally:
                self._store_output(run, output)
        self._refuse_failed(run)
        self.refer(run.id, run.directory)
        return run.directory

    def refer(self, run_id: str, folder: Path) -> None:
        """Write into a folder which model a run has logged, and what its files are.

        Raises:
            AppError: it has logged none, or several.
            BundleError: the model may run any code when it is loaded, and that is not allowed.
            DataError: the model reads columns that the rows do not have.
        """
        model, reading = self._chosen(run_id), self._reading
        files = self._files(model.source, model.source)
        references.check_columns(model.source, described(files), reading.kinds)
        references.may_run_code(model.source, files, allow=reading.allow_pickle)
        listing = contents.listing(files)
        ModelReference(model.source, model.source, run_id, model.created, listing, reading).write(
            folder
        )

    def parameters_of(self, address: str) -> Params:
        """Raises UsageError: the command trains the candidates."""
        raise UsageError(
            f"'{address}' is a registered model, and the candidates of this project are trained by "
            "[train] command; `fullturn adopt` makes a project for a registered model"
        )

    def origin(self, folder: Path) -> Origin | None:
        """None: it is trained here."""
        return None

    @property
    def _uri(self) -> str:
        raise SettingsError(
            "[data.columns] is not set in fullturn.toml: name the columns that the model reads, "
            "such as [data.columns] age = 'number', city = 'category'"
        )

    @property
    def _python(self) -> Path | None:
        """The interpreter in the settings; not resolved, as a link to it is an environment."""
        if self._train.python is None:
            return None
        path = beside(self._root, self._train.python)
        if not os.access(path, os.X_OK) or path.is_dir():
            raise SettingsError(
                f"[train] python = '{self._train.python}': there is no interpreter at {path}; make "
                "the environment, for example with `uv venv`, and install what training needs"
            )
        return path

    def _variables(self, values: Mapping[str, str], run: Run) -> dict[str, str]:
        """The environment of the command: this process's, and what it is given."""
        given = {
            f"FULLTURN_{name.upper()}": values[name] for name in ("seed", "train", "validation")
        }
        given |= {_variable(name): text for name, text in values.items() if name not in _TAKEN}
        python, found = self._python, {**_inherited(), **run.environment, **given}
        if python is not None:
            found["PATH"] = os.pathsep.join([str(python.parent), found.get("PATH", os.defpath)])
            found.pop("PYTHONHOME", None)
        return found

    def _store_output(self, run: Run, output: Path) -> None:
        with contextlib.suppress(OSError, CouldNotEvaluate):  # the command's own error counts
            self._store().put_text(run.id, output.read_text(encoding="utf-8"), OUTPUT)

    def _refuse_failed(self, run: Run) -> None:
        status = self._store().run(run.id).status
        if status in ("FAILED", "KILLED"):
            raise AppError(
                f"[train] command ended with exit code 0, but its MLflow run as {status}: see what "
                f"it printed in the artifact {OUTPUT} of run {run.id[:8]}"
            )

    def _chosen(self, run_id: str) -> LoggedModel:
        """The model that becomes the candidate."""
        found = self._store().logged_models(run_id)
        named = [one for one in found if self._train.model in (None, one.name)]
        names = ", ".join(f"'{one.name}' ({one.source})" for one in found)
        if not found:
            raise AppError(
                "[train] command logged no model: log one with MLflow, for example "
                "mlflow.sklearn.log_model(model, name='model') within mlflow.start_run(), which "
                "continues the run that MLFLOW_RUN_ID names"
            )
        if not named:
            raise AppError(f"[train] model = '{self._train.model}': the command logged {names}")
        if self._train.model is None and len(named) > 1:
            raise AppError(
                f"[train] command logged {len(named)} models: {names}; name one with [train] "
                "model = 'NAME' in fullturn.toml, of several with that name the last is taken"
            )
        return named[-1]


def _values(params: Params, seed: int, files: Mapping[str, Path]) -> dict[str, str]:
    """What a command may name in braces."""
    texts = {name: _text(value) for name, value in params.items()}
    return {**texts, "seed": str(seed), **{name: str(path) for name, path in files.items()}}


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _variable(name: str) -> str:
    return "FULLTURN_PARAM_" + re.sub(r"\W", "_", name).upper()


def _inherited() -> dict[str, str]:
    """This process's environment, without what fullturn has set there for its own use of MLflow."""
    from fullturn.store.client import SET_HERE

    return {name: value for name, value in os.environ.items() if name not in SET_HERE} | {
        "PYTHONUNBUFFERED": "1"
    }


def _check_names(names: Sequence[str]) -> None:
    variables: dict[str, str] = {}
    for name in dict.fromkeys(names):
        if not _NAME.fullmatch(name) or name in _TAKEN:
            raise SettingsError(
                f"[train.params] '{name}': a parameter's name has letters, digits, '_', '-' and "
                f"'.', and is none of {', '.join(_TAKEN)}"
            )
        other = variables.setdefault(_variable(name), name)
        if other != name:
            raise SettingsError(
                f"[train.params] '{name}' and '{other}' are both {_variable(name)}: rename one"
            )
