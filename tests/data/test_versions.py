"""A commit is the whole content, recorded with its digest; loading checks it again."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake

from fullturn.core.entities import Column, Contract
from fullturn.core.errors import (
    Conflict,
    CouldNotEvaluate,
    DataError,
    IntegrityError,
    NotFound,
    Refused,
    UsageError,
    exit_code,
)
from fullturn.core.settings import DataSettings
from fullturn.data import tables, versions
from fullturn.data.records import Lengths, summary
from fullturn.data.rows import SOURCE
from tests.data.samples import EVERYTHING, QUESTIONS, SETTINGS, commit, questions


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "data" / "shop"


def test_a_commit_records_what_changed_against_its_parent(table: Path) -> None:
    rows = questions(30)
    first = commit(table, rows, message="start", actor="ann")
    changed = [{**rows[0], "label": "b"}, *rows[1:25], *questions(2, seed=9)]
    second = commit(table, changed, message="more", actor="bob")
    assert (first.version, first.parent, first.rows) == (1, None, 30)
    assert (first.added, first.removed, first.changed) == (30, 0, 0)
    assert (second.version, second.parent, second.rows) == (2, 1, 27)
    assert (second.added, second.removed, second.changed) == (2, 5, 1)
    assert (second.message, second.actor, second.uri) == ("more", "bob", str(table.resolve()))
    assert sum(second.splits.values()) == 27
    assert versions.log(table) == [first, second]
    assert versions.show(table) == versions.show(table, 2) == second
    assert versions.show(table, 1) == first


def test_the_same_content_is_no_new_version(table: Path) -> None:
    rows = questions(30)
    first = commit(table, rows)
    assert commit(table, [*rows[::-1], rows[3]], message="again") == first
    assert DeltaTable(table).version() == 0


def test_the_digest_returns_with_the_content(table: Path) -> None:
    rows = questions(30)
    digests = [commit(table, content).digest for content in (rows, rows[:20], rows)]
    assert digests[0] == digests[2] != digests[1]


def test_a_further_column_is_a_new_version_and_old_ones_stay_readable(table: Path) -> None:
    wider = replace(
        QUESTIONS, columns=(*QUESTIONS.columns, Column("age", "number", required=False))
    )
    first = commit(table, questions(30))
    second = commit(table, [{**row, "age": 5} for row in questions(30)], contract=wider)
    assert (second.version, second.changed) == (2, 30)
    assert versions.load(table, QUESTIONS, 1).version == first
    assert {e.input["age"] for e in versions.load(table, wider, 1).examples} == {None}
    assert {e.input["age"] for e in versions.load(table, wider, 2).examples} == {5.0}


def test_a_version_without_a_required_column_is_refused(table: Path) -> None:
    commit(table, questions(30))
    needy = replace(QUESTIONS, columns=(*QUESTIONS.columns, Column("age", "number")))
    with pytest.raises(DataError, match="version 1 of 'shop' has no column 'age'"):
        versions.load(table, needy)
    renamed = replace(QUESTIONS, columns=(*QUESTIONS.columns, Column("part", role="split")))
    with pytest.raises(DataError, match="version 1 of 'shop' has no column 'part'"):
        versions.load(table, renamed)
    rows = [{**row, "part": "test" if n % 2 else "train"} for n, row in enumerate(questions(30))]
    assert commit(table, rows, contract=renamed).splits["test"] == 15


def test_what_the_commit_dropped_is_counted(table: Path) -> None:
    rows = questions(30)
    copies = [dict(rows[0]), {**rows[1], "split": "train"}]
    twins = [{**rows[n], "text": f"{rows[n]['text']}!", "split": s} for n, s in ((2, "test"),)]
    content = [{**row, "split": "train"} for row in rows] + copies + twins
    content[0]["split"] = None
    version = commit(table, content)
    assert version.findings == {"duplicates": 2, "repeated": 0, "near_duplicates": 1}
    assert versions.show(table).findings == version.findings


def test_rows_keep_their_split_until_the_shares_change(table: Path) -> None:
    rows = questions(60)
    commit(table, [{**row, "split": "test"} for row in rows[:30]] + rows[30:])
    plain = commit(table, rows)
    assert plain.version == 1
    moved = commit(table, rows, settings=DataSettings(train_share=0.6))
    assert (moved.version, moved.splits["test"] < 30) == (2, True)


def test_loading_gives_examples_and_reference_rows(table: Path) -> None:
    rows = [
        {
            "text": f"text {n} {'x' * n}",
            "label": ("yes", "no")[n % 2],
            "age": n,
            "facts": [["fact", n]],
            "channel": "mail" if n else None,
            "name": f"row-{n}" if n else None,
        }
        for n in range(20)
    ]
    known = [
        {
            "text": f"b{n}",
            "label": "maybe",
            "split": "reference",
            "name": f"p{n}",
            "facts": {"n": n},
        }
        for n in (3, 1, 4, 2)
    ]
    commit(table, rows + known, contract=EVERYTHING)
    data = versions.load(table, EVERYTHING)
    by_text = {example.input["text"]: example for example in data.examples}
    example, nameless = by_text["text 3 xxx"], by_text["text 0 "]
    assert (example.id, example.input) == ("row-3", {"text": "text 3 xxx", "age": 3.0})
    assert example.expected == {"facts": [["fact", 3]], "label": "no"}
    assert example.slices == {"channel": "mail", "label": "no"}
    assert (len(nameless.id), nameless.group) == (16, nameless.id)
    assert set(nameless.slices) == {"label"}
    assert Counter(e.split for e in data.examples) == {
        name: count for name, count in data.version.splits.items() if name != "reference"
    }
    assert data.version.splits["reference"] == 4
    assert data.reference[0] == {"name": "p1", "text": "b1", "label": "maybe", "facts": {"n": 1}}
    assert [row["name"] for row in data.reference] == ["p1", "p2", "p3", "p4"]


def test_rows_load_in_one_order_however_they_were_stored(table: Path, tmp_path: Path) -> None:
    rows = questions(50)
    commit(table, rows)
    commit(tmp_path / "other", rows[::-1])
    examples = versions.load(table, QUESTIONS).examples
    assert examples == versions.load(tmp_path / "other", QUESTIONS).examples
    DeltaTable(table).optimize.z_order(["text"])
    assert examples == versions.load(table, QUESTIONS).examples


@pytest.mark.parametrize("name", ["my data", "50% off", "a+b&c", "{ü}", "~a@b:c;"])
def test_a_folder_may_have_an_odd_name(tmp_path: Path, name: str) -> None:
    commit(tmp_path / name, questions(30))
    assert commit(tmp_path / name, questions(31)).version == 2
    assert [found.name for found in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("mark", list("#?[]^|\\\n"))
def test_a_folder_that_deltalake_cannot_use_is_refused(tmp_path: Path, mark: str) -> None:
    with pytest.raises(UsageError, match="Delta table's path cannot contain; use a folder"):
        commit(tmp_path / f"a{mark}b" / "shop", questions(30))
    assert list(tmp_path.iterdir()) == []


def test_a_table_that_moved_keeps_its_versions(table: Path, tmp_path: Path) -> None:
    first = commit(table, questions(30))
    shutil.move(table, tmp_path / "moved")
    moved = tmp_path / "moved"
    assert versions.show(moved) == replace(first, uri=str(moved.resolve()))
    assert len(versions.load(moved, QUESTIONS).examples) == 30


def test_no_dataset_and_no_such_version(table: Path) -> None:
    for ask in (versions.log, versions.show, lambda at: versions.load(at, QUESTIONS)):
        with pytest.raises(
            NotFound, match="no dataset at .*shop; make one with `fullturn data com"
        ):
            ask(table)
    commit(table, questions(30))
    commit(table, questions(31))
    for version in (3, 0, -1):
        with pytest.raises(NotFound, match=f"'shop' has no version {version}; it has 1, 2"):
            versions.load(table, QUESTIONS, version)


def test_changed_rows_are_noticed(table: Path) -> None:
    version = commit(table, questions(30))
    content = DeltaTable(table).to_pyarrow_table()
    labels = ["b" if n == 6 else label for n, label in enumerate(content["label"].to_pylist())]
    assert labels != content["label"].to_pylist()
    _replace_rows(table, content.set_column(1, "label", pa.array(labels)))
    with pytest.raises(IntegrityError, match=f"has the digest .* but {version.digest} was"):
        versions.load(table, QUESTIONS)
    with pytest.raises(IntegrityError, match="its rows were changed"):
        commit(table, questions(31))


def _replace_rows(table: Path, content: pa.Table) -> None:
    """Write other rows into the file of version 1, and its new size into the log."""
    path, entry = next(table.glob("*.parquet")), table / "_delta_log" / f"{0:020}.json"
    size = path.stat().st_size
    pq.write_table(content, path)
    entry.write_text(entry.read_text().replace(f'"size":{size}', f'"size":{path.stat().st_size}'))


def test_another_digest_than_expected_is_an_error(table: Path) -> None:
    version = commit(table, questions(30))
    assert versions.load(table, QUESTIONS, 1, version.digest).version == version
    with pytest.raises(IntegrityError, match=f"{version.digest}, but abc was expected"):
        versions.load(table, QUESTIONS, 1, "abc")


def test_damaged_files_are_named(table: Path) -> None:
    commit(table, questions(30))
    path = next(table.glob("*.parquet"))
    whole = path.read_bytes()
    for size in (0, 100):
        path.write_bytes(whole[:size])
        with pytest.raises(IntegrityError, match=rf"cannot be read \({path} has {size} bytes, not"):
            versions.load(table, QUESTIONS)
    path.unlink()
    with pytest.raises(IntegrityError, match=rf"version 1 of 'shop' at .* \({path}: No such file"):
        versions.load(table, QUESTIONS)
    path.write_bytes(whole)
    entry = table / "_delta_log" / f"{0:020}.json"
    entry.write_text(entry.read_text().replace('\\"parent\\"', '\\"parents\\"'))
    with pytest.raises(IntegrityError, match="a record of .* is damaged"):
        versions.log(table)
    entry.write_text("garbage{")
    with pytest.raises(IntegrityError, match=r"the log of .* cannot be read \(Kernel error"):
        versions.log(table)


def test_an_empty_commit_hides_no_version(table: Path) -> None:
    """As a power loss may leave it: deltalake passes over it, and its rows are gone."""
    commit(table, questions(30))
    commit(table, questions(40))
    commits = sorted((table / "_delta_log").glob("*.json"))
    commits[-1].write_bytes(b"")
    for use in (versions.show, versions.log):
        with pytest.raises(IntegrityError, match=f"{commits[-1]} is empty.* commit the rows again"):
            use(table)


def test_writes_by_others_are_no_versions(table: Path) -> None:
    first = commit(table, questions(30))
    DeltaTable(table).optimize.compact()
    content = DeltaTable(table).to_pyarrow_table()
    write_deltalake(table, content, mode="append")
    assert versions.log(table) == [first]
    assert len(versions.load(table, QUESTIONS).examples) == 30
    second = commit(table, questions(31))
    assert (second.version, second.parent, second.added) == (3, 1, 1)
    with pytest.raises(NotFound, match="no version 2; it has 1, 3"):
        versions.show(table, 2)


def test_a_table_of_somebody_else_is_not_overwritten(table: Path) -> None:
    write_deltalake(table, pa.table({"text": ["theirs"]}))
    with pytest.raises(DataError, match="is a Delta table that fullturn did not make"):
        commit(table, questions(30))
    assert DeltaTable(table).version() == 0


def test_whoever_read_before_another_commit_is_refused(table: Path) -> None:
    commit(table, questions(30))
    head = tables.head(table)
    second = commit(table, questions(31), actor="ann")
    record = replace(tables.record(tables.head(table)), version=replace(second, actor="bob"))
    columns = [Column("text")]
    with pytest.raises(Conflict, match=r"committed to 'shop' \(version 2, by ann\).*commit again"):
        tables.write(head, [{"text": "x"}], columns, record)
    with pytest.raises(Conflict, match="nothing was written"):
        tables.write(replace(head, delta=None), [{"text": "x"}], columns, record)
    assert versions.log(table)[-1] == second


def test_a_log_read_after_another_commit_shows_its_own_versions(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = commit(table, questions(30))

    def opened_before_a_commit(uri: str) -> DeltaTable:
        monkeypatch.undo()
        opened = DeltaTable(uri)
        commit(table, questions(31))
        return opened

    monkeypatch.setattr(tables, "DeltaTable", opened_before_a_commit)
    assert [one.version for one in tables.head(table).records] == [first]
    assert [one.version.version for one in tables.head(table).records] == [1, 2]


def test_a_write_that_fails_for_another_reason_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises((CouldNotEvaluate, IntegrityError), match="file"):
        commit(tmp_path / "file" / "shop", questions(30))
    assert (tmp_path / "file").read_text() == "in the way"


def test_old_versions_are_kept_for_good(table: Path) -> None:
    for number in range(12):
        commit(table, questions(20 + number))
    kept = DeltaTable(table)
    assert kept.metadata().configuration["delta.logRetentionDuration"] == "interval 36500 days"
    assert kept.vacuum(dry_run=True) == []
    kept.create_checkpoint()
    kept.cleanup_metadata()
    assert [version.version for version in versions.log(table)] == list(range(1, 13))
    assert len(versions.load(table, QUESTIONS, 1).examples) == 20


def test_the_record_is_readable_by_any_delta_reader(table: Path) -> None:
    version = commit(table, questions(30), message="größer")
    commits = DeltaTable(table).history()
    record = json.loads(commits[0]["fullturn"])
    assert record["version"]["digest"] == version.digest
    assert record["version"]["message"] == "größer"
    assert "uri" not in record["version"]


def test_text_survives_as_it_was_written(table: Path) -> None:
    odd = [
        "\x00 nul",
        "line\nbreak\r\n",
        "\u202eright to left",
        "🙂" * 300,
        '"quoted", text',
        " space ",
    ]
    rows = questions(20) + [{"text": text, "label": "a"} for text in odd]
    commit(table, rows)
    assert {e.input["text"] for e in versions.load(table, QUESTIONS).examples} >= set(odd)


def test_a_summary_counts_labels_groups_and_lengths(table: Path) -> None:
    rows = [{"text": "x" * n + str(n), "label": "a" if n < 10 else "b"} for n in range(1, 41)]
    passage = {"text": "knowledge", "label": "none", "split": "reference"}
    commit(table, [*rows, passage], contract=replace(QUESTIONS, near_duplicates="report"))
    found = summary(versions.load(table, QUESTIONS))
    assert (found.rows, found.splits["reference"], found.groups) == (41, 1, 40)
    assert list(found.labels["label"].items()) == [("b", 31), ("a", 9)]
    assert found.lengths == {"text": Lengths(2, 22, 40, 42)}


def test_a_contract_with_two_key_columns(table: Path) -> None:
    contract = Contract((Column("text"), Column("place", "category")), key=("text", "place"))
    rows = [{"text": t, "place": p} for t in "abcdef" for p in ("x", "y")]
    assert commit(table, rows, contract=contract).rows == 12
    assert len({e.id for e in versions.load(table, contract).examples}) == 12


def test_custom_metadata_of_others_is_ignored(table: Path) -> None:
    commit(table, questions(30))
    content = DeltaTable(table).to_pyarrow_table()
    properties = CommitProperties(custom_metadata={"other": "tool"})
    write_deltalake(table, content, mode="overwrite", commit_properties=properties)
    assert len(versions.log(table)) == 1


def test_far_fewer_rows_are_refused_until_that_is_confirmed(table: Path) -> None:
    rows = questions(100)
    commit(table, rows)
    said = "version 1 of 'shop' has 100 rows, these files have 80, 20% fewer: a copy may be cut"
    with pytest.raises(Refused, match=said) as refused:
        commit(table, rows[:80], fewer_rows=False)
    assert exit_code(refused.value) == 1
    assert versions.show(table).version == 1
    assert commit(table, rows[:81], fewer_rows=False).version == 2
    assert commit(table, rows[:10], fewer_rows=True).version == 3


def test_dropped_rows_are_on_record(table: Path) -> None:
    rows = [*questions(120), {"text": "", "label": "a", SOURCE: "a.csv:9"}]
    version = commit(table, rows, settings=DataSettings(on_bad_row="drop"))
    assert version.findings["dropped"] == 1
    assert version.dropped == ("a.csv:9: 'text' is empty; fill it or drop the row",)
    assert versions.log(table) == [version]


def test_columns_that_nobody_named_are_in_the_table_and_before_no_model(table: Path) -> None:
    rows = [{**row, "lable": "x", "n": n} for n, row in enumerate(questions(120))]
    version = commit(table, rows)
    assert version.notes == (
        "2 columns that no model reads: lable, n; 'lable': did you mean 'label'?",
    )
    stored = DeltaTable(str(table)).to_pyarrow_table()["n"].to_pylist()
    assert set(stored) == set(map(str, range(120)))
    assert versions.load(table, QUESTIONS).examples[0].input.keys() == {"text"}
    ignored = commit(table, rows, settings=DataSettings(ignore=("n", "lable")))
    assert ignored.notes == ()


def test_what_a_first_commit_would_say_is_known_before(table: Path) -> None:
    rows = [{"text": str(n), "label": "ab"[n % 2]} for n in range(200)]
    prepared = versions.prepare(rows, QUESTIONS, SETTINGS)
    assert prepared.notes == commit(table, rows).notes
    assert prepared.notes == (
        "text column 'text' has numbers in 200 of 200 rows: is it the column that you mean?",
    )


def test_a_few_groups_and_a_few_rows_are_named(table: Path) -> None:
    rows = [{**row, "group": "xyz"[n % 3]} for n, row in enumerate(questions(60))]
    few_groups, few_rows = commit(table, rows, slice_rows=1).notes
    assert few_groups.startswith("the rows make only 3 groups (column 'group'), which are never")
    assert few_rows.startswith("only 60 rows: a gate can decide little")


def test_if_no_row_is_named_for_validation_some_of_train_are(table: Path) -> None:
    rows = [{**row, "split": ("train", "test")[n < 100]} for n, row in enumerate(questions(200))]
    version = commit(table, rows)
    assert version.splits["test"] == 100
    drawn = version.splits["validation"]
    assert 15 < drawn < 45
    assert version.notes == (
        f"no row is named for validation in column 'split': {drawn} train rows are used for it, "
        "to compare candidates",
    )
    assert commit(table, rows).version == 1


def test_a_category_of_a_million_values_is_named(table: Path) -> None:
    contract = Contract((Column("x", "category"), Column("y", "number", "label")), key=("x", "y"))
    rows = [{"x": f"v{n}", "y": n} for n in range(3000)]
    [note] = commit(table, rows, contract=contract).notes
    assert note.startswith("category column 'x' has 3,000 different values in 3,000 rows")


def test_many_copies_are_a_reason_to_name_an_id(table: Path) -> None:
    contract = Contract((Column("x", "number"), Column("y", "number", "label")), key=("x", "y"))
    rows = [{"x": n % 150, "y": n % 150, "nr": n} for n in range(200)]
    notes = commit(table, rows, contract=contract).notes
    assert notes[0].startswith("50 of 200 rows are copies of another in all columns that a model")
