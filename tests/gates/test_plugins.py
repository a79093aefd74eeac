"""Checks of one's own: known to the gate by name, and refused with a reason."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fullturn.core.errors import SettingsError, UsageError
from fullturn.core.settings import GateSettings
from fullturn.gates import ALL, compute, compute_check, with_plugins
from tests.gates.candidates import evidence

MODULE = '''
from fullturn import Check, Evidence, Verdict

class Own(Check):
    """The candidate has many rows."""

    code, family, needs = "MINE01", "own", ("candidate",)

    def judge(self, evidence, limits):
        return Verdict("PASSED", "so it is")

class TakenCode(Own):
    code = "EVAL01"

class NoSuchEvidence(Own):
    code, needs = "MINE02", ("candidates",)

class Codeless(Check):
    def judge(self, evidence, limits):
        return Verdict("PASSED", "")

class Abstract(Check):
    code, family, needs = "MINE03", "own", ()

class NoVerdict(Own):
    code = "MINE04"

    def judge(self, evidence, limits):
        return True

class Other:
    pass

Broken = Own()
'''


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a module of checks."""
    (tmp_path / "mychecks.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mychecks", raising=False)
    return tmp_path


def test_a_check_comes_after_the_built_in_ones_and_can_be_waived(project: Path) -> None:
    checks = with_plugins(ALL, ["mychecks:Own"], project)
    assert checks[:-1] == ALL
    report = compute(checks, evidence(), GateSettings(), actor="ada", waivers={"MINE01": "why not"})
    assert report.results[-1].title == "The candidate has many rows."
    with pytest.raises(UsageError, match="MINE01"):
        compute(ALL, evidence(), GateSettings(), actor="ada", waivers={"MINE01": "why not"})


def test_the_check_of_the_documentation_finds_its_word(project: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "design.md").read_text(encoding="utf-8")
    [source] = re.findall(r"^```python\n(# mychecks\.py\n.*?)^```", page, re.MULTILINE | re.DOTALL)
    (project / "mychecks.py").write_text(source)
    [check] = with_plugins((), ["mychecks:NoProfanity"], project)
    sound = evidence()
    assert sound.candidate is not None
    rude = replace(sound.candidate.rows[0], output={"answer": "Damn, I do not know."})
    planted = replace(sound.candidate, rows=(rude, *sound.candidate.rows[1:]))
    assert compute_check(check, sound, GateSettings()).outcome == "PASSED"
    found = compute_check(check, replace(sound, candidate=planted), GateSettings())
    assert found.outcome == "FAILED" and found.reason.startswith("1 of ")


def test_what_is_no_verdict_decides_nothing(project: Path) -> None:
    checks = with_plugins((), ["mychecks:NoVerdict"], project)
    report = compute(checks, evidence(), GateSettings(), actor="ada")
    assert report.outcome == "INCONCLUSIVE"
    assert "NoVerdict returned True, not a Verdict" in report.results[0].reason


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("TakenCode", ["mychecks:TakenCode", "EVAL01", "RowsOut"]),
        ("NoSuchEvidence", ["candidates", "did you mean 'candidate'"]),
        ("Codeless", ["mychecks:Codeless", "`code`"]),
        ("Abstract", ["mychecks:Abstract", "cannot be created"]),
        ("Other", ["mychecks:Other", "derive it from Check"]),
        ("Broken", ["mychecks:Broken", "name a class"]),
        ("Missing", ["mychecks:Missing", "cannot be imported"]),
    ],
)
def test_what_is_no_check_is_named(project: Path, name: str, words: list[str]) -> None:
    with pytest.raises(SettingsError) as error:
        with_plugins(ALL, [f"mychecks:{name}"], project)
    assert all(word in str(error.value) for word in words), error.value


def test_an_installed_package_offers_a_check(project: Path) -> None:
    offers(project, "Own")
    assert with_plugins(ALL, [], project)[-1].code == "MINE01"


def test_an_installed_package_whose_check_is_broken_is_named(project: Path) -> None:
    offers(project, "Missing")
    with pytest.raises(SettingsError, match=r"own' = mychecks:Missing cannot be loaded"):
        with_plugins(ALL, [], project)


def offers(folder: Path, name: str) -> None:
    """The metadata of an installed distribution that offers a check."""
    info = folder / "mychecks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mychecks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[fullturn.checks]\nown = mychecks:{name}\n")
