"""The lesson's pages: commands exist, settings exist, links lead somewhere, numbers agree."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
import markdown
import pytest

from fullturn.cli.commands import cli
from fullturn.core import settings
from tests.browsers import opened_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PAGES = Path(__file__).parents[2] / "docs" / "lesson"
OURS = (
    "checklist", "checklist-one-page", "tools", "resources",
    "questions", "discussion", "presenter", "team",
)  # fmt: skip
NAMES = [name for name in OURS if (PAGES / f"{name}.md").exists()]


def text(name: str) -> str:
    return (PAGES / f"{name}.md").read_text(encoding="utf-8")


def commands(page: str) -> list[str]:
    """Every `fullturn …` in code, and every line of a code block that begins with it; but a
    benchmark's row of wrong commands."""
    page = re.sub(r"^\| a wrong command .*$", "", page, flags=re.M)
    inline = re.findall(r"`(fullturn [^`]+)`", page)
    blocks = re.findall(r"^(?:\$ )?(fullturn .*)$", page, re.M)
    return [line.split("#")[0].split(" > ")[0].split("&&")[0].strip() for line in inline + blocks]


def parsed(line: str) -> None:
    """Walk a command line through the groups to its command, and check its options' names."""
    words, command, context = shlex.split(line.replace("…", "x"))[1:], cli, click.Context(cli)
    while words:
        word = words.pop(0)
        if word.startswith("-"):
            known = {name for option in command.get_params(context) for name in option.opts}
            assert word.split("=")[0] in known | {"--help", "--version"}, f"{word} in: {line}"
        elif isinstance(command, click.Group) and (sub := command.get_command(context, word)):
            command, context = sub, click.Context(sub, parent=context)
        elif isinstance(command, click.Group) and command is cli:
            pytest.fail(f"no command {word!r} in: {line}")


@pytest.mark.parametrize("name", NAMES)
def test_every_command_that_a_page_shows_exists(name: str) -> None:
    for line in commands(text(name)):
        parsed(line)


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_that_a_page_names_exists(name: str) -> None:
    for table, key in re.findall(r"\[([a-z]+(?:\.[a-z]+)?)\] `?([a-z_0-9]+)", text(name)):
        model = settings.Settings.model_fields.get(table.split(".")[0])
        if model is None or "." in table:
            continue
        assert key in model.annotation.model_fields, f"[{table}] {key} on {name}"


@pytest.mark.parametrize("name", NAMES)
def test_every_link_to_a_page_or_a_heading_of_ours_leads_there(name: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text(name)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        page = (PAGES / path).resolve() if path else PAGES / f"{name}.md"
        assert page.exists(), target
        if anchor and page.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
            slugs = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
            assert anchor in slugs, target


def items() -> dict[int, set[str]]:
    """The checklist's items with their codes of the ML Test Score."""
    found: dict[int, set[str]] = {}
    for part in re.split(r"\n### ", text("checklist"))[1:]:
        line = re.search(r"\*\*Test Score:\*\* (.*)", part)
        assert line, part[:40]
        found[int(part.partition(".")[0])] = set(re.findall(r"[DMIN]\d", line.group(1)))
    return found


def numbers(cell: str) -> set[int]:
    found: set[int] = set()
    for part in filter(None, (part.strip() for part in cell.split(","))):
        first, _, last = part.partition("–")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def test_the_table_of_the_test_score_says_what_the_items_say() -> None:
    by_code: dict[str, set[int]] = defaultdict(set)
    for number, codes in items().items():
        for code in codes:
            by_code[code].add(number)
    rows = re.findall(r"^\| (\d) \|(.*)\|$", text("checklist"), re.M)
    assert len(rows) == 7
    for row, rest in rows:
        cells = rest.split("|")
        for letter, place in zip("DMIN", range(1, 8, 2), strict=True):
            assert numbers(cells[place]) == by_code[f"{letter}{row}"], f"{letter}{row}"


def test_the_printed_page_holds_every_item_with_the_same_codes() -> None:
    rows = re.findall(r"^\| ☐ \| (\d+) .*\| ([^|]+) \|$", text("checklist-one-page"), re.M)
    printed = {int(number): codes.replace("D2–D6", "D2 D3 D4 D5 D6") for number, codes in rows}
    assert {number: set(codes.split()) for number, codes in printed.items()} == items()


def test_the_one_page_checklist_is_one_page_of_a4(browser: Browser, tmp_path: Path) -> None:
    look = "body{font:10pt sans-serif} table{border-collapse:collapse} td{border:1px solid;padding:2px 6px}"  # noqa: E501
    body = markdown.markdown(text("checklist-one-page"), extensions=["tables"])
    edge = dict.fromkeys(("top", "bottom", "left", "right"), "15mm")
    page = opened_page(browser)
    page.set_content(f"<!doctype html><style>{look}</style>{body}")
    page.pdf(path=tmp_path / "one.pdf", format="A4", margin=edge)
    page.close()
    assert len(re.findall(rb"/Type\s*/Page\b", (tmp_path / "one.pdf").read_bytes())) == 1


def test_the_project_has_the_extra_that_the_pages_name() -> None:
    project = tomllib.loads((PAGES.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    assert "lesson" in project["project"]["optional-dependencies"]


def test_the_table_of_trackers_is_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    root = PAGES.parents[1]
    monkeypatch.syspath_prepend(root / "bench")
    trackers = pytest.importorskip("trackers")
    kept = trackers.read("trackers")
    assert trackers.markdown(kept) in text("tools"), "run bench/trackers.py --markdown"
    assert set(trackers.KINDS) == {key.partition(".")[0] for key in kept["figures"]} - {"load"}


def test_what_the_clients_are_installed_from_names_hashes_and_no_addresses() -> None:
    root = PAGES.parents[1]
    locks = [*(root / "bench" / "trackers").glob("*.txt"), root / "scripts" / "team_server.txt"]
    assert len(locks) == 11
    for lock in locks:
        content = lock.read_text(encoding="utf-8")
        pins = re.findall(r"^[a-z0-9][^ ]*==", content, re.M | re.I)
        assert pins and content.count("\\\n    --hash=") >= len(pins), lock
        assert "://" not in content, lock
