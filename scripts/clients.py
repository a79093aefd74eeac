#!/usr/bin/env python
"""Generate clients from a server's description with the real generators, and use them.

    python scripts/clients.py

`openapi-python-client` is installed into an environment, `openapi-typescript` into a folder of
their own, both temporary: this needs PyPI and npm. The Python client is checked by mypy, the
TypeScript one by tsc; then each asks a live server for rows, and for what it refuses.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.serving.live import CONTRACT, ROW, Live, live  # noqa: E402

PYTHON = """
import inspect
import sys
from importlib import import_module
from pkgutil import iter_modules
from fullturn_lengths_client import Client
from fullturn_lengths_client.api.fullturn import feedback, log, predict
from fullturn_lengths_client.api.inference import infer
from fullturn_lengths_client.api.mlflow import invocations
from fullturn_lengths_client.api.openai import chat_completions
from fullturn_lengths_client.models import (
    ChatMessage, ChatMessageRole, ChatReply, ChatRequest, Error, ExternalPrediction,
    ExternalPredictionInput, Feedback, InferReply, InferRequest, InvocationsReply, Logged,
    PredictReply, PredictRequest, RecordsRequest, Row, Stored, Tensor, TensorDatatype,
)

client = Client(base_url=sys.argv[1])
row = Row.from_dict({row!r})
answer = predict.sync(client=client, body=PredictRequest(inputs=[row, row], key="anna"))
assert isinstance(answer, PredictReply) and len(answer.ids) == 2, answer
print("predict", answer.outputs[0].additional_properties, answer.version, answer.arm)
row.n = 1000
refused = predict.sync(client=client, body=PredictRequest(inputs=[row]))
assert isinstance(refused, Error), refused
print("refused", refused.error)
stored = feedback.sync(client=client, body=Feedback(id=answer.ids[0], score=1.0))
assert isinstance(stored, Stored), stored
row.n = 1
scored = invocations.sync(client=client, body=RecordsRequest(dataframe_records=[row]))
assert isinstance(scored, InvocationsReply), scored
given = ExternalPrediction(input_=ExternalPredictionInput.from_dict(row.to_dict()), id="order 7")
logged = log.sync(client=client, body=given)
assert isinstance(logged, Logged) and logged.id == "order 7", logged
tensors = [
    Tensor(name="text", shape=[1], datatype=TensorDatatype.BYTES, data=["hello"]),
    Tensor(name="n", shape=[1], datatype=TensorDatatype.FP64, data=[2.0]),
]
inferred = infer.sync(client=client, body=InferRequest(inputs=tensors))
assert isinstance(inferred, InferReply), inferred
chat = ChatRequest(messages=[ChatMessage(role=ChatMessageRole.USER, content="hello there")])
said = chat_completions.sync(client=client, body=chat)
assert isinstance(said, ChatReply), said
print("feedback, invocations, log, infer, chat", said.choices[0].message.content)
for protocol in ("fullturn", "mlflow", "inference"):
    package = import_module(f"fullturn_lengths_client.api.{protocol}")
    for found in iter_modules(package.__path__):
        module = import_module(f"{package.__name__}.{found.name}")
        if "body" not in inspect.signature(module.sync_detailed).parameters:
            print(found.name, module.sync_detailed(client=client).status_code)
            assert module.sync_detailed(client=client).status_code == 200
"""
TYPESCRIPT = """
import createClient from "openapi-fetch";
import type { paths, components } from "./api.js";

const client = createClient<paths>({ baseUrl: process.argv[2] });
const row: components["schemas"]["Row"] = {row};
const { data, error } = await client.POST("/predict", { body: { inputs: [row], key: "anna" } });
if (!data || error) throw new Error(JSON.stringify(error));
console.log("predict", data.outputs[0], data.version, data.arm);
const refused = await client.POST("/predict", { body: { inputs: [{ ...row, n: 1000 }] } });
if (!refused.error) throw new Error("it was accepted");
console.log("refused", refused.error.error);
const unknown: object = { inputs: [row], keyy: "anna" };
const other = await client.POST("/predict", { body: unknown as { inputs: [typeof row] } });
console.log("unknown field", other.error?.error);
const logged = await client.POST("/log", { body: { input: row, id: "order 8" } });
const scored = await client.POST("/invocations", { body: { dataframe_records: [row] } });
const given = { name: "text", shape: [1], datatype: "BYTES" as const, data: ["hello"] };
const inferred = await client.POST("/v2/models/lengths/infer", { body: { inputs: [given] } });
const messages = [{ role: "user" as const, content: "hello there" }];
const said = await client.POST("/v1/chat/completions", { body: { messages } });
const judged = await client.POST("/feedback", { body: { id: data.ids[0], score: 1 } });
for (const one of [logged, scored, inferred, said, judged])
  if (one.error) throw new Error(JSON.stringify(one.error));
console.log("log, invocations, infer, chat, feedback", inferred.data?.outputs[0].data);
const status = await client.GET("/status");
console.log("status", status.data?.version, status.data?.log);
"""
PACKAGE = {
    "type": "module",
    "dependencies": {"openapi-fetch": "^0.17", "openapi-typescript": "^7", "typescript": "^5"},
    "devDependencies": {"@types/node": "^22"},
}


def run(folder: Path, *words: str | Path, **environment: str) -> None:
    """Run a program; end with its output if it fails."""
    print(
        "$", " ".join(Path(word).name if Path(word).is_absolute() else str(word) for word in words)
    )
    done = subprocess.run(
        [str(word) for word in words], cwd=folder, env={**os.environ, **environment}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    print("\n".join(f"  {line[:150]}" for line in done.stdout.splitlines() if line.strip()))
    if done.returncode:
        sys.exit(f"{words[0]} failed")


def python_client(folder: Path, server: Live) -> None:
    """Generate it, check its types, use it."""
    run(folder, sys.executable, "-m", "venv", "env")
    bins = folder / "env" / "bin"
    run(folder, bins / "pip", "install", "-q", "openapi-python-client", "mypy")
    run(folder, bins / "openapi-python-client", "generate", "--path", "openapi.json",
        "--output-path", "client", PATH=f"{bins}:{os.environ['PATH']}")  # fmt: skip
    program = folder / "client" / "use.py"
    program.write_text(PYTHON.replace("{row!r}", repr(ROW)), encoding="utf-8")
    run(folder / "client", bins / "mypy", "fullturn_lengths_client", "use.py")
    run(folder / "client", bins / "python", "use.py", server.address, PYTHONPATH="")


def typescript_client(folder: Path, server: Live) -> None:
    """Generate it, check its types, use it."""
    (folder / "package.json").write_text(json.dumps(PACKAGE), encoding="utf-8")
    (folder / "use.ts").write_text(TYPESCRIPT.replace("{row}", json.dumps(ROW)), encoding="utf-8")
    run(folder, "npm", "install", "--silent", "--no-audit", "--no-fund")
    run(folder, "npx", "openapi-typescript", "openapi.json", "-o", "api.d.ts")
    run(folder, "npx", "tsc", "--strict", "--module", "nodenext", "--target", "es2022", "use.ts")
    run(folder, "node", "use.js", server.address)


def main() -> None:
    """Both clients of one server."""
    columns = [replace(one, required=one.name == "text") for one in CONTRACT.columns]
    contract = replace(CONTRACT, columns=tuple(columns))
    with (
        TemporaryDirectory() as place,
        live(Path(place) / "state", contract=contract, text_of=lambda o: str(o["label"])) as server,
    ):
        folder = Path(place)
        document = server.client.get("/openapi.json").text
        (folder / "openapi.json").write_text(document, encoding="utf-8")
        python_client(folder, server)
        typescript_client(folder, server)
    print("both clients work")


if __name__ == "__main__":
    main()
