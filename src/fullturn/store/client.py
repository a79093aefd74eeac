"""The module that imports mlflow, and only for a write: the import takes seconds.

The rest of the store imports from here what it needs of MLflow, except `schema`, which knows
MLflow's database from inside.
"""

from __future__ import annotations

import logging
import os
import warnings
from typing import Any, cast

from fullturn.core.proxies import spare_this_machine
from fullturn.store.http import LOGIN, name_of

_WANTED = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
SET_HERE = frozenset(_WANTED.keys() - os.environ.keys())
"""Variables set for this process alone, not for one that runs a team's own code."""
for _name, _value in _WANTED.items():
    os.environ.setdefault(_name, _value)

spare_this_machine()

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mlflow
    import mlflow.pyfunc  # noqa: F401  for those who import mlflow from here
from mlflow import MlflowClient, entities
from mlflow.exceptions import MlflowException
from mlflow.tracing.client import TracingClient
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

__all__ = [
    "SET_HERE",
    "IntegrityError",
    "MlflowClient",
    "MlflowException",
    "OperationalError",
    "SQLAlchemyError",
    "TracingClient",
    "connect",
    "current_login",
    "entities",
    "mlflow",
    "pointed_at",
]

for _name in ("mlflow", "alembic"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


def connect(uri: str) -> MlflowClient:
    """A client of the tracking server at `uri`."""
    pointed_at(uri)
    return MlflowClient(uri, uri)


def current_login(uri: str) -> str | None:
    """The name that a server gives to the login of this process; None if it has no logins."""
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    ask, credentials = cast(Any, http_request), cast(Any, get_default_host_creds)
    answer = ask(credentials(uri), LOGIN, "GET", raise_on_status=False)
    return name_of(answer.json()) if answer.status_code == 200 else None


def pointed_at(uri: str) -> Any:
    """MLflow, for the calls that take no address (prompts, traces, models): they go to `uri`.

    In this process only: MLflow also writes it into the environment, where the next project would
    find it.
    """
    if mlflow.get_tracking_uri() == mlflow.get_registry_uri() == uri:
        return mlflow
    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    if before is None:
        os.environ.pop("MLFLOW_TRACKING_URI", None)
    else:
        os.environ["MLFLOW_TRACKING_URI"] = before
    return mlflow
