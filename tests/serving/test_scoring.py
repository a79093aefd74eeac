"""MLflow's scoring protocol: the same requests to its server and to ours, of the same model.

Requests are those of MLflow's own tests (tests/pyfunc/test_scoring_server.py), and more of their
kinds.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
import uvicorn
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from fullturn.core.entities import Column, Contract, Input, Output
from fullturn.core.errors import DataError
from fullturn.store.client import mlflow
from fullturn.store.model_process import Inputs, LoadedModel, SignatureMismatch, to_batch
from fullturn.store.pyfunc import described, inputs_of
from fullturn.subjects.mlflow_model.answers import Answers
from fullturn.subjects.mlflow_model.opening import Opener
from fullturn.subjects.mlflow_model.reference import Reading
from tests.conftest import free_port
from tests.serving import echo
from tests.serving.live import Live, live
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.filterwarnings("ignore:no explicit representation of timezones")
"""Of MLflow's server, which would answer 400 where warnings are errors."""
ROW = {"text": "hello", "n": 1.5, "kind": "a", "opt": 2.0}
NAMES, CELLS = list(ROW), list(ROW.values())
JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
Request = tuple[str | None, bytes]


def sent(content: Any) -> Request:
    return JSON, json.dumps(content).encode()


def row(**cells: Any) -> dict[str, Any]:
    return {**ROW, **cells}


def columns(**cells: Any) -> dict[str, Any]:
    return {name: [cell, cell] for name, cell in ROW.items()} | cells


def parquet(table: pd.DataFrame, **options: Any) -> bytes:
    file = io.BytesIO()
    table.to_parquet(file, **options)
    return file.getvalue()


RECORDS: dict[str, Request] = {
    "records": sent({"dataframe_records": [ROW, row(text="b")]}),
    "records, optional absent": sent({"dataframe_records": [{"text": "a", "n": 1}]}),
    "records, optional absent in one": sent({"dataframe_records": [ROW, {"text": "a", "n": 1}]}),
    "records, optional null": sent({"dataframe_records": [row(kind=None, opt=None)]}),
    "records, whole number": sent({"dataframe_records": [row(n=3)]}),
    "records, truth value": sent({"dataframe_records": [row(n=True, opt=False)]}),
    "records, number as text": sent({"dataframe_records": [row(n="2.5")]}),
    "records, no number": sent({"dataframe_records": [row(n="many")]}),
    "records, extra column": sent({"dataframe_records": [row(x=1)]}),
    "records, missing column": sent({"dataframe_records": [{"text": "a"}]}),
    "records, none": sent({"dataframe_records": []}),
    "records, a split": sent({"dataframe_records": {"columns": NAMES, "data": [CELLS]}}),
    "records, lists": sent({"dataframe_records": [CELLS]}),
    "records, texts": sent({"dataframe_records": ["hello"]}),
}
SPLIT: dict[str, Request] = {
    "split": sent({"dataframe_split": {"columns": NAMES, "data": [CELLS, CELLS]}}),
    "split, index": sent({"dataframe_split": {"columns": NAMES, "index": [7], "data": [CELLS]}}),
    "split, wrong index": sent(
        {"dataframe_split": {"index": [1, 2], "columns": ["n"], "data": [[1], [2], [3]]}}
    ),
    "split, other field": sent({"dataframe_split": {"columns": NAMES, "a": 1, "data": [CELLS]}}),
    "split, no data": sent({"dataframe_split": {"columns": NAMES}}),
    "split, no columns": sent({"dataframe_split": {"data": [CELLS]}}),
    "split, no rows": sent({"dataframe_split": {"columns": NAMES, "data": []}}),
    "split, no rows of other columns": sent({"dataframe_split": {"columns": ["n"], "data": []}}),
    "split, records": sent({"dataframe_split": [ROW]}),
    "split, short row": sent({"dataframe_split": {"columns": NAMES, "data": [["a", 1]]}}),
    "split, column twice": sent({"dataframe_split": {"columns": [*NAMES, "n"],
                                                     "data": [[*CELLS, 9]]}}),
    "split, extra column twice": sent({"dataframe_split": {"columns": [*NAMES, "z", "z"],
                                                           "data": [[*CELLS, 8, 9]]}}),
    "split, other order": sent({"dataframe_split": {"columns": NAMES[::-1],
                                                    "data": [CELLS[::-1]]}}),
    "split, truth values": sent({"dataframe_split": {
        "columns": NAMES, "data": [["a", True, "b", False], ["c", 2.0, "d", 1]]}}),
    "split, rows are objects": sent({"dataframe_split": {"columns": NAMES, "data": [ROW]}}),
    "split, numbered columns": sent({"dataframe_split": {"columns": [0, 1, 2, 3],
                                                         "data": [CELLS]}}),
}  # fmt: skip
INSTANCES: dict[str, Request] = {
    "instances": sent({"instances": [ROW, row(text="b")]}),
    "instances, truth value": sent({"instances": [row(n=True)]}),
    "instances, number as text": sent({"instances": [row(n="2.5")]}),
    "instances, extra column": sent({"instances": [row(x=1)]}),
    "instances, missing column": sent({"instances": [{"text": "a"}]}),
    "instances, optional absent": sent({"instances": [{"text": "a", "n": 1}]}),
    "instances, optional absent in one": sent({"instances": [ROW, {"text": "a", "n": 1}]}),
    "instances, column absent in one": sent({"instances": [ROW, {"text": "a"}]}),
    "instances, by column": sent({"instances": columns()}),
    "instances, one row": sent({"instances": ROW}),
    "instances, lists": sent({"instances": [CELLS]}),
    "instances, texts": sent({"instances": ["a", "b"]}),
    "instances, none": sent({"instances": []}),
    "instances, null": sent({"instances": [row(kind=None)]}),
    "instances, signature_name": sent({"instances": [ROW], "signature_name": "x"}),
}
INPUTS: dict[str, Request] = {
    "inputs": sent({"inputs": [ROW, row(text="b")]}),
    "inputs, by column": sent({"inputs": columns()}),
    "inputs, uneven columns": sent({"inputs": columns(n=[1])}),
    "inputs, columns of lists": sent({"inputs": {k: [[v], [v]] for k, v in ROW.items()}}),
    "inputs, one row": sent({"inputs": ROW}),
    "inputs, cells and columns": sent({"inputs": row(n=[1])}),
    "inputs, lists": sent({"inputs": [CELLS]}),
    "inputs, texts": sent({"inputs": ["a"]}),
    "inputs, a text": sent({"inputs": "a"}),
    "inputs, null": sent({"inputs": None}),
    "inputs, no rows": sent({"inputs": []}),
    "inputs, no columns": sent({"inputs": {}}),
    "inputs, truth value": sent({"inputs": [row(n=True)]}),
    "inputs, column of truth values": sent({"inputs": columns(n=[True, False])}),
    "inputs, extra column": sent({"inputs": [row(x=1)]}),
    "inputs, missing column": sent({"inputs": [{"n": 1}]}),
    "inputs, optional absent": sent({"inputs": [{"text": "a", "n": 2}]}),
    "inputs, optional absent in one": sent({"inputs": [ROW, {"text": "a", "n": 2}]}),
}
ENVELOPES: dict[str, Request] = {
    "params": sent({"inputs": [ROW], "params": {"a": 1}}),
    "signature's params": sent({"inputs": [ROW], "params": {"temperature": 0.5}}),
    "params, no object": sent({"inputs": [ROW], "params": 3}),
    "unknown field": sent({"inputs": [ROW], "foo": 3}),
    "two forms": sent({"inputs": [ROW], "instances": [ROW]}),
    "no form": sent({"not": "a serialized dataframe"}),
    "two forms, of tables": sent({"dataframe_records": [], "dataframe_split": {"data": []}}),
    "a list": sent([1]),
    "a number": sent(1),
    "a text": sent("1"),
    "null": sent(None),
    "a chat": sent({"messages": [{"role": "user", "content": "a"}]}),
    "empty": (JSON, b""),
    "not JSON": (JSON, b"this is,,,, not valid json"),
    "NaN, optional": (JSON, b'{"inputs": [{"text": "a", "n": 1, "opt": NaN}]}'),
    "NaN, required": (JSON, b'{"inputs": [{"text": "a", "n": NaN}]}'),
    "Infinity": (JSON, b'{"inputs": [{"text": "a", "n": Infinity}]}'),
    "byte order mark": (JSON, b"\xef\xbb\xbf" + sent({"inputs": [ROW]})[1]),
    "UTF-16": (JSON, json.dumps({"inputs": [ROW]}).encode("utf-16")),
    "Latin-1": (JSON, '{"inputs": [{"text": "é", "n": 1}]}'.encode("latin-1")),
    "charset=utf-8": (f"{JSON}; charset=utf-8", sent({"inputs": [ROW]})[1]),
    "charset=UTF-8": (f"{JSON}; charset=UTF-8", sent({"inputs": [ROW]})[1]),
    "charset=latin-1": (f"{JSON}; charset=latin-1", sent({"inputs": [ROW]})[1]),
    "unknown parameter": (f"{JSON}; something=something", sent({"inputs": [ROW]})[1]),
    "application/ld+json": ("application/ld+json", sent({"inputs": [ROW]})[1]),
    "Application/JSON": ("Application/JSON", sent({"inputs": [ROW]})[1]),
    "text/plain": ("text/plain", sent({"inputs": [ROW]})[1]),
    "unknown type": ("not_a_supported_content_type", sent({"inputs": [ROW]})[1]),
    "no type": (None, sent({"inputs": [ROW]})[1]),
}
TABLES: dict[str, Request] = {
    "CSV": (CSV, b"text,n,kind,opt\nhello,1.5,a,2\n"),
    "CSV, charset": (f"{CSV}; charset=utf-8", b"text,n,kind,opt\nhello,1.5,a,2\n"),
    "CSV, byte order mark": (CSV, b"\xef\xbb\xbftext,n\nhello,1.5\n"),
    "CSV, quotes and line ends": (CSV, b'text,n\r\n"hello, ""you""\nthere",1.5\r\n'),
    "CSV, empty": (CSV, b""),
    "CSV, no rows": (CSV, b"text,n,kind,opt\n"),
    "CSV, optional empty": (CSV, b"text,n,kind,opt\nhello,1.5,,\n"),
    "CSV, optional absent": (CSV, b"text,n\nhello,1.5\n"),
    "CSV, required empty": (CSV, b"text,n\n,1.5\n"),
    "CSV, extra column": (CSV, b"text,n,zz\nhello,1.5,4\n"),
    "CSV, index column": (CSV, b",text,n\n0,hello,1.5\n"),
    "CSV, missing column": (CSV, b"text\nhello\n"),
    "CSV, truth value": (CSV, b"text,n\nhello,True\nthere,FALSE\n"),
    "CSV, no number": (CSV, b"text,n\nhello,many\n"),
    "CSV, NA as a number": (CSV, b"text,n,opt\na,1,NA\n"),
    "CSV, NA as a text": (CSV, b"text,n,kind\na,1,NA\n"),
    "CSV, digits as a text": (CSV, b"text,n\n007,1\n"),
    "CSV, long row": (CSV, b"text,n\nhello,1,2\n"),
    "CSV, short row": (CSV, b"text,n,kind\nhello,1\n"),
    "CSV, blank lines": (CSV, b"text,n\n\nhello,1\n\n"),
    "CSV, column twice": (CSV, b"text,n,n\nhello,1,2\n"),
    "CSV, Latin-1": (CSV, "text,n\né,1\n".encode("latin-1")),
    "CSV, other order": (CSV, b"n,text\n1,hello\n"),
    "CSV, blanks in its header": (CSV, b"text, n\nhello, 1\n"),
    "CSV, blanks around a number": (CSV, b"text,n\nhello, 1 \n"),
    "CSV, semicolons": (CSV, b"text;n\nhello;1\n"),
    "CSV, open quote": (CSV, b'text,n\n"hello,1\n'),
    "Parquet": (PARQUET, parquet(pd.DataFrame([ROW, row(kind=None, opt=None)]))),
    "Parquet, extra column": (PARQUET, parquet(pd.DataFrame([row(x=[1])]))),
    "Parquet, missing column": (PARQUET, parquet(pd.DataFrame([{"text": "a"}]))),
    "Parquet, index": (PARQUET, parquet(pd.DataFrame([ROW, ROW], index=[4, 9]))),
    "Parquet, truth value": (PARQUET, parquet(pd.DataFrame([row(n=True)]))),
    "Parquet, categories": (
        PARQUET,
        parquet(pd.DataFrame([ROW, ROW]).astype({"kind": "category"})),
    ),
    "Parquet, gzip": (PARQUET, parquet(pd.DataFrame([ROW]), compression="gzip")),
    "Parquet, CSV": (PARQUET, b"text,n\nhello,1\n"),
}
REQUESTS = RECORDS | SPLIT | INSTANCES | INPUTS | ENVELOPES | TABLES

CELLS_OF_TYPES = {"flag": True, "small": 1, "whole": 2, "single": 1.5, "real": 2.5, "word": "a",
                  "at": "2021-03-03T12:00:00"}  # fmt: skip


def typed(form: str = "inputs", **cells: Any) -> Request:
    return sent({form: [CELLS_OF_TYPES | cells]})


TYPED: dict[str, Request] = {
    "types, split": sent({"dataframe_split": {
        "columns": [*CELLS_OF_TYPES], "data": [[*CELLS_OF_TYPES.values()]]}}),
    "types, records": typed("dataframe_records"),
    "types, instances": typed("instances"),
    "types, inputs": typed(),
    "types, inputs by column": sent({"inputs": {k: [v, v] for k, v in CELLS_OF_TYPES.items()}}),
    "types, CSV with a time": (CSV, b"flag,small,whole,single,real,word,at\n"
                                    b"True,1,2,1.5,2.5,a,2021-03-03\n"),
    "types, Parquet": (PARQUET, parquet(pd.DataFrame([CELLS_OF_TYPES]).astype(
        {"small": "int32", "single": "float32", "at": "datetime64[ns]"}))),
    **{f"types, boolean {shown}": typed(flag=cell) for shown, cell in {
        "1": 1, "0": 0, "0.0": 0.0, "2": 2, "as text": "true", "no": "no", "null": None}.items()},
    **{f"types, integer {shown}": typed(small=cell) for shown, cell in {
        "1.0": 1.0, "1.5": 1.5, "as text": "1", "true": True, "negative": -3,
        "of 41 bits": 2**40, "null": None}.items()},
    **{f"types, long {shown}": typed(whole=cell) for shown, cell in {
        "1.0": 1.0, "1.5": 1.5, "of 53 bits": 2**52 + 1, "of 71 bits": 2**70}.items()},
    **{f"types, float {shown}": typed(single=cell) for shown, cell in {
        "whole": 1, "as text": "1.5", "true": True, "null": None}.items()},
    **{f"types, string {shown}": typed(word=cell) for shown, cell in {
        "of digits": "007", "number": 1, "true": True, "null": None}.items()},
    **{f"types, datetime {shown}": typed(at=cell) for shown, cell in {
        "date": "2021-01-01", "space": "2021-01-01 10:00:00", "UTC": "2021-01-01T10:00:00Z",
        "zone": "2021-01-01T10:00:00+02:00", "number": 1609459200000, "word": "soon",
        "null": None}.items()},
}  # fmt: skip
"""Of a model with a column of each type, as in MLflow's `test_serving_model_with_schema`."""
REQUESTS |= TYPED

OTHERWISE: dict[str, tuple[int, str]] = {
    "instances, optional absent in one": (200, "as in the other forms"),
    "NaN, required": (400, "'n' is empty"),
    "Infinity": (400, "must be finite"),
    "instances, null": (200, "no category; MLflow makes the text 'None' of it"),
    "Application/JSON": (200, "types are compared without case, RFC 9110"),
    "no type": (415, "Content-Type is missing"),
    "CSV, required empty": (400, "'text' is empty"),
    "CSV, NA as a text": (200, "the text NA, as in a dataset version"),
    "CSV, long row": (400, "3 cells, its header 2"),
    "CSV, column twice": (400, "two columns are called n"),
    "Parquet, truth value": (200, "1, as in the other forms"),
    "Parquet, categories": (200, "texts; MLflow takes no dictionary of pandas"),
    "Parquet, gzip": (400, "write it with snappy"),
    "types, CSV with a time": (200, "MLflow reads no times in CSV"),
    "types, boolean 2": (400, "not true or false"),
    "types, boolean no": (200, "false; MLflow makes true of every text"),
    "types, boolean null": (400, "'flag' is empty"),
    "types, integer 1.5": (400, "whole numbers of 32 bits"),
    "types, long 1.5": (400, "whole numbers of 64 bits"),
    "types, float null": (400, "'single' is empty"),
    "types, string true": (200, "the text true, as in a dataset version"),
    "types, string null": (400, "'word' is empty"),
    "types, datetime number": (400, "is not a date"),
    "types, datetime null": (400, "'at' is empty"),
    "signature's params": (400, "params has temperature"),
}
"""Where ours answers otherwise on purpose: its status, and its reason or why."""


@dataclass
class Both:
    """Two servers of one model."""

    theirs: httpx.Client
    ours: httpx.Client
    live: Live
    typed: Both | None = None
    """Two servers of a model with all types."""

    def ask(self, name: str) -> tuple[httpx.Response, httpx.Response]:
        if name in TYPED and self.typed:
            return self.typed.ask(name)
        kind, body = REQUESTS[name]
        headers = {"Content-Type": kind} if kind else {}
        theirs, ours = (
            one.post("/invocations", content=body, headers=headers)
            for one in (self.theirs, self.ours)
        )
        return theirs, ours


@dataclass
class Adopted:
    """A model of MLflow as our server predicts with it."""

    model: LoadedModel
    inputs: Inputs
    params: frozenset[str]

    def predict(self, rows: Sequence[Input]) -> list[Output]:
        return list(self.answer(rows)["values"])

    def answer(self, rows: Sequence[Input]) -> dict[str, Any]:
        try:
            return self.model.answer(to_batch(rows, self.inputs))
        except SignatureMismatch as error:
            raise DataError(str(error)) from error


def adopted(folder: Path, contract: Contract) -> Adopted:
    kinds = {c.name: c.kind for c in contract.columns if c.role == "input"}
    inputs = inputs_of(described(folder), kinds)
    predict = mlflow.pyfunc.load_model(str(folder)).predict
    return Adopted(LoadedModel(inputs, predict, None), inputs, described(folder).params)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("model")
    with (
        serving(folder / "echo", echo.CONTRACT) as found,
        serving(folder / "typed", echo.TYPED) as typed,
    ):
        found.typed = typed
        yield found


@contextmanager
def serving(folder: Path, contract: Contract) -> Iterator[Both]:
    model = echo.save(folder, contract)
    predictor = adopted(model, contract)
    with (
        mlflow_server(model) as address,
        httpx.Client(base_url=address, timeout=PATIENCE, trust_env=False) as theirs,
        live(folder / "state", predictor, contract=contract) as ours,
    ):
        yield Both(theirs, ours.client, ours)


@contextmanager
def mlflow_server(model: Path) -> Iterator[str]:
    """MLflow's scoring server in a thread."""
    from mlflow.pyfunc.scoring_server import init

    app = init(mlflow.pyfunc.load_model(str(model)))
    server = uvicorn.Server(uvicorn.Config(app, port=free_port(), log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until("MLflow's server", lambda: server.started)
        yield f"http://127.0.0.1:{server.config.port}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE)


@pytest.mark.parametrize("name", [one for one in REQUESTS if one not in OTHERWISE])
def test_a_request_is_answered_as_mlflow_does(both: Both, name: str) -> None:
    theirs, ours = both.ask(name)
    assert ours.status_code == theirs.status_code, ours.text
    kinds = [one.headers["content-type"].partition(";")[0] for one in (theirs, ours)]
    assert kinds[0] == kinds[1]
    if theirs.status_code == 200:
        assert ours.json()["predictions"] == theirs.json()["predictions"]
    elif kinds[0] == JSON:
        assert isinstance(ours.json()["message"], str)
        assert ours.json()["error_code"] in ("BAD_REQUEST", "INVALID_PARAMETER_VALUE")
        assert theirs.json()["error_code"] in ("BAD_REQUEST", "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize("name", OTHERWISE)
def test_a_request_is_answered_otherwise_on_purpose(both: Both, name: str) -> None:
    status, reason = OTHERWISE[name]
    theirs, ours = both.ask(name)
    assert ours.status_code == status, ours.text
    if status != 200:
        assert reason in ours.text
    if status == theirs.status_code == 200:
        assert ours.json()["predictions"] != theirs.json()["predictions"]
    else:
        assert status != theirs.status_code


def documented(both: Both) -> Iterator[str]:
    """Lines of docs/protocols.md that say what happens."""
    same = len(REQUESTS) - len(OTHERWISE)
    yield f"The tests send {len(REQUESTS)} requests to MLflow's own server and to ours"
    yield f"{same} get the same status and the same predictions"
    for name, (_, why) in OTHERWISE.items():
        theirs, ours = both.ask(name)
        yield f"| {name} | {theirs.status_code} | {ours.status_code} | {why} |"


def test_the_documentation_has_every_difference(both: Both) -> None:
    text = (Path(__file__).parents[2] / "docs" / "protocols.md").read_text()
    unwrapped = " ".join(text.split())
    missing = [one for one in documented(both) if one not in unwrapped]
    assert not missing, "\n".join(["write into docs/protocols.md:", *missing])
    assert text.count("\n| ") == 5 + 1 + len(OTHERWISE)


ARRAYS = {
    "instances": {"instances": [[5.1, 3.5], [6.7, 3.0]]},
    "inputs": {"inputs": [[5.1, 3.5], [6.7, 3.0]]},
    "split": {"dataframe_split": {"data": [[5.1, 3.5]]}},
    "split, numbered": {"dataframe_split": {"columns": [0, 1], "data": [[5.1, 3.5]]}},
    "split, numbered with an index": {
        "dataframe_split": {"index": [3], "columns": [0, 1], "data": [[5.1, 3.5]]}
    },
    "a cell too few": {"instances": [[5.1]]},
}


@pytest.mark.slow
def test_a_model_of_arrays_takes_rows_by_place_as_mlflow_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in MLflow's own tests: two numbers of iris, without names."""
    cells, kinds = load_iris(return_X_y=True)
    model, folder = LogisticRegression().fit(cells[:, :2], kinds), tmp_path / "iris"
    signature = mlflow.models.infer_signature(cells[:, :2])
    mlflow.sklearn.save_model(model, str(folder), signature=signature, serialization_format="skops")
    reading = Reading("classification", {"length": "number", "width": "number"})
    columns = [Column(name, "number") for name in reading.kinds]
    contract = Contract((*columns, Column("kind", "category", "label")), ("length",))
    assert described(folder).tensor
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")  # for MLflow's server
    predictor = Answers(
        "iris", Opener().opened("iris", folder, reading), reading, reads_arrays=True
    )
    with (
        mlflow_server(tmp_path / "iris") as address,
        live(tmp_path / "state", predictor, contract=contract) as ours,
    ):
        for body in ARRAYS.values():
            found = ours.client.post("/invocations", json=body)
            theirs = httpx.post(f"{address}/invocations", json=body, timeout=PATIENCE)
            assert found.status_code == theirs.status_code, found.text
            if found.status_code == 200:
                labels = [one["label"] for one in found.json()["predictions"]]
                assert labels == [str(one) for one in theirs.json()["predictions"]]


def test_routes_and_methods_are_answered_as_mlflow_does(both: Both) -> None:
    for path in ("/ping", "/health", "/version"):
        theirs, ours = both.theirs.get(path), both.ours.get(path)
        assert (ours.status_code, ours.text) == (theirs.status_code, theirs.text) != (404, "")
        assert ours.headers["content-type"] == theirs.headers["content-type"]
    for method, path in (("GET", "/invocations"), ("POST", "/ping"), ("GET", "/nope")):
        theirs, ours = both.theirs.request(method, path), both.ours.request(method, path)
        assert ours.status_code == theirs.status_code


def test_mlflows_own_client_is_answered(both: Both) -> None:
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    host, port = both.live.address.removeprefix("http://").split(":")
    client = ScoringServerClient(host=host, port=int(port))
    client.wait_server_ready(timeout=PATIENCE)
    found = client.invoke(pd.DataFrame([ROW, row(opt=None)])).get_predictions()
    assert found.to_dict(orient="records")[0] == ROW
    assert client.get_version() == mlflow.__version__
