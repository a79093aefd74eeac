"""Rows a second of `fullturn predict FILE`, against the same model on rows that are in memory.

    python bench/batch.py [--rows 1000000] [--format csv] [--model boosting]

Reading, checking, writing, digests and the record in MLflow are in the batch's time. The model's
own speed is that of `predict()` alone, on the same rows as dicts, 20,000 at a time. Both are also
measured in seconds of CPU, which other processes on the machine disturb less. The goal is a ratio
of at least 0.5.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from fullturn.registry import versions
from fullturn.verbs.data import commit
from fullturn.verbs.gate import gate
from fullturn.verbs.parts.batch import predict_file
from fullturn.verbs.parts.loading import load_version
from fullturn.verbs.train import train
from fullturn.verbs.workspace import Workspace

NUMBERS, CATEGORIES = 14, 6
BLOCK = 20_000
TOML = """\
name = "bench"
app = "tabular"

[data]
files = ["rows.csv"]
label = "label"

[data.columns]
{columns}

[experiment]
owner = "bench"

[signing]
method = "none"
"""


def table(rows: int, seed: int) -> pa.Table:
    """Numbers and categories of which a few say what the label is."""
    source = np.random.default_rng(seed)
    numbers = source.normal(size=(rows, NUMBERS)).round(4)
    codes = source.integers(0, 12, size=(rows, CATEGORIES))
    logit = 2 * numbers[:, 0] - numbers[:, 1] + (codes[:, 0] < 4) + source.normal(size=rows) / 2
    names = np.array([f"value {n}" for n in range(12)])
    columns = {f"n{place}": numbers[:, place] for place in range(NUMBERS)}
    columns |= {f"c{place}": names[codes[:, place]] for place in range(CATEGORIES)}
    return pa.table({**columns, "label": np.where(logit > 0, "yes", "no")})


def project(folder: Path, model: str) -> Workspace:
    """A project with a gated version."""
    kinds = [f"n{n} = 'number'" for n in range(NUMBERS)]
    kinds += [f"c{n} = 'category'" for n in range(CATEGORIES)]
    (folder / "fullturn.toml").write_text(TOML.format(columns="\n".join(kinds)))
    csv.write_csv(table(6000, seed=1), folder / "rows.csv")
    opened = Workspace.open(folder)
    commit(opened, [], "first")
    run = train(opened, {"model": model}).run
    report = gate(opened, run.id).report
    if report.outcome != "PASSED":
        waived = {one.code: "a benchmark" for one in report.results
                  if one.outcome in ("FAILED", "INCONCLUSIVE")}  # fmt: skip
        gate(opened, run.id, waive=waived)
    return opened


def own_speed(opened: Workspace, rows: pa.Table) -> tuple[float, float]:
    """Rows a second of the predictor alone, and a second of CPU."""
    predictor = load_version(opened, versions.version(opened.store, "1"))
    listed = rows.to_pylist()
    predictor.predict(listed[:BLOCK])
    began, cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(listed), BLOCK):
        predictor.predict(listed[start : start + BLOCK])
    spent = time.perf_counter() - began, time.process_time() - cpu
    return len(listed) / spent[0], len(listed) / spent[1]


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--format", choices=["csv", "parquet"], default="csv")
    parser.add_argument("--model", choices=["boosting", "linear"], default="boosting")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        opened = project(folder, chosen.model)
        path, big = folder / f"big.{chosen.format}", table(chosen.rows, seed=2)
        (csv.write_csv if chosen.format == "csv" else parquet.write_table)(big, path)
        inputs = big.drop_columns(["label"]).slice(0, min(chosen.rows, 200_000))
        del big
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        began, cpu = time.perf_counter(), time.process_time()
        found = predict_file(opened, str(path), version=1)
        seconds, busy = time.perf_counter() - began, time.process_time() - cpu
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        own, own_cpu = own_speed(opened, inputs)
        rate, rate_cpu = found.rows / seconds, found.rows / busy
        figures = {
            "rows": found.rows,
            "seconds": round(seconds, 1),
            "rows_per_s": round(rate),
            "own_rows_per_s": round(own),
            "ratio": round(rate / own, 2),
            "rows_per_cpu_s": round(rate_cpu),
            "own_rows_per_cpu_s": round(own_cpu),
            "ratio_cpu": round(rate_cpu / own_cpu, 2),
            "peak_mib": after,
            "peak_mib_before": before,
        }
        sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
