"""The prediction log: acknowledged is kept, once, in order, whoever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fullturn.core.entities import Feedback, Prediction
from fullturn.core.errors import Conflict, CouldNotEvaluate, IntegrityError, NotFound
from fullturn.core.journal import Drain, Journal
from fullturn.serving import log
from fullturn.serving.log import PredictionLog, encode
from fullturn.serving.tables import TableSink, opened
from tests.needs import mounted
from tests.waiting import wait_until


def prediction(number: int, **changes: object) -> Prediction:
    values = {
        "id": f"{number:032x}",
        "sequence": 0,
        "time": 1_700_000_000_000 + number,
        "arm": "champion",
        "version": 3,
        "key": f"user-{number}",
        "input": {"text": f"hällo {number}", "n": 1.5},
        "output": {"label": "a"},
        "latency": 0.25,
    }
    return Prediction(**(values | changes))  # type: ignore[arg-type]


def judged(number: int, score: float) -> Feedback:
    return Feedback(f"{number:032x}", 0, 1_700_000_000_000, {"label": "b"}, score, "anna")


def deliver(state: Path) -> int:
    return Drain(state / log.JOURNAL, TableSink(state / log.TABLES)).replay()


def numbers(state: Path, after: int = 0) -> list[int]:
    return [int(p.id, 16) for p in log.predictions(state, after)]


def test_what_is_read_is_what_was_appended_before_and_after_its_delivery(tmp_path: Path) -> None:
    whole = [
        prediction(1),
        prediction(2, output=None, error="ValueError: no", arm="canary"),
        prediction(3, arm="shadow", copy_of=prediction(1).id, input={"nested": {"a": [1, None]}}),
    ]
    with PredictionLog(tmp_path) as writer:
        writer.append(whole)
        writer.append([judged(1, 0.5), judged(1, 1.0)])
        before = log.predictions(tmp_path), log.feedback(tmp_path)
    assert not (tmp_path / log.JOURNAL).exists()
    assert (log.predictions(tmp_path), log.feedback(tmp_path)) == before
    for found, given in zip(before[0], whole, strict=True):
        assert found.sequence > 0
        assert found == Prediction(**{**_fields(given), "sequence": found.sequence})
    assert [one.score for one in log.feedback_on(tmp_path, prediction(1).id)] == [0.5, 1.0]
    assert log.newest(before[1])[prediction(1).id].score == 1.0


def _fields(entry: Prediction) -> dict[str, object]:
    return {name: getattr(entry, name) for name in Prediction.__dataclass_fields__}


def test_readers_get_only_what_is_new(tmp_path: Path) -> None:
    with PredictionLog(tmp_path) as writer:
        writer.append([prediction(1), prediction(2)])
        seen = log.predictions(tmp_path)[-1].sequence
        writer.append([prediction(3)])
        assert numbers(tmp_path, seen) == [3]
    assert numbers(tmp_path, seen) == [3]
    assert numbers(tmp_path) == [1, 2, 3]


def test_one_id_is_found_and_an_unknown_one_is_named(tmp_path: Path) -> None:
    with PredictionLog(tmp_path) as writer:
        writer.append([prediction(number) for number in range(50)])
        assert log.find(tmp_path, prediction(7).id).key == "user-7"
    assert log.find(tmp_path, prediction(7).id).key == "user-7"
    with pytest.raises(NotFound, match="no prediction 'nope'"):
        log.find(tmp_path, "nope")


def test_an_empty_log_has_no_entries(tmp_path: Path) -> None:
    assert log.predictions(tmp_path) == []
    assert log.feedback(tmp_path) == []


def test_sequence_grows_when_the_clock_goes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PredictionLog(tmp_path) as writer:
        writer.append([prediction(1)])
    monkeypatch.setattr(time, "time_ns", lambda: 5)
    with PredictionLog(tmp_path) as writer:
        writer.append([prediction(2)])
        writer.append([prediction(3), prediction(4)])
    assert numbers(tmp_path) == [1, 2, 3, 4]


def test_a_batch_delivered_twice_is_kept_once(tmp_path: Path) -> None:
    with PredictionLog(tmp_path) as writer:
        writer.append([prediction(1), judged(1, 1.0), prediction(2)])
        payloads = [log.encode(p, p.sequence) for p in log.predictions(tmp_path)]
        payloads += [log.encode(f, f.sequence) for f in log.feedback(tmp_path)]
    sink = TableSink(tmp_path / log.TABLES)
    sink(payloads)
    sink(payloads)
    assert numbers(tmp_path) == [1, 2]
    assert len(log.feedback(tmp_path)) == 1


def test_one_process_writes_and_another_is_told_so(tmp_path: Path) -> None:
    with (
        PredictionLog(tmp_path),
        pytest.raises(Conflict, match="a server of this project is running"),
    ):
        PredictionLog(tmp_path)
    PredictionLog(tmp_path).close()


def test_many_deliveries_are_joined_into_few_files(tmp_path: Path) -> None:
    sink = TableSink(tmp_path / log.TABLES)
    for number in range(1, 80):
        sink([log.encode(prediction(number), number)])
    table = opened(tmp_path / log.TABLES / "predictions")
    assert table is not None and len(table.file_uris()) < 20
    assert numbers(tmp_path) == list(range(1, 80))
    assert numbers(tmp_path, after=77) == [78, 79]


def test_a_damaged_file_of_the_log_is_named(tmp_path: Path) -> None:
    TableSink(tmp_path / log.TABLES)([log.encode(prediction(1), 1)])
    [file] = (tmp_path / log.TABLES / "predictions").glob("*.parquet")
    file.write_bytes(b"nothing")
    with pytest.raises(IntegrityError, match=r"the prediction log .*predictions/? cannot be read"):
        log.predictions(tmp_path)


def emptied(state: Path) -> Path:
    """The newest commit of the predictions, as a power loss may leave it."""
    path = state / log.TABLES / "predictions"
    table = opened(path)
    assert table is not None
    commit = path / "_delta_log" / f"{table.version():020d}.json"
    commit.write_bytes(b"")
    return commit


def test_rows_of_an_empty_commit_are_delivered_again_from_the_journal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody else may take the 15 rows that are left for all there are."""
    with Journal(tmp_path / log.JOURNAL) as journal:
        for batch in range(4):
            rows = [prediction(5 * batch + n) for n in range(5)]
            journal.append_many(encode(one, 100 * batch + n) for n, one in enumerate(rows, 1))
            deliver(tmp_path)
    commit = emptied(tmp_path)
    with pytest.raises(IntegrityError, match=f"{commit} is empty, as after a power loss"):
        log.predictions(tmp_path)
    with PredictionLog(tmp_path) as writer:
        assert numbers(tmp_path) == list(range(20))
        writer.append([prediction(20)])
    assert numbers(tmp_path) == list(range(21)) and not (tmp_path / log.JOURNAL).exists()
    assert str(commit) in caplog.text


def test_a_journal_is_not_removed_while_a_table_lacks_its_rows(tmp_path: Path) -> None:
    with PredictionLog(tmp_path) as writer:
        writer.append([prediction(n) for n in range(5)])
        wait_until("a delivery", lambda: opened(tmp_path / log.TABLES / "predictions"))
        commit = emptied(tmp_path)
    assert (tmp_path / log.JOURNAL).exists()
    with PredictionLog(tmp_path):
        pass
    assert numbers(tmp_path) == list(range(5)) and not (tmp_path / log.JOURNAL).exists()
    assert commit.stat().st_size


def test_an_empty_commit_whose_journal_is_gone_is_named(tmp_path: Path) -> None:
    with PredictionLog(tmp_path) as writer:
        writer.append([prediction(1)])
    commit = emptied(tmp_path)
    for use in (lambda: log.predictions(tmp_path), lambda: PredictionLog(tmp_path)):
        with pytest.raises(IntegrityError, match=f"{commit} is empty.* restore the file"):
            use()


@pytest.mark.parametrize(("content", "said"), [(b"", "has 0 bytes, not "), (None, "No such file")])
def test_a_data_file_that_is_empty_or_missing_is_named(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    with PredictionLog(tmp_path) as writer:
        writer.append([prediction(1)])
    [file] = (tmp_path / log.TABLES / "predictions").glob("*.parquet")
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    for where in (0, 2**62):  # also when no row of it is wanted
        with pytest.raises(IntegrityError, match=f"{file}.*{said}"):
            log.predictions(tmp_path, where)


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    with PredictionLog(tmp_path) as writer:
        writer.append([prediction(1)])
        assert (tmp_path / log.JOURNAL).stat().st_mode & 0o777 == 0o600
    (tmp_path / log.TABLES).chmod(0o755)
    PredictionLog(tmp_path).close()
    assert (tmp_path / log.TABLES).stat().st_mode & 0o777 == 0o700


def test_a_read_only_state_says_so_and_its_log_is_read(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=4m") as disk:
        with PredictionLog(disk) as writer:
            writer.append([prediction(1)])
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(CouldNotEvaluate, match="Read-only file system"):
            PredictionLog(disk)
        assert not log.writing(disk) and numbers(disk) == [1]


def test_an_id_with_quotes_is_looked_up_as_it_is(tmp_path: Path) -> None:
    TableSink(tmp_path / log.TABLES)([log.encode(prediction(1), 1)])
    with pytest.raises(NotFound):
        log.find(tmp_path, "' OR '1' = '1")


def test_a_long_journal_is_begun_anew_once_it_is_delivered(tmp_path: Path) -> None:
    journal = tmp_path / log.JOURNAL
    with PredictionLog(tmp_path) as writer:
        drain = Drain(journal, TableSink(tmp_path / log.TABLES))
        writer.append([prediction(1)])
        drain.drain_once()
        writer.append([prediction(2)])
        drain.trim()
        writer.append([prediction(3)])
        assert numbers(tmp_path) == [1, 2, 3]
    assert numbers(tmp_path) == [1, 2, 3]


WRITER = """
import sys
from pathlib import Path
from fullturn.serving.log import PredictionLog, encode
from tests.serving.test_log import prediction
writer, number = PredictionLog(Path(sys.argv[1])), int(sys.argv[2])
while True:
    writer.append([prediction(n) for n in range(number, number + 10)])
    number += 10
    print(number, flush=True)
"""


@pytest.mark.slow
def test_what_was_acknowledged_survives_sigkill_once(tmp_path: Path) -> None:
    last = 0
    for kill in range(4):
        command = [sys.executable, "-c", WRITER, str(tmp_path), str(last)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(1 + 100 * kill):
                last = int(process.stdout.readline())
            os.kill(process.pid, signal.SIGKILL)
            last = max([last, *(int(line) for line in process.stdout if line.endswith("\n"))])
        kept = numbers(tmp_path)
        assert len(kept) == len(set(kept)) and set(range(last)) <= set(kept)
        last = max(kept) + 1
    deliver(tmp_path)
    kept = numbers(tmp_path)
    assert sorted(set(kept)) == kept == list(range(last))
