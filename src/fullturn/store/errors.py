"""MLflow's errors as ours, without importing MLflow before there is one to translate."""

from __future__ import annotations

import functools
import re
import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

from fullturn.core import credentials
from fullturn.core.errors import (
    AccessDenied,
    FullturnError,
    NotFound,
    StoreUnavailable,
    UsageError,
)

if TYPE_CHECKING:
    from fullturn.store.client import MlflowException

_NO_LOGIN = re.compile(r"error code 401|\b401 Client Error|UNAUTHENTICATED|not authenticated")
_FORBIDDEN = re.compile(r"error code 403|\b403 Client Error|PERMISSION_DENIED")
_HOST_REFUSED = "Invalid Host header"
"""What MLflow answers, with 403, to a host name that it was not started with."""
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
            denied = _denied(store.uri, error) if isinstance(error, OSError) else None
            raise denied or StoreUnavailable(_unavailable(store.uri, error)) from error

    return wrapper


def _translated(error: MlflowException, uri: str) -> FullturnError:
    if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"):
        return NotFound(f"{_first_line(error)} (tracking server {uri})")
    if error.error_code == "INVALID_PARAMETER_VALUE":
        return UsageError(f"{_first_line(error)} (tracking server {uri})")
    return _denied(uri, error) or StoreUnavailable(_unavailable(uri, error))


def _denied(uri: str, error: BaseException) -> StoreUnavailable | None:
    """The error where the server answered, and refused; None where it did not."""
    said = str(error)
    if _HOST_REFUSED in said:
        host = urlsplit(uri).netloc.rpartition("@")[2]
        return StoreUnavailable(
            f"the tracking server {uri} refuses the host name '{host}' in its address: use a name "
            f"that it allows, or start it with `mlflow server --allowed-hosts {host}`"
        )
    login = credentials.login(uri)
    if _FORBIDDEN.search(said) and login:
        return AccessDenied(
            f"the tracking server {uri} does not permit this to {login} ({_first_line(error)}): "
            "an administrator can grant the permission"
        )
    if _NO_LOGIN.search(said) or _FORBIDDEN.search(said):
        what = f"{login} is unknown, wrong or has expired" if login else "no login is set"
        return StoreUnavailable(
            f"the tracking server {uri} denied access: {what}; set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        )
    return None


def _unavailable(uri: str, error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        step = f"install {error.name}, or another driver for it"
    else:
        step = "check `tracking_uri` in fullturn.toml, or MLFLOW_TRACKING_URI, and try again"
    if uri.startswith("sqlite:") and not isinstance(error, ModuleNotFoundError):
        step = "check disk space and permissions, then try again"
    reason = _first_line(_cause(error))
    return f"the tracking server {uri} is unreachable: {reason}; {step}"


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
