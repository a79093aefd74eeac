"""Where an app written for version 0.1 imports its records from; today that is `fullturn`."""

from fullturn.core.entities import (
    Column,
    Contract,
    Dataset,
    DatasetVersion,
    Example,
    Input,
    Output,
    Params,
    Scalar,
    Scores,
    Split,
)

__all__ = [
    "Column",
    "Contract",
    "Dataset",
    "DatasetVersion",
    "Example",
    "Input",
    "Output",
    "Params",
    "Scalar",
    "Scores",
    "Split",
]
