"""The full MLOps lifecycle of a model or an LLM application, with evidence for every decision.

    import fullturn

    project = fullturn.open(".")
    project.turn()

Every command is a method of the project. Its results show themselves in a notebook, convert
(`to_dict()`, `to_pandas()`) and name `next_steps`. What an app of your own needs is here too: the
protocols `App`, `Predictor`, `GeneratesText` and `Run`, and the records that they hand over.
All names are loaded when they are first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fullturn.core.entities import (
        Column,
        Contract,
        Dataset,
        DatasetVersion,
        Example,
        Input,
        Output,
        Params,
        Scores,
    )
    from fullturn.core.errors import FullturnError
    from fullturn.core.showing import Result, Table
    from fullturn.data.records import Difference, Summary
    from fullturn.project import Project, open  # noqa: A004
    from fullturn.subjects.protocols import App, GeneratesText, Predictor, Run
    from fullturn.verbs.data import Committed, Versions

_PLACES = {
    "core.entities": (
        "Column", "Contract", "Dataset", "DatasetVersion", "Example", "Input", "Output", "Params",
        "Scores",
    ),
    "core.errors": ("FullturnError",),
    "core.showing": ("Result", "Table"),
    "data.records": ("Difference", "Summary"),
    "project": ("Project", "open"),
    "subjects.protocols": ("App", "GeneratesText", "Predictor", "Run"),
    "verbs.data": ("Committed", "Versions"),
}  # fmt: skip
_PLACE_OF = {name: place for place, names in _PLACES.items() for name in names}

__all__ = [
    "App",
    "Column",
    "Committed",
    "Contract",
    "Dataset",
    "DatasetVersion",
    "Difference",
    "Example",
    "FullturnError",
    "GeneratesText",
    "Input",
    "Output",
    "Params",
    "Predictor",
    "Project",
    "Result",
    "Run",
    "Scores",
    "Summary",
    "Table",
    "Versions",
    "open",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACE_OF:
        raise AttributeError(f"module 'fullturn' has no attribute '{name}'")
    return getattr(import_module(f"fullturn.{_PLACE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
