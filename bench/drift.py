"""Run lengths, delays and speed of the drift detectors, beside Evidently and an alarm that always
fires.

    python bench/drift.py [--quick] [--json]

1. Each detector alone: the mean run length without a change beside the declared one, and the
   median delay to an alarm, at the threshold of a watch of ten detectors, after a small, a
   medium and a large change. A change that lasts alarms again after as long a delay, and a rest
   that doubles each time: after an alarm a detector is as on its first day.
2. The same seeded streams of 10 columns (8 numbers, 2 categories), reference 400 rows, through
   `fullturn.monitoring.Watch` and through Evidently's DataDriftPreset in windows of 500 rows,
   read in two ways: any column drifted, or half of them, which is the preset's own rule.
3. CPU seconds per 100,000 rows of these streams; the machine may be busy otherwise.

Evidently is installed into a temporary environment of its own; without it its lines are left out.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from fullturn.core.entities import Column, Contract, Observation, Prediction, ScoredRow
from fullturn.core.settings import MonitoringSettings
from fullturn.monitoring import Watch
from fullturn.statistics.conformal import CategoryBets, NumberBets
from fullturn.statistics.edetector import Bets, EDetector
from fullturn.statistics.mmd import VectorBets
from fullturn.statistics.rates import MeanBets
from fullturn.subjects.vectors import sentence_vectors
from results import save, typed

DECLARED = 1000
THRESHOLD = 100_000
"""Of one of ten detectors that keep 10,000 together."""
REFERENCE = 400
WINDOW = 500
CLEAN_ROWS, BEFORE, AFTER = 10_000, 2_000, 2_000
NUMBERS, CATEGORIES = 8, 2
DETECTORS = NUMBERS + CATEGORIES + 4
"""Of the columns, quality, contract, errors and slow answers."""
SHARES = (0.6, 0.3, 0.1)
Draw = Callable[[np.random.Generator, int, float], Any]


@dataclass(frozen=True, slots=True)
class Alone:
    """A detector, how its reference is drawn, and three sizes of a change of its values."""

    name: str
    bets: Callable[[Any], Bets]
    draw: Draw
    """Values with a change of this size; 0 is none."""
    sizes: tuple[float, float, float]
    unit: str


def numbers(rng: np.random.Generator, n: int, size: float) -> np.ndarray:
    return rng.normal(size, 1, n)


def categories(rng: np.random.Generator, n: int, size: float) -> list[str]:
    shares = np.array(SHARES) + size * np.array([-1, 0, 1])
    return [str(value) for value in rng.choice(["a", "b", "c"], n, p=shares)]


def trials(base: float) -> Draw:
    return lambda rng, n, size: (rng.random(n) < base + size) * 1.0


def sentences() -> Draw:
    """Vectors of questions from the example; a share `size` of them on two other chapters."""
    text = (files("fullturn.demo") / "examples" / "assistant" / "questions.jsonl").read_text(
        "utf-8"
    )
    rows = [json.loads(line) for line in text.splitlines()]
    new = {"incidents", "tools"}
    vectors = sentence_vectors([row["question"] for row in rows])
    is_new = np.array([row.get("chapter") in new for row in rows])
    old, other = vectors[~is_new], vectors[is_new]

    def draw(rng: np.random.Generator, n: int, size: float) -> np.ndarray:
        picked: np.ndarray = old[rng.integers(len(old), size=n)]
        swapped = rng.random(n) < size
        picked[swapped] = other[rng.integers(len(other), size=int(swapped.sum()))]
        return picked

    return draw


def alone() -> list[Alone]:
    """Every kind of detector that a watch uses."""
    return [
        Alone("number", NumberBets, numbers, (0.25, 0.5, 1.0), "σ"),
        Alone("category", CategoryBets, categories, (0.05, 0.1, 0.3), "share of the rarest"),
        Alone("text", VectorBets, sentences(), (0.3, 0.5, 0.8), "share on two new chapters"),
        Alone("quality", lambda _: MeanBets(0.25), trials(0.25), (0.05, 0.15, 0.3), "loss"),
        Alone("error rate", lambda _: MeanBets(0.02), trials(0.02), (0.03, 0.08, 0.3), "rate"),
    ]


@dataclass(frozen=True, slots=True)
class Measured:
    """A detector alone: its mean run length, and median delays (None: not found)."""

    name: str
    sizes: str
    run_length: float
    delays: tuple[float | None, ...]


def measure(one: Alone, runs: int) -> Measured:
    """Means rates sit at the very edge of what counts as no change: the worst case."""
    lengths = [first(one, seed, DECLARED, 0.0, 8 * DECLARED, 0) for seed in range(runs)]
    delays = []
    for size in one.sizes:
        found = [first(one, seed, THRESHOLD, size, 3000, 500) for seed in range(max(9, runs // 5))]
        middle = median(found)
        delays.append(None if middle >= 3000 else middle)
    sizes = f"{'/'.join(f'{size:g}' for size in one.sizes)} {one.unit}"
    return Measured(one.name, sizes, float(np.mean(lengths)), tuple(delays))


def first(one: Alone, seed: int, arl: float, size: float, rows: int, clean: int) -> int:
    """Rows from the change to the first alarm after it; `rows` if there is none."""
    rng = np.random.default_rng([seed, 17])
    detector = EDetector(one.bets(one.draw(rng, REFERENCE, 0.0)), arl)
    detector.fold(one.draw(rng, clean, 0.0))
    for start in range(0, rows, 250):
        found = detector.fold(one.draw(rng, 250, size)).crossings
        if found:
            return start + found[0].row + 1
    return rows


CONTRACT = Contract(
    columns=(
        *(Column(f"n{k}", "number") for k in range(NUMBERS)),
        *(Column(f"c{k}", "category") for k in range(CATEGORIES)),
    ),
    key=("n0",),
)
SHIFTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "one column by 0.5 σ": lambda x: x + 0.5 * (np.arange(NUMBERS) == 3),
    "one column by 1 σ": lambda x: x + 1.0 * (np.arange(NUMBERS) == 3),
    "all numbers by 0.25 σ": lambda x: x + 0.25,
}
Rows = list[dict[str, Any]]


def rows(
    rng: np.random.Generator, n: int, shift: Callable[[np.ndarray], np.ndarray] = lambda x: x
) -> Rows:
    """Rows of a table whose numbers depend on each other."""
    common = rng.normal(size=(n, 1))
    values = shift(0.6 * common + 0.8 * rng.normal(size=(n, NUMBERS)))
    classes = rng.choice(["a", "b", "c"], (n, CATEGORIES), p=SHARES)
    return [
        {f"n{k}": x for k, x in enumerate(numeric)} | {f"c{k}": c for k, c in enumerate(named)}
        for numeric, named in zip(values.tolist(), classes.tolist(), strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Stream:
    """A reference and a stream; `change` is None for a clean one."""

    change: str | None
    reference: Rows
    live: Rows


def streams(count: int) -> list[Stream]:
    """So many clean ones, and as many with each change."""
    found = []
    for seed in range(count):
        rng = np.random.default_rng([seed, 23])
        found.append(Stream(None, rows(rng, REFERENCE), rows(rng, CLEAN_ROWS)))
        for name, shift in SHIFTS.items():
            live = rows(rng, BEFORE) + rows(rng, AFTER, shift)
            found.append(Stream(name, rows(rng, REFERENCE), live))
    return found


def ours(stream: Stream) -> tuple[list[int], float]:
    """Rows at which a watch alarms, and its CPU seconds."""
    reference = [
        ScoredRow("", str(n), {}, r, {}, {"s": 1.0}, 0.0) for n, r in enumerate(stream.reference)
    ]
    observed = [
        Observation(Prediction(str(n), n, 0, "champion", 1, "", row, {}, 0.0))
        for n, row in enumerate(stream.live)
    ]
    limits = MonitoringSettings(arl=10_000)
    watch = Watch(CONTRACT, reference, limits, lambda texts: np.zeros((len(texts), 1)))
    assert len(watch.states) == DETECTORS
    began = time.process_time()
    alarms = watch.observe(observed)
    return sorted({alarm.sequence for alarm in alarms}), time.process_time() - began


EVIDENTLY = """
import json, sys, time, warnings
warnings.filterwarnings("ignore")
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

window, found = int(sys.argv[2]), []
for line in open(sys.argv[1], encoding="utf-8"):
    stream = json.loads(line)
    reference, live = pd.DataFrame(stream["reference"]), pd.DataFrame(stream["live"])
    definition = DataDefinition(
        numerical_columns=[c for c in live if c.startswith("n")],
        categorical_columns=[c for c in live if c.startswith("c")],
    )
    before = Dataset.from_pandas(reference, data_definition=definition)
    began, counts = time.process_time(), []
    for start in range(stream["skip"], len(live), window):
        part = live.iloc[start : start + window].reset_index(drop=True)
        now = Dataset.from_pandas(part, data_definition=definition)
        value = Report([DataDriftPreset()]).run(now, before).dict()["metrics"][0]["value"]
        counts.append([start + len(part), value["count"], value["share"]])
    found.append({"windows": counts, "seconds": time.process_time() - began})
print(json.dumps(found))
"""


def evidently(drawn: Sequence[Stream], clean_rows: int) -> list[dict[str, Any]] | None:
    """Drifted columns per window of each stream; None if Evidently cannot be installed.

    Of a clean stream the first `clean_rows` rows, of a changed one those after the change.
    """
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        print("Evidently is left out: there is no uv to install it with", file=sys.stderr)
        return None
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        python = folder / "venv" / "bin" / "python"
        install = [uv, "pip", "install", "-q", "--system-certs", "--python", str(python)]
        try:
            subprocess.run(
                [uv, "venv", "-q", "--python", sys.executable, folder / "venv"], check=True
            )
            # Evidently 0.7.23 does not import with pandas 3.
            subprocess.run([*install, "evidently", "pandas<3"], check=True)
        except subprocess.CalledProcessError as error:
            print(f"Evidently is left out: it cannot be installed ({error})", file=sys.stderr)
            return None
        (folder / "run.py").write_text(EVIDENTLY, encoding="utf-8")
        with (folder / "streams.jsonl").open("w", encoding="utf-8") as out:
            for one in drawn:
                live = one.live if one.change else one.live[:clean_rows]
                skip = BEFORE if one.change else 0
                body = {"reference": one.reference, "live": live, "skip": skip}
                out.write(json.dumps(body) + "\n")
        command = [str(python), str(folder / "run.py"), str(folder / "streams.jsonl"), str(WINDOW)]
        ran = subprocess.run(command, check=True, capture_output=True, text=True)
        found: list[dict[str, Any]] = json.loads(ran.stdout.splitlines()[-1])
        return found


@dataclass(frozen=True, slots=True)
class Judged:
    """A way of alarming on all streams."""

    name: str
    false_alarms: float
    """Per 10,000 clean rows."""
    delays: dict[str, float | None]
    """By change: the median; None if most streams were not found within 2,000 rows."""
    seconds: float | None
    """Of CPU, per 100,000 rows."""


def judged(
    name: str,
    drawn: Sequence[Stream],
    alarms: Sequence[Sequence[int]],
    clean: int,
    pace: float | None,
) -> Judged:
    """`alarms`: the rows at which each stream alarmed; `clean` rows of the clean ones were seen."""
    false = [len(found) for one, found in zip(drawn, alarms, strict=True) if one.change is None]
    delays: dict[str, float | None] = {}
    for change in SHIFTS:
        after = [
            min((at - BEFORE for at in found if at >= BEFORE), default=AFTER + 1)
            for one, found in zip(drawn, alarms, strict=True)
            if one.change == change
        ]
        delays[change] = median(after) if median(after) <= AFTER else None
    return Judged(name, float(np.mean(false)) * 10_000 / clean, delays, pace)


def compared(count: int, clean_rows: int) -> list[Judged]:
    """All ways on the same streams."""
    drawn = streams(count)
    found = [ours(stream) for stream in drawn]
    total = sum(len(stream.live) for stream in drawn)
    pace = sum(seconds for _, seconds in found) * 100_000 / total
    alarms = [at for at, _ in found]
    lines = [
        judged(f"fullturn, {DETECTORS} detectors, ARL 10,000", drawn, alarms, CLEAN_ROWS, pace)
    ]
    other = evidently(drawn, clean_rows)
    if other is not None:
        windows = [one["windows"] for one in other]
        seen = sum(len(one) for one in windows) * WINDOW
        pace = sum(one["seconds"] for one in other) * 100_000 / seen
        for name, least in (("any column", 1e-9), ("half of them", 0.5)):
            at = [[end for end, _, share in one if share >= least] for one in windows]
            lines.append(judged(f"Evidently, {name}", drawn, at, clean_rows, pace))
    ends = [range(WINDOW, len(stream.live) + 1, WINDOW) for stream in drawn]
    later = [
        [e for e in end if not s.change or e > BEFORE] for s, end in zip(drawn, ends, strict=True)
    ]
    lines.append(judged("an alarm at every window", drawn, later, CLEAN_ROWS, None))
    return lines


def shown(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def tables(found: Sequence[Measured], lines: Sequence[Judged]) -> list[str]:
    """For people, 100 columns wide at most."""
    out = [
        f"Alone: declared mean run length {DECLARED:,}; delays at the threshold {THRESHOLD:,}",
        f"{'detector':12}{'run length':>12}  {'change':34}{'small':>8}{'medium':>8}{'large':>8}",
    ]
    for one in found:
        delays = "".join(f"{shown(delay):>8}" for delay in one.delays)
        out.append(f"{one.name:12}{one.run_length:>12,.0f}  {one.sizes:34}{delays}")
    out += [
        "",
        f"{'10 columns, the same streams':36}{'false alarms':>13}"
        f"{'0.5 σ':>9}{'1 σ':>9}{'0.25 σ':>9}{'CPU s per':>13}",
        f"{'':36}{'per 10,000':>13}{'in one':>9}{'in one':>9}{'in all':>9}{'100,000':>13}",
    ]
    for line in lines:
        delays = "".join(f"{shown(delay):>9}" for delay in line.delays.values())
        pace = "–" if line.seconds is None else f"{line.seconds:,.1f}"
        out.append(f"{line.name:36}{line.false_alarms:>13.1f}{delays}{pace:>13}")
    return [*out, "", "Delays in rows, medians; –: not found within 2,000 rows by most."]


def cited(lines: Sequence[Judged]) -> dict[str, float]:
    """What the lesson shows: false alarms per 10,000 clean rows, and delays in rows."""
    names = ("ours", "any_column", "half_of_them")  # without Evidently, "ours" alone
    ways = [line for line in lines if line.name != "an alarm at every window"]
    found: dict[str, float] = {"declared": 10_000}
    for name, line in zip(names, ways, strict=False):
        found[f"false.{name}"] = round(line.false_alarms, 1)
        for change, delay in zip(("half", "one", "all"), line.delays.values(), strict=True):
            if delay is not None:
                found[f"delay.{name}.{change}"] = round(delay)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer runs: a minute")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep the figures for the lesson")
    arguments = parser.parse_args()
    runs, count, clean = (20, 2, 2_000) if arguments.quick else (150, 5, 5_000)
    found = [measure(one, runs) for one in alone()]
    lines = compared(count, clean)
    if arguments.keep:
        save("drift", typed(), cited(lines))
    if arguments.json:
        body = {"alone": [asdict(one) for one in found], "compared": [asdict(one) for one in lines]}
        print(json.dumps(body, indent=2))
    else:
        print("\n".join(tables(found, lines)))


if __name__ == "__main__":
    main()
