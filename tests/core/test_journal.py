import math
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullturn.core.errors import (
    CouldNotEvaluate,
    DiskFull,
    JournalCorrupt,
    StoreUnavailable,
    UsageError,
)
from fullturn.core.journal import (
    LARGEST_WRITE,
    MAGIC,
    Drain,
    Journal,
    read,
    waiting,
)
from fullturn.core.steps import decode_step, encode_step
from tests.needs import mounted
from tests.waiting import PATIENCE, wait_until

payload_lists = st.lists(st.binary(max_size=60), max_size=8)
on_disk = settings(deadline=None, max_examples=50)
"""A busy disk may take its time."""


def python(code: str, *arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes]) -> bytes:
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    return output


def finish_together(processes: list[subprocess.Popen[bytes]]) -> list[bytes]:
    """Let processes that print a line when they are ready go on at the same moment."""
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
    return [finish(process) for process in processes]


def payloads(path: Path, offset: int = 0) -> list[bytes]:
    return [payload for payload, _ in read(path, offset)]


def file_of(records: Sequence[bytes]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.journal"
        with Journal(path) as journal:
            journal.append_many(records)
        return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.journal"


class TestFile:
    @on_disk
    @given(st.lists(payload_lists, max_size=4), payload_lists)
    def test_any_payloads_come_back_in_order(
        self, groups: list[list[bytes]], single: list[bytes]
    ) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.journal"
            with Journal(path) as journal:
                for group in groups:
                    journal.append_many(group)
            with Journal(path) as journal:
                for payload in single:
                    journal.append(payload)
            expected = [payload for group in groups for payload in group] + single
            assert payloads(path) == expected
            offsets = [0, *(offset for _, offset in read(path))]
            assert [payloads(path, offset) for offset in offsets] == [
                expected[i:] for i in range(len(offsets))
            ]

    @on_disk
    @given(payload_lists, st.data())
    def test_a_file_cut_anywhere_gives_a_prefix_and_goes_on_from_there(
        self, records: list[bytes], data: st.DataObject
    ) -> None:
        whole = file_of(records)
        cut = data.draw(st.integers(0, len(whole)))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.journal"
            path.write_bytes(whole[:cut])
            kept = payloads(path)
            assert kept == records[: len(kept)]
            assert len(file_of(records[: len(kept) + 1])) > cut or kept == records
            with Journal(path) as journal:
                journal.append(b"next")
            assert path.read_bytes() == file_of([*kept, b"next"])

    @on_disk
    @given(st.lists(st.binary(max_size=60), min_size=1, max_size=8), st.data())
    def test_a_changed_byte_is_never_accepted(
        self, records: list[bytes], data: st.DataObject
    ) -> None:
        content = bytearray(file_of(records))
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] ^= data.draw(st.integers(1, 255))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.journal"
            path.write_bytes(content)
            try:
                kept = payloads(path)
            except JournalCorrupt:
                with pytest.raises(JournalCorrupt):
                    Journal(path)
                assert path.read_bytes() == content
            else:  # a last record that claims more than there is, or ends with zeros, looks torn
                assert kept == records[:-1]
                begin = len(file_of(records[:-1]))
                assert position - begin in range(4) or content.endswith(b"\0")

    @pytest.mark.parametrize("zeros", [1, 8, 5000])
    def test_zeros_left_by_a_power_loss_are_cut_off(self, path: Path, zeros: int) -> None:
        path.write_bytes(file_of([b"a", b""]) + bytes(zeros))
        assert payloads(path) == [b"a", b""]
        with Journal(path) as journal:
            journal.append(b"b")
        assert payloads(path) == [b"a", b"", b"b"]

    @pytest.mark.parametrize("zeros", [*range(1, 438, 19), 436])
    def test_the_last_record_half_zeroed_is_set_aside_and_what_is_whole_goes_on(
        self, path: Path, zeros: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        whole = file_of([b"one", b"two", b"x" * 428])
        path.write_bytes(whole[:-zeros] + bytes(zeros))
        assert payloads(path) == [b"one", b"two"]
        with Journal(path) as journal:
            journal.append(b"next")
        assert payloads(path) == [b"one", b"two", b"next"]
        [aside] = path.parent.glob("a.journal.damaged-*")
        offset = len(file_of([b"one", b"two"]))
        assert aside.read_bytes() == (whole[:-zeros] + bytes(zeros))[offset:]
        assert (
            f"436 bytes at offset {offset} were lost" in caplog.text and str(aside) in caplog.text
        )

    def test_whole_records_behind_zeroed_sectors_are_recovered(self, path: Path) -> None:
        records = [bytes([65 + n]) * 300 for n in range(20)]
        content = bytearray(file_of(records))
        content[1024:2048] = bytes(1024)
        content[4096:4608] = bytes(512)
        path.write_bytes(content)
        assert payloads(path) == records[:3]
        Journal(path).close()
        assert payloads(path) == [*records[:3], *records[7:13], *records[15:]]
        assert len(list(path.parent.glob("a.journal.damaged-*"))) == 2

    def test_a_private_one_is_for_its_owner_only(self, path: Path) -> None:
        Journal(path).close()
        assert path.stat().st_mode & 0o077
        Journal(path, private=True).close()
        assert path.stat().st_mode & 0o777 == 0o600

    def test_damage_is_reported_with_the_file_and_the_offset(self, path: Path) -> None:
        content = bytearray(file_of([b"one", b"two", b"three"]))
        start = content.index(b"two") - 8
        content[start + 8] ^= 1
        path.write_bytes(content)
        records = read(path)
        assert next(records)[0] == b"one"
        with pytest.raises(JournalCorrupt, match=rf"a\.journal is damaged at offset {start}: "):
            next(records)

    def test_another_file_is_refused_and_left_alone(self, path: Path) -> None:
        path.write_bytes(b"step,loss\n1,0.5\n")
        for use in (lambda: Journal(path), lambda: payloads(path)):
            with pytest.raises(JournalCorrupt, match="is not a journal of this version"):
                use()
        assert path.read_bytes() == b"step,loss\n1,0.5\n"

    def test_records_larger_than_a_read_come_back(self, path: Path) -> None:
        large = os.urandom(1_000_000)
        with Journal(path, sync=True) as journal:
            journal.append_many([b"a", large])
            journal.append(b"b")
        assert payloads(path) == [b"a", large, b"b"]

    def test_a_write_that_is_too_large_is_refused(self, path: Path) -> None:
        with Journal(path) as journal:
            journal.append(bytes(LARGEST_WRITE - 8))
            with pytest.raises(UsageError, match="append them in parts"):
                journal.append(bytes(LARGEST_WRITE - 7))
        assert [len(payload) for payload in payloads(path)] == [LARGEST_WRITE - 8]

    def test_a_journal_that_does_not_exist_has_no_records(self, path: Path) -> None:
        assert payloads(path) == []

    def test_a_path_that_cannot_be_opened_is_named(self, tmp_path: Path) -> None:
        for use in (lambda: Journal(tmp_path), lambda: payloads(tmp_path)):
            with pytest.raises(CouldNotEvaluate, match=f"cannot open {tmp_path}"):
                use()

    def test_a_closed_journal_takes_nothing_and_can_be_closed_again(self, path: Path) -> None:
        journal = Journal(path)
        journal.close()
        journal.close()
        with pytest.raises(ValueError, match="file descriptor"):
            journal.append(b"late")


WRITE_MANY = """
import sys
from pathlib import Path
from fullturn.core.journal import Journal
path, name = Path(sys.argv[1]), sys.argv[2]
with Journal(path) as journal:
    print("ready", flush=True)
    sys.stdin.readline()
    for i in range(300):
        journal.append(f"{name} {i} ".encode() + b"x" * (i * 37 % 9000))
        if i % 10 == 0:
            journal.append_many([f"{name} group {i} {k}".encode() for k in range(5)])
"""

WRITE_UNTIL_KILLED = """
import os, sys
from pathlib import Path
from fullturn.core.journal import Journal
journal = Journal(Path(sys.argv[1]))
i = 0
while True:
    journal.append(b"%d " % i + b"x" * 9000)
    os.write(1, b"%d\\n" % i)
    i += 1
"""

FORK = """
import os, sys
from pathlib import Path
from fullturn.core.journal import Journal
journal = Journal(Path(sys.argv[1]))
journal.append(b"before")
child = os.fork()
for i in range(200):
    journal.append(b"%s %d" % (b"parent" if child else b"child", i))
if child:
    os.waitpid(child, 0)
print(journal._pid == os.getpid())
"""


class TestSeveralWriters:
    def test_records_of_several_processes_do_not_mix(self, path: Path) -> None:
        names = ["a", "b", "c", "d"]
        writers = [python(WRITE_MANY, path, name) for name in names]
        finish_together(writers)
        records = payloads(path)
        assert len(records) == 4 * (300 + 30 * 5)
        for name in names:
            singles = [
                r for r in records if r.startswith(f"{name} ".encode()) and b"group" not in r
            ]
            assert [int(r.split()[1]) for r in singles] == list(range(300))
        groups = [r for r in records if b"group" in r]
        first = [records.index(r) for r in groups[::5]]
        assert [records[i : i + 5] for i in first] == [groups[i : i + 5] for i in range(0, 600, 5)]

    def test_threads_may_share_journals(self, path: Path) -> None:
        with Journal(path) as one, Journal(path) as other:

            def write(name: int) -> None:
                for i in range(300):
                    (one if name < 4 else other).append(b"%d %d" % (name, i))

            threads = [threading.Thread(target=write, args=(name,)) for name in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        records = payloads(path)
        assert sorted(records) == sorted(b"%d %d" % (n, i) for n in range(8) for i in range(300))

    def test_a_forked_process_gets_a_lock_of_its_own(self, path: Path) -> None:
        assert finish(python(FORK, path)).split() == [b"True", b"True"]
        records = payloads(path)
        assert len(records) == 401
        assert [r for r in records if r.startswith(b"child")] == [
            b"child %d" % i for i in range(200)
        ]

    def test_what_was_acknowledged_survives_sigkill(self, path: Path) -> None:
        chance = random.Random(7)
        total = 0
        for _ in range(5):
            writer = python(WRITE_UNTIL_KILLED, path)
            assert writer.stdout is not None
            seen = chance.randrange(1, 300)
            for _ in range(seen):
                writer.stdout.readline()
            writer.kill()
            acknowledged = seen + writer.stdout.read().count(b"\n")
            writer.communicate()
            records = payloads(path)[total:]
            assert records == [b"%d " % i + b"x" * 9000 for i in range(len(records))]
            assert len(records) >= acknowledged
            total += len(records)

    def test_a_live_writer_cuts_off_what_a_killed_one_left(self, path: Path) -> None:
        with Journal(path) as journal:
            journal.append(b"a")
            with path.open("ab") as killed:
                killed.write(file_of([b"b", b"c" * 100])[len(MAGIC) : -50])
            assert payloads(path) == [b"a", b"b"]
            journal.append(b"d")
        assert payloads(path) == [b"a", b"b", b"d"]

    def test_a_journal_that_was_cut_behind_the_back_of_a_writer_goes_on(self, path: Path) -> None:
        with Journal(path) as journal:
            journal.append_many([b"a", b"b"])
            os.truncate(path, len(file_of([b"a"])))
            journal.append(b"c")
        assert payloads(path) == [b"a", b"c"]


LIMITED = """
import resource, signal, sys
from pathlib import Path
from fullturn.core.errors import DiskFull
from fullturn.core.journal import Journal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
path = Path(sys.argv[1])
journal = Journal(path)
kept = 0
try:
    while True:
        journal.append(b"%d " % kept + b"x" * 1000)
        kept += 1
except DiskFull as error:
    print(error)
print(kept, path.stat().st_size)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
journal.append(b"afterwards")
"""


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", "size=64k") as folder:
        yield folder


class TestDiskFull:
    def test_a_limited_file_keeps_whole_records_only(self, path: Path) -> None:
        message, counts = finish(python(LIMITED, path)).decode().splitlines()
        kept, size = map(int, counts.split())
        assert f"cannot append to {path}: " in message
        assert "free some space" in message
        assert (kept, size) == (4, len(file_of([b"%d " % i + b"x" * 1000 for i in range(4)])))
        assert [p[:2] for p in payloads(path)] == [b"0 ", b"1 ", b"2 ", b"3 ", b"af"]

    @pytest.mark.parametrize("sync", [False, True])
    def test_a_full_disk_keeps_whole_records_only(self, tiny_disk: Path, sync: bool) -> None:
        path = tiny_disk / "a.journal"
        filler = tiny_disk / "filler"
        filler.write_bytes(bytes(32 * 1024))
        with Journal(path, sync=sync) as journal, Journal(path) as other:
            kept = 0
            with pytest.raises(DiskFull, match="free some space"):
                while True:
                    journal.append(b"x" * 1000)
                    kept += 1
            assert kept > 10
            assert payloads(path) == [b"x" * 1000] * kept
            assert path.stat().st_size == len(file_of([b"x" * 1000] * kept))
            with pytest.raises(DiskFull):
                other.append_many([b"y" * 1000] * 10)
            filler.unlink()
            other.append(b"y")
            journal.append(b"z")
        assert payloads(path) == [*[b"x" * 1000] * kept, b"y", b"z"]

    def test_a_journal_that_cannot_be_begun_says_so(self, tiny_disk: Path) -> None:
        filler = tiny_disk / "filler"
        with pytest.raises(OSError, match="No space left"):
            filler.write_bytes(bytes(65 * 1024))
        with pytest.raises(DiskFull):
            Journal(tiny_disk / "a.journal")
        filler.unlink()
        with Journal(tiny_disk / "a.journal") as journal:
            journal.append(b"a")
        assert payloads(tiny_disk / "a.journal") == [b"a"]

    def test_a_drain_that_cannot_store_its_offset_delivers_again(self, tiny_disk: Path) -> None:
        path = tiny_disk / "a.journal"
        with Journal(path) as journal:
            journal.append(b"a")
        drain, seen = collecting(path)
        Drain(path, print).undrained()
        filler = tiny_disk / "filler"
        with pytest.raises(OSError, match="No space left"):
            filler.write_bytes(bytes(65 * 1024))
        with pytest.raises(DiskFull, match=r"a\.journal\.offset"):
            drain.drain_once()
        filler.unlink()
        assert drain.replay() == 1
        assert seen == [[b"a"], [b"a"]]


def collecting(path: Path, **options: int) -> tuple[Drain, list[list[bytes]]]:
    seen: list[list[bytes]] = []
    return Drain(path, lambda batch: seen.append(list(batch)), **options), seen


class Flaky:
    """A sink that refuses some times, then takes everything."""

    def __init__(self, refusals: float) -> None:
        self.refusals = refusals
        self.calls = 0
        self.taken: list[bytes] = []

    def __call__(self, batch: Sequence[bytes]) -> None:
        self.calls += 1
        if self.calls <= self.refusals:
            raise StoreUnavailable("the store is away; start it")
        self.taken += batch


@pytest.fixture
def ten(path: Path) -> list[bytes]:
    records = [b"%d" % i for i in range(10)]
    with Journal(path) as journal:
        journal.append_many(records)
    return records


DRAIN_AND_DIE = """
import os, signal, sqlite3, sys
from pathlib import Path
from fullturn.core.journal import Drain
database = sqlite3.connect(sys.argv[2], isolation_level=None)
batches = []
def sink(batch):
    database.executemany("insert into deliveries values (?)", [(p,) for p in batch])
    database.executemany("insert or ignore into kept values (?)", [(p,) for p in batch])
    batches.append(batch)
    if len(batches) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
Drain(Path(sys.argv[1]), sink, batch=3).replay()
"""

DRAIN_WITH_OTHERS = """
import sys, time
from pathlib import Path
from fullturn.core.journal import Drain
def sink(batch):
    for payload in batch:
        print(payload.decode())
    time.sleep(0.001)
drain = Drain(Path(sys.argv[1]), sink, batch=10)
print("ready", flush=True)
sys.stdin.readline()
while drain.undrained():
    drain.drain_once()
"""


DRAIN_AND_FORK = """
import os, sys
from pathlib import Path
from fullturn.core.journal import Drain
outlived, alive = os.pipe()
def sink(batch):
    if not os.fork():
        os.close(alive)
        os.read(outlived, 1)
        os._exit(0)
drain = Drain(Path(sys.argv[1]), sink)
print(drain.replay())
print(drain.close(), flush=True)
"""


class TestDrain:
    def test_everything_is_delivered_in_batches_in_order(
        self, path: Path, ten: list[bytes]
    ) -> None:
        drain, seen = collecting(path, batch=4)
        assert drain.drain_once() == 4
        assert drain.undrained() == 6
        assert drain.replay() == 6
        assert seen == [ten[:4], ten[4:8], ten[8:]]

    def test_what_waits_is_read_without_a_drain(self, path: Path, ten: list[bytes]) -> None:
        assert list(waiting(path)) == ten
        collecting(path, batch=4)[0].drain_once()
        assert list(waiting(path)) == ten[4:]
        assert list(waiting(path.with_name("none.journal"))) == []

    def test_another_drain_goes_on_where_the_first_stopped(
        self, path: Path, ten: list[bytes]
    ) -> None:
        collecting(path, batch=4)[0].drain_once()
        drain, seen = collecting(path)
        drain.replay()
        assert seen == [ten[4:]]

    def test_killed_between_sink_and_offset_it_delivers_again(
        self, path: Path, ten: list[bytes], tmp_path: Path
    ) -> None:
        with sqlite3.connect(tmp_path / "sink.db") as database:
            database.execute("create table deliveries (payload)")
            database.execute("create table kept (payload primary key)")
        database.close()
        killed = python(DRAIN_AND_DIE, path, tmp_path / "sink.db")
        killed.communicate(timeout=PATIENCE)
        assert killed.returncode == -signal.SIGKILL
        finish(python(DRAIN_AND_DIE.replace("== 2", "== -1"), path, tmp_path / "sink.db"))
        database = sqlite3.connect(tmp_path / "sink.db")
        kept = [row for (row,) in database.execute("select payload from kept order by rowid")]
        deliveries = [row for (row,) in database.execute("select payload from deliveries")]
        database.close()
        assert kept == ten
        assert deliveries == ten[:6] + ten[3:]

    def test_two_drains_deliver_every_record_once(self, path: Path) -> None:
        with Journal(path) as journal:
            journal.append_many([b"%d" % i for i in range(3000)])
        outputs = finish_together([python(DRAIN_WITH_OTHERS, path) for _ in range(2)])
        assert all(outputs)
        delivered = [int(line) for output in outputs for line in output.split()]
        assert sorted(delivered) == list(range(3000))

    def test_a_second_drain_finds_nothing_to_do_while_one_works(
        self, path: Path, ten: list[bytes]
    ) -> None:
        working, go_on = threading.Event(), threading.Event()

        def sink(_: Sequence[bytes]) -> None:
            working.set()
            go_on.wait(PATIENCE)

        first = Drain(path, sink).start()
        working.wait(PATIENCE)
        second, seen = collecting(path)
        assert second.replay() == 0
        assert second.close() == len(ten)
        go_on.set()
        assert first.close() == 0
        assert seen == []

    def test_the_thread_delivers_what_is_appended_later(self, path: Path) -> None:
        sink = Flaky(0)
        drain = Drain(path, sink, pause=0.01).start()
        with Journal(path) as journal:
            journal.append(b"a")
            wait_until("delivery", lambda: sink.taken == [b"a"])
            journal.append(b"b")
        assert drain.close() == 0
        assert sink.taken == [b"a", b"b"]

    def test_a_sink_that_fails_gets_the_same_batch_again(
        self, path: Path, ten: list[bytes]
    ) -> None:
        sink = Flaky(3)
        drain = Drain(path, sink, batch=6, pause=0.001).start()
        wait_until("delivery", lambda: sink.taken == ten)
        assert drain.failure is None
        assert drain.close() == 0

    def test_a_sink_that_fails_unforeseen_gets_the_same_batch_again(
        self, path: Path, ten: list[bytes], caplog: pytest.LogCaptureFixture
    ) -> None:
        sink, refused = Flaky(0), [KeyError("http://ada:hunter22@example.org")] * 3

        def odd(batch: Sequence[bytes]) -> None:
            if refused:
                raise refused.pop()
            sink(batch)

        drain = Drain(path, odd, pause=0.001).start()
        wait_until("delivery", lambda: sink.taken == ten)
        assert drain.close() == 0 and drain.failure is None
        [logged] = [one.getMessage() for one in caplog.records if "KeyError" in one.getMessage()]
        assert "in odd" in logged and "hunter22" not in logged

    def test_after_its_retries_it_rests_and_closing_tries_again(
        self, path: Path, ten: list[bytes]
    ) -> None:
        sink = Flaky(3)
        drain = Drain(path, sink, retries=2, pause=0.001).start()
        wait_until("the last retry", lambda: sink.calls == 3 and drain.failure)
        time.sleep(0.05)
        assert sink.calls == 3
        assert isinstance(drain.failure, StoreUnavailable)
        assert drain.close() == 0
        assert sink.taken == ten

    def test_closing_counts_what_could_not_be_delivered_and_keeps_it(
        self, path: Path, ten: list[bytes]
    ) -> None:
        drain = Drain(path, Flaky(math.inf), retries=2, pause=0.001).start()
        assert drain.close() == len(ten)
        assert payloads(path) == ten

    def test_a_forked_process_does_not_keep_the_drain_locked(
        self, path: Path, ten: list[bytes]
    ) -> None:
        assert finish(python(DRAIN_AND_FORK, path)).split() == [b"10", b"0"]
        assert list(path.parent.iterdir()) == []

    def test_closing_does_not_wait_for_ever(self, path: Path, ten: list[bytes]) -> None:
        go_on = threading.Event()

        def sink(_: Sequence[bytes]) -> None:
            go_on.wait(PATIENCE)

        drain = Drain(path, sink).start()
        assert drain.close(timeout=0.05) == len(ten)
        go_on.set()
        assert drain.close() == 0

    def test_a_drained_journal_is_removed_and_an_open_writer_starts_anew(self, path: Path) -> None:
        journal = Journal(path)
        for payload in (b"a", b"b"):
            journal.append(payload)
            drain, seen = collecting(path)
            drain.replay()
            assert drain.close() == 0
            assert seen == [[payload]]
            assert list(path.parent.iterdir()) == []
        journal.close()

    def test_a_journal_with_undrained_records_is_kept(self, path: Path, ten: list[bytes]) -> None:
        drain, _ = collecting(path, batch=4)
        drain.drain_once()
        assert drain.close() == 6
        assert collecting(path)[0].replay() == 6

    def test_a_journal_that_does_not_exist_leaves_no_files(self, path: Path) -> None:
        drain, _ = collecting(path)
        assert drain.replay() == 0
        assert drain.close() == 0
        assert list(path.parent.iterdir()) == []

    @pytest.mark.parametrize("offset", [b"", b"99999\n", b"nonsense"])
    def test_an_offset_that_cannot_be_right_means_from_the_start(
        self, path: Path, ten: list[bytes], offset: bytes
    ) -> None:
        path.with_name("a.journal.offset").write_bytes(offset)
        drain, seen = collecting(path)
        drain.replay()
        assert seen == [ten]

    def test_what_comes_before_damage_is_delivered_first(
        self, path: Path, ten: list[bytes]
    ) -> None:
        content = bytearray(path.read_bytes())
        content[content.index(b"5")] ^= 1
        path.write_bytes(content)
        drain, seen = collecting(path)
        assert drain.drain_once() == 5
        with pytest.raises(JournalCorrupt):
            drain.drain_once()
        assert seen == [ten[:5]]


names = st.text('ab/"\\\n\0é☃🙂')
numbers = st.floats() | st.integers(-(2**63), 2**63 - 1)


class TestSteps:
    @given(st.integers(0, 2**53), st.integers(0, 2**53), st.dictionaries(names, numbers))
    def test_any_step_comes_back(
        self, step: int, timestamp_ms: int, metrics: dict[str, float]
    ) -> None:
        decoded = decode_step(encode_step(step, timestamp_ms, metrics))
        assert decoded[:2] == (step, timestamp_ms)
        assert list(decoded[2]) == list(metrics)
        np.testing.assert_array_equal(
            list(decoded[2].values()), [float(value) for value in metrics.values()]
        )

    def test_numpy_scalars_and_large_integers_are_numbers(self) -> None:
        metrics: dict[str, Any] = {
            "a": np.float32(0.5),
            "b": np.float64(np.nan),
            "c": 2**70,
            "d": np.int64(3),
        }
        assert str(decode_step(encode_step(1, 2, metrics))[2]) == str(
            {"a": 0.5, "b": math.nan, "c": float(2**70), "d": 3.0}
        )

    @pytest.mark.parametrize("value", [None, "much", [1.0], 10**400, {}])
    def test_what_is_no_number_is_refused_by_name(self, value: object) -> None:
        with pytest.raises(UsageError, match=r"metric 'loss' is .*: give a number"):
            encode_step(1, 2, {"loss": value})  # type: ignore[dict-item]

    def test_a_name_or_step_that_json_cannot_hold_is_refused(self) -> None:
        with pytest.raises(UsageError, match="step 1 cannot be stored"):
            encode_step(1, 2, {3: 0.5})  # type: ignore[dict-item]
        with pytest.raises(UsageError, match="cannot be stored"):
            encode_step(2**70, 2, {"loss": 0.5})

    @pytest.mark.parametrize(
        "payload", [b"", b"{}", b"[1,2]", b"[1,2,3]", b'[1,2,{"a":"b"}]', b'["x",2,{}]']
    )
    def test_another_payload_is_refused(self, payload: bytes) -> None:
        with pytest.raises(UsageError, match="is not a step of metrics"):
            decode_step(payload)
