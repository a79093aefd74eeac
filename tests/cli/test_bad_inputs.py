"""A user's mistakes at the command line: one clear message, the right exit code, nothing lost."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fullturn.cli import main
from fullturn.registry import versions
from fullturn.verbs.workspace import Workspace
from tests.conftest import free_port

WORDS = {
    "billing": "refund invoice charge card payment".split(),
    "delivery": "parcel courier late address track".split(),
}
Rows = list[tuple[str, str]]


def rows(count: int = 300) -> Rows:
    """Messages about one of two subjects. Test data."""
    draw = random.Random(1)
    labels = [draw.choice(list(WORDS)) for _ in range(count)]
    return [(f"{' '.join(draw.sample(WORDS[name], 2))} nr {n}", name) for n, name in
            enumerate(labels)]  # fmt: skip


def csv_of(rows: Rows) -> bytes:
    return "\n".join(["text,label", *(f"{text},{label}" for text, label in rows), ""]).encode()


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return int(ended.value.code or 0)


def init(folder: Path, content: bytes, *more: str, text: str = "text", label: str = "label") -> int:
    table = folder / "rows.csv"
    table.write_bytes(content)
    words = ["init", "--csv", str(table), "--text", text, "--label", label, *more]
    return run(*words, str(folder / "project"))


def with_row(text: str, label: str) -> bytes:
    return csv_of([*rows(), (text, label)])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "rows.csv is empty"),
        (b"text,label\n", "has no rows; it needs at least one"),
        (csv_of(rows()) + "grüße,billing\n".encode("latin-1"), "not UTF-8"),
        (with_row("x" * 1_000_000, "billing"), "field larger than field limit"),
        (csv_of(rows()) + b"a,b,c\n", "rows.csv:302: 3 cells under a header of 2"),
        (b"message,subject\na,b\n", "no column 'text'; it has message, subject"),
        (b"texts,label\na,b\n", "no column 'text'; did you mean 'texts'?"),
        (csv_of([*rows(), ("", "billing"), ("x", "rare")]), "seen only once: 1 'rare'"),
        (csv_of([*rows(), ("", "billing")]), "rows.csv:302: 'text' is empty"),
        (csv_of([*rows(), ("", "billing")]), "(`fullturn init --on-bad-row drop`)"),
        (b"text,label\na,x\nb,x\n", "has one label only, 'x'"),
        (b"text,label\na,x\nb,y\n", "every row has a label of its own"),
        (b"PK\x03\x04", "is an Excel workbook"),
    ],
)
def test_init_refuses_a_file_it_cannot_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, said: str
) -> None:
    assert init(tmp_path, content) == 2
    assert_said(capsys, said)
    assert not (tmp_path / "project").exists()


def test_init_says_what_a_commit_will_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"{text},{label},{n},x" for n, (text, label) in enumerate(rows())]
    content = "\n".join(["text,label,nr,group", *lines, ",billing,9,x", ""]).encode("utf-16")
    assert init(tmp_path, content, "--on-bad-row", "drop") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "column 'group' is left out: for a group that is never split, name it" in said
    assert "1 column that no model reads: nr" in said
    assert run("-C", str(tmp_path / "project"), "data", "commit", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["findings"]["dropped"]) == (300, 1)
    assert found["dropped"] == ["rows.csv:302: 'text' is empty; fill it or drop the row"]
    assert all(note in said for note in found["notes"])


def test_truth_values_in_two_spellings_are_one_label(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spelled = {"billing": ("True", "true", "1"), "delivery": ("False", "false", "0")}
    content = csv_of([(text, spelled[label][n % 3]) for n, (text, label) in enumerate(rows())])
    assert init(tmp_path, content) == 0
    assert run("-C", str(tmp_path / "project"), "data", "commit", "--json") == 0
    assert run("-C", str(tmp_path / "project"), "data", "show", "1", "--json") == 0
    assert '"label": {"true": 151, "false": 149}' in " ".join(capsys.readouterr().out.split())


def test_a_file_that_lost_half_its_rows_stops_commit_and_turn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(tmp_path, csv_of(rows())) == 0
    project = tmp_path / "project"
    assert run("-C", str(project), "data", "commit") == 0
    (project / "rows.csv").write_bytes(csv_of(rows()[:150]))
    for words in (["data", "commit"], ["turn"]):
        capsys.readouterr()
        assert run("-C", str(project), *words) == 1
        assert_said(capsys, "150, 50% fewer: a copy may be cut short")
    assert run("-C", str(project), "data", "commit", "--confirm-fewer-rows", "--json") == 0
    assert json.loads(capsys.readouterr().out)["version"] == 2


def test_bad_rows_are_all_listed_in_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(tmp_path, csv_of(rows())) == 0
    project = tmp_path / "project"
    (project / "rows.csv").write_bytes(csv_of([*rows(), *[("", "billing")] * 7]))
    assert run("-C", str(project), "data", "commit") == 2
    assert_said(capsys, "All 7 of them are listed in")
    listed = (project / ".fullturn" / "bad_rows.txt").read_text().splitlines()
    assert listed[-1] == "rows.csv:308: 'text' is empty; fill it or drop the row"


def test_a_byte_order_mark_in_the_settings_is_no_content(tmp_path: Path) -> None:
    assert init(tmp_path, csv_of(rows())) == 0
    settings = tmp_path / "project" / "fullturn.toml"
    settings.write_bytes(b"\xef\xbb\xbf" + settings.read_bytes())
    assert run("-C", str(tmp_path / "project"), "data", "commit") == 0


def test_init_refuses_a_missing_file_one_column_for_both_and_a_file_as_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = ["--text", "text", "--label", "label"]
    assert run("init", "--csv", str(tmp_path / "no.csv"), *columns, str(tmp_path / "new")) == 2
    assert_said(capsys, "no.csv does not exist")
    assert init(tmp_path, csv_of(rows()), label="text") == 2
    assert_said(capsys, "both name 'text'")
    (tmp_path / "project").write_text("years of work")
    assert init(tmp_path, csv_of(rows())) == 2
    assert_said(capsys, "project is a file")
    assert (tmp_path / "project").read_text() == "years of work"


def test_init_in_a_folder_in_use_changes_no_file_of_its_owner(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    (project / ".gitignore").write_text("secrets.txt\n")
    assert init(tmp_path, csv_of(rows())) == 0
    assert (project / ".gitignore").read_text() == (
        "secrets.txt\n.fullturn/\nci-report/\n__pycache__/\n"
    )
    assert not list((project / ".git").iterdir())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (csv_of([(text, "billing") for text, _ in rows()]), "one label only, 'billing'"),
        (with_row("nothing like it", "rare"), "seen only once: 1"),
        (with_row("", "billing"), "rows.csv:302: 'text' is empty"),
        (with_row("hello there", ""), "rows.csv:302: 'label' is empty"),
        (csv_of([*rows(), (rows()[0][0], "other")]), "the same key, but 'label' is"),
    ],
)
def test_data_that_breaks_the_contract_is_named_by_line(
    tmp_path: Path, empty_database: Path, capsys: pytest.CaptureFixture[str], content: bytes,
    said: str,
) -> None:  # fmt: skip
    assert init(tmp_path, content) == 2
    assert_said(capsys, said)
    assert init(tmp_path, csv_of(rows())) == 0
    (tmp_path / "project" / "rows.csv").write_bytes(content)
    use(tmp_path / "project", empty_database)
    capsys.readouterr()
    assert run("-C", str(tmp_path / "project"), "turn") == 2
    assert_said(capsys, said)
    (tmp_path / "project" / "rows.csv").write_bytes(csv_of(rows()))
    assert run("-C", str(tmp_path / "project"), "data", "commit") == 0


def test_duplicate_rows_are_counted_once_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(tmp_path, csv_of(rows() + rows()[:50])) == 0
    assert run("-C", str(tmp_path / "project"), "data", "commit", "--json") == 0
    assert '"duplicates": 50' in capsys.readouterr().out


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """A project with a champion."""
    folder = tmp_path_factory.mktemp("turned")
    assert init(folder, csv_of(rows())) == 0
    use(folder / "project", empty_database)
    assert run("-C", str(folder / "project"), "turn") == 0
    return folder / "project"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("gate nothing", 2, "'nothing' is not a version"),
        ("gate best --waive XX", 2, "--waive: 'XX' is not name=value"),
        ("gate best --waive NOPE01=because", 2, "no check has the code 'NOPE01'"),
        ("gate best --waive SERV01=", 2, "SERV01"),
        ("compare a b", 2, "'a' is not a version"),
        ("promote 99 --reason x", 2, "no model version '99'"),
        ("promote 1 --reason x", 1, "champion already"),
        ("rollback --reason x", 2, "nothing to roll back to"),
        ("lineage 99", 2, "no model version '99'"),
        ("reproduce 99", 2, "no model version '99'"),
        ("data show 9", 2, "no version 9"),
        ("data diff 1 9", 2, "no version 9"),
        ("data commit nowhere.csv", 2, "nowhere.csv"),
        ("train -p nope=1", 2, "unknown parameter 'nope'; this app has: gamma"),
        ("train -p penalty=much", 2, "penalty = 'much'"),
        ("predict foo=bar", 2, "lacks 'text' and has 'foo', which is no input column"),
        ("predict foo", 2, "'foo' is neither a file nor column=value"),
        ("frobnicate", 2, "No such command 'frobnicate'"),
    ],
)
def test_what_is_not_there_is_named(
    turned: Path, capsys: pytest.CaptureFixture[str], words: str, code: int, said: str
) -> None:
    assert run("-C", str(turned), *words.split()) == code
    assert_said(capsys, said)
    assert run("-C", str(turned), "predict", "text=refund of my card") == 0
    assert run("-C", str(turned), "ask", "refund of my card") == 0


@pytest.mark.slow
def test_a_release_that_may_not_start_shows_no_forecast(
    turned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run("-C", str(turned), "release", "1") == 1
    printed = capsys.readouterr()
    assert printed.out == "" and "is the champion already" in printed.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda toml: "naame = 'x'\n" + toml, "unknown setting 'naame'; did you mean 'name'?"),
        (lambda toml: toml + "[gates\n", "not valid TOML"),
        (lambda toml: toml.replace("0.10", '"much"'), "validation_share"),
        (lambda toml: toml.replace('"classifier"', '"classifyer"'), "app = 'classifyer'"),
    ],
)
def test_a_wrong_fullturn_toml_is_named(
    turned: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[str], str], said: str
) -> None:
    path = turned / "fullturn.toml"
    sound = path.read_text()
    path.write_text(damage(sound))
    try:
        assert run("-C", str(turned), "turn") == 2
        assert_said(capsys, said)
    finally:
        path.write_text(sound)


@pytest.mark.slow
def test_a_tracking_server_that_is_down_ends_with_4(
    turned: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert run("-C", str(turned), "runs") == 4
    assert_said(capsys, f"the tracking server {address} is unreachable")


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["one byte", "a pickle"])
def test_a_damaged_bundle_is_neither_asked_nor_promoted(
    turned: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    bundle = bundle_of(Workspace.open(turned))
    kept = {path: path.read_bytes() for path in bundle.rglob("*") if path.is_file()}
    try:
        if damage == "one byte":
            victim = next(path for path in kept if path.suffix == ".safetensors")
            content = kept[victim]
            victim.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        else:
            (bundle / "bundle" / "model.pkl").write_bytes(b"\x80\x04N.")
        assert run("-C", str(turned), "predict", "text=refund") == 1
        assert_said(capsys, "was changed" if damage == "one byte" else "model.pkl")
    finally:
        shutil.rmtree(bundle)
        for path, content in kept.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    assert run("-C", str(turned), "predict", "text=refund") == 0


def bundle_of(project: Workspace) -> Path:
    return versions.files(project.store, versions.version(project.store, "champion"))[0]


def use(project: Path, database: Path) -> None:
    """Spare a test the making of MLflow's tables."""
    (project / ".fullturn").mkdir(exist_ok=True)
    shutil.copy(database, project / ".fullturn" / "mlflow.db")


def assert_said(capsys: pytest.CaptureFixture[str], said: str) -> None:
    told = capsys.readouterr().err
    assert said in " ".join(told.split()), told
    assert told.startswith("error: ") and "Traceback" not in told
