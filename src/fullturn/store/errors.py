"""MLflow's errors as ours, without importing MLflow before there is one to translate."""

from __future__ import annotations

import functools
import re
import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from fullturn.core.errors import FullturnError, NotFound, StoreUnavailable, UsageError

if TYPE_CHECKING:
    from fullturn.store.client import MlflowException

_REFUSED = re.compile(r"\b40[13]\b|UNAUTHENTICATED|PERMISSION_DENIED")
P = ParamSpec("P")
R = TypeVar("R")


def guarded(call: Callable[P, R]) -> Callable[P, R]:
    """Turn MLflow's one exception into ours."""

    @functools.wraps(call)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        from fullturn.store.client import MlflowException, SQLAlchemyError

        try:
            return call(*args, **kwargs)
        except MlflowException as error:
            store: Any = args[0]
            raise _translated(error, store.uri) from error
        except (SQLAlchemyError, OSError, ModuleNotFoundError) as error:
            store = args[0]
            raise StoreUnavailable(_unavailable(store.uri, error)) from error

    return wrapper


def _translated(error: MlflowException, uri: str) -> FullturnError:
    if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"):
        return NotFound(f"{_first_line(error)} (tracking server {uri})")
    if error.error_code == "INVALID_PARAMETER_VALUE":
        return UsageError(f"{_first_line(error)} (tracking server {uri})")
    return StoreUnavailable(_unavailable(uri, error))


def _unavailable(uri: str, error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        step = f"install {error.name}, or another driver for it"
    elif _REFUSED.search(str(error)):
        step = (
            "MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and _PASSWORD, is missing, wrong "
            "or expired"
        )
    else:
        step = "check `tracking_uri` in fullturn.toml, or MLFLOW_TRACKING_URI, and try again"
    if uri.startswith("sqlite:") and not isinstance(error, ModuleNotFoundError):
        step = "check disk space and permissions, then try again"
    reason = _first_line(_cause(error))
    return f"the tracking server {uri} is unreachable or denied access: {reason}; {step}"


def _cause(error: BaseException) -> BaseException:
    """The error of the system or of SQLite that the other errors wrap."""
    found, below = error, error.__cause__ or error.__context__
    while below is not None:
        if isinstance(below, OSError | sqlite3.Error):
            found = below
        below = below.__cause__ or below.__context__
    return found


def _first_line(error: BaseException) -> str:
    text = str(error).strip().partition(" failed with exception")[0].splitlines()
    return (text[0] if text else type(error).__name__)[:300]
