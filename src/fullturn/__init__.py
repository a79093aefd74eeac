"""A model or an LLM application, all the way round the MLOps lifecycle.

What an app of your own needs: the protocols `App`, `Predictor`, `GeneratesText` and `Run`,
and the records they hand over. They are loaded when first asked for.
"""

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
    from fullturn.subjects.protocols import App, GeneratesText, Predictor, Run

__all__ = [
    "App",
    "Column",
    "Contract",
    "Dataset",
    "DatasetVersion",
    "Example",
    "FullturnError",
    "GeneratesText",
    "Input",
    "Output",
    "Params",
    "Predictor",
    "Run",
    "Scores",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'fullturn' has no attribute '{name}'")
    from fullturn.core import entities, errors
    from fullturn.subjects import protocols

    for module in (protocols, entities, errors):
        if hasattr(module, name):
            return getattr(module, name)
    raise AttributeError(name)
