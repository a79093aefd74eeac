"""The report of a pipeline: what a reviewer reads, and what a stranger's JSON cannot do."""

import json
import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from fullturn.core.entities import CheckResult, Code, GateReport
from fullturn.core.errors import CouldNotEvaluate, IntegrityError
from fullturn.pipeline.records import (
    LARGEST,
    Checkout,
    Cost,
    DataChange,
    Delivery,
    Difference,
    Flip,
    StepResult,
    Subject,
)
from fullturn.pipeline.report import MARKER, MOST, from_json, to_json, to_junit, to_markdown
from fullturn.pipeline.sections import drawn

COMMIT = "0139311aa0c98a7c1e5d2b6f4e8d9c3b7a6f5e4d"
HOSTILE = (
    "<script>x</script> | ``` `end` [a](http://example.org/x) ![b](http://example.org/y) @ada "
    "\n\n# Passed\n\x00\u202e\ud800 </details> --> $x$"
)


def difference(name: str, estimate: float, width: float = 0.02, rows: int = 400) -> Difference:
    low, high = max(-1.0, estimate - width), min(1.0, estimate + width)
    return Difference(name, rows, 0.8, min(1.0, max(0.0, 0.8 + estimate)), estimate, low, high, 0.9)


def check(
    code: str, outcome: str, reason: str = "it holds", waived: str | None = None
) -> CheckResult:
    found: Any = outcome
    return CheckResult(code, "quality", f"{code} must hold.", found, reason, {"p": 0.01}, waived)


def flip(number: int, gained: bool) -> Flip:
    return Flip(f"row-{number}", f"question {number}", "yes", "no", gained, "maybe")


STEPS = (
    StepResult("tests", "ci tests", 0, 2.25),
    StepResult("train", "train --cached", 0, 1.5),
    StepResult("gate", "gate candidate --cached", 1, 3.0),
    StepResult("report", "ci report", None, 0.0),
)
GATE = GateReport(
    subject="a" * 32,
    champion="version 3",
    dataset="questions version 4",
    data_digest="d" * 64,
    outcome="FAILED",
    results=(
        check("DATA01", "PASSED"),
        check("EVAL03", "FAILED", "right -0.2 [-0.3, -0.1]"),
        check("EVAL04", "INCONCLUSIVE", "too few rows"),
        check("EVAL05", "NOT_APPLICABLE", "no floor is set"),
        check("SERV01", "FAILED", "slow", waived="a pilot"),
    ),
    created="2026-11-02T09:14:00+00:00",
    actor="ada",
    limits={"margin": 0.03},
)
FULL = Delivery(
    project="helpdesk",
    verdict="FAILED",
    reason="1 of 4 checks failed.",
    checkout=Checkout(Code(COMMIT, False, None), "better-prompt", "main"),
    created="2026-11-02T09:15:00+00:00",
    steps=STEPS,
    warnings=("the test set changed", "uncommitted changes"),
    candidate=Subject("run 'passages=2'", "a" * 32, COMMIT, "d" * 64),
    champion=Subject("version 3", "b" * 32, COMMIT, "c" * 64),
    margin=0.03,
    scores=(difference("right", -0.2), difference("cited", 0.05)),
    shared=difference("right", -0.1, rows=300),
    slices=(difference("style=terse", -0.4), difference("style=plain", 0.0)),
    lost=14,
    gained=1,
    flips=(*(flip(number, False) for number in range(14)), flip(99, True)),
    params={"passages": ("3", "2")},
    packages={"numpy": ("2.0", "2.1"), "scipy": (None, "1.14")},
    data=DataChange(
        "c" * 64, "d" * 64, True, 3, 1, 2, {"test": (80, 82)}, (2, 0, 1), ("added: q9: 'why?'",)
    ),
    cost=Cost((2.0, 1.0), (12.5, None), (310.0, 250.0)),
    gate=GATE,
)
BARE = Delivery(
    project="helpdesk",
    verdict="COULD_NOT_EVALUATE",
    reason="MLflow does not answer.",
    checkout=Checkout(Code(None, False, None), None, None),
    created="2026-11-02T09:15:00+00:00",
    steps=(StepResult("tests", "ci tests", 4, 2.0, "no pytest"),),
)
SAME = replace(
    FULL,
    verdict="PASSED",
    reason="The candidate is the champion's own run.",
    warnings=(),
    candidate=replace(FULL.candidate, run="b" * 32),  # type: ignore[type-var]
)
DELIVERIES = {"full": FULL, "bare": BARE, "same": SAME}
every_delivery = pytest.mark.parametrize("delivery", DELIVERIES.values(), ids=DELIVERIES)


def hostile(value: Any) -> Any:
    """The same JSON with every text that a person or program could choose replaced."""
    kept = {"verdict", "outcome", "before"}  # equal digests would tell another story
    if isinstance(value, dict):
        return {k: v if k in kept else hostile(v) for k, v in value.items()}
    if isinstance(value, list):
        return [hostile(item) for item in value]
    return HOSTILE.replace("\ud800", "") if isinstance(value, str) else value


def rendered(source: str) -> str:
    return MarkdownIt("commonmark").enable("table").render(source)


def cells(source: str) -> list[int]:
    """The number of cells in every row of every table."""
    rows = re.findall(r"<tr>(.*?)</tr>", rendered(source), re.DOTALL)
    return [len(re.findall(r"<t[dh]", row)) for row in rows]


# --- Markdown ---------------------------------------------------------------------------------


def test_the_page_begins_with_its_mark_the_verdict_and_the_reason() -> None:
    lines = to_markdown(FULL).splitlines()
    assert lines[:4] == [MARKER, "## ❌ helpdesk: refused", "", "1 of 4 checks failed."]


@pytest.mark.parametrize(
    ("verdict", "head"),
    [
        ("PASSED", "## ✅ helpdesk: passed"),
        ("FAILED", "## ❌ helpdesk: refused"),
        ("INCONCLUSIVE", "## ❔ helpdesk: inconclusive"),
        ("COULD_NOT_EVALUATE", "## ⛔ helpdesk: could not be evaluated"),
    ],
)
def test_every_verdict_has_its_sign(verdict: Any, head: str) -> None:
    assert to_markdown(replace(FULL, verdict=verdict)).splitlines()[1] == head


def test_warnings_stand_in_an_alert_above_everything_else() -> None:
    text = to_markdown(FULL)
    assert "> [!WARNING]\n> - the test set changed\n> - uncommitted changes\n" in text
    assert text.index("[!WARNING]") < text.index("### Candidate against champion")
    assert "[!WARNING]" not in to_markdown(replace(FULL, warnings=()))


def test_scores_stand_with_interval_confidence_and_reading() -> None:
    text = to_markdown(FULL)
    assert "| 90 % interval |" in text
    row = "| `right` | 400 | 0.800 | 0.600 | **−0.200** | [−0.220, −0.180] | worse by more than"
    assert row in text
    assert "| `cited` | 400 | 0.800 | 0.850 | **+0.050** | [+0.030, +0.070] | better |" in text
    assert "| `right`, only test rows of both datasets | 300 |" in text


def test_only_slices_that_moved_are_listed_and_the_others_counted() -> None:
    text = to_markdown(FULL)
    assert "| `style=terse` |" in text and "| `style=plain` |" not in text
    assert "In 1 of 2 slices the interval contains zero." in text
    still = to_markdown(replace(FULL, slices=FULL.slices[1:]))
    assert "**No slice moved.**" in still


def test_ten_lost_rows_are_shown_first_and_all_are_counted() -> None:
    text = to_markdown(FULL)
    assert "14 lost, 1 gained" in text
    assert "<summary>10 of 14 lost</summary>" in text and "<summary>1 gained</summary>" in text
    assert text.count("| `row-") == 11
    assert text.index("10 of 14 lost") < text.index("1 gained</summary>")
    assert "| `row-0` | question 0 | maybe | yes | no |" in text


def test_what_differs_is_told_and_also_that_nothing_does() -> None:
    text = to_markdown(FULL)
    assert "| `passages` | `3` | `2` |" in text and "| `scipy` | – | `1.14` |" in text
    assert "3 rows added, 1 removed, 2 changed; **of the test rows 2 added" in text
    alike = DataChange("d" * 64, "d" * 64, known=True)
    none = to_markdown(replace(FULL, params={}, packages={}, data=alike))
    for what in ("Parameters", "Data", "Environment"):
        assert f"**{what}**: nothing differs" in none
    elsewhere = to_markdown(replace(FULL, data=DataChange("c" * 64, "d" * 64, known=False)))
    assert "not in this table: not compared" in elsewhere


def test_costs_stand_side_by_side() -> None:
    text = to_markdown(FULL)
    assert "| Training | 1 s | 2 s | +100 % |" in text
    assert "| An answer | – | 12.5 ms |  |" in text
    assert "| An answer | 250 tokens | 310 tokens | +24 % |" in text


def test_checks_and_steps_are_signed_and_open_if_something_failed() -> None:
    text = to_markdown(FULL)
    assert "<details open><summary>Checks of the gate: 1 passed, 1 failed, 1 open, 1 waived" in text
    assert "| ❌ | `SERV01` SERV01 must hold. | slow Waived: a pilot |" in text
    assert "| ➖ | `report` | `ci report` | – | not reached |" in text
    assert "<details open><summary>Steps: 6.8 s</summary>" in text
    quiet = replace(FULL, steps=STEPS[:2], gate=replace(GATE, outcome="PASSED"))
    assert "<details open>" not in to_markdown(quiet)


def test_the_way_to_the_same_result_needs_a_commit_that_is_one() -> None:
    assert f"```sh\ngit checkout {COMMIT} && fullturn ci\n```" in to_markdown(FULL)
    git = replace(FULL.checkout, code=Code("x; rm -rf ~", False, None))
    assert "git checkout" not in to_markdown(replace(FULL, checkout=git))


def test_a_page_without_a_comparison_has_no_empty_section() -> None:
    text = to_markdown(BARE)
    assert "###" not in text and "git checkout" not in text
    assert "| ⛔ | `tests` | `ci tests` | 2.0 | no pytest |" in text


def test_an_unchanged_candidate_takes_two_lines() -> None:
    lines = [line for line in to_markdown(SAME).splitlines() if line]
    assert lines == [MARKER, "## ✅ helpdesk: nothing to decide", SAME.reason]
    assert "[!WARNING]" in to_markdown(replace(SAME, warnings=("uncommitted changes",)))
    assert "Steps" in to_markdown(replace(SAME, verdict="FAILED"))


@every_delivery
def test_hostile_text_does_nothing_on_the_page(delivery: Delivery) -> None:
    evil = from_json(json.dumps(hostile(json.loads(to_json(delivery)))))
    html, sound = (rendered(to_markdown(one)) for one in (evil, delivery))
    assert not re.search(r"<(script|a|img|h1|em)\b", html)
    for tag in (
        "<details",
        "</details>",
        "<summary",
        "<h2",
        "<h3",
        "<table",
        "<blockquote",
    ):
        assert html.count(tag) == sound.count(tag)
    assert html.count(MARKER) == 1
    assert not re.search(r"@\w|[\x00-\x08\u202e]|://", re.sub(r"<code>.*?</code>", "", html))
    assert cells(to_markdown(evil)) == cells(to_markdown(delivery))


def test_the_page_fits_a_comment_whatever_it_is_given() -> None:
    long = "@" * 5_000
    checks = tuple(check(f"C{n}", "FAILED", long) for n in range(300))
    page = to_markdown(
        replace(
            FULL,
            project=long,
            reason=long,
            checkout=Checkout(Code(COMMIT, True, long), long, long),
            steps=tuple(StepResult(long, long, 1, 1e12, long) for _ in range(300)),
            warnings=(long,) * 300,
            scores=(difference(long, 0.1),) * 300,
            slices=(difference(long, 0.1),) * 300,
            lost=300,
            flips=tuple(Flip(long, long, long, long, False, long) for _ in range(300)),
            params={f"{long}{n}": (long, long) for n in range(300)},
            packages={f"{long}{n}": (long, long) for n in range(300)},
            data=replace(FULL.data, examples=(long,) * 300),  # type: ignore[type-var]
            gate=replace(GATE, results=checks),
        )
    )
    assert len(page) < MOST
    assert "not shown; all are" in page and "git checkout" in page


# --- The plot ---------------------------------------------------------------------------------


@given(
    bounds=st.lists(
        st.lists(st.floats(-1, 1), min_size=3, max_size=3).map(sorted), min_size=1, max_size=6
    ),
    margin=st.floats(0, 1),
    name=st.text(max_size=40),
)
def test_every_line_of_the_plot_is_whole_and_narrow(
    bounds: list[list[float]], margin: float, name: str
) -> None:
    marks = [Difference(name, 9, 0.5, 0.5, e, low, high, 0.9) for low, e, high in bounds]
    *lines, legend = drawn(marks, margin)
    assert len(lines) == len(marks) and "│ no difference" in legend
    for line in lines:
        assert len(line) <= 80 and line.count("●") >= 1 and "`" not in line and "\n" not in line


def test_the_plot_shows_zero_the_margin_and_the_interval() -> None:
    worse, equal, _ = drawn([difference("right", -0.2), difference("cited", 0.0)], 0.1)
    assert re.search(r"├─*●─*┤ *┊ *│ *−0\.200 \[−0\.220, −0\.180\]", worse)
    assert re.search(r"┊ *├─*●─*┤ *\+0\.000 \[−0\.020, \+0\.020\]", equal)
    assert worse.index("┊") == equal.index("┊")


def test_a_slice_of_few_rows_does_not_set_the_scale() -> None:
    few = difference("style=rare", 0.0, width=0.9)
    text = to_markdown(replace(FULL, slices=(*FULL.slices, few)))
    plot = text.split("```text")[1].split("```")[0]
    assert "style=terse" in plot and "style=plain" in plot and "style=rare" not in plot


def test_wide_and_long_names_keep_the_columns() -> None:
    lines = drawn([difference(n, 0.1) for n in ("質問" * 20, "a" * 50, "right")], 0.0)
    assert "…" in lines[0] and "…" in lines[1]
    assert (
        len(lines[1])
        == len(lines[2])
        == len(lines[0]) + lines[0].count("質") + lines[0].count("問")
    )


# --- JUnit ------------------------------------------------------------------------------------


def suites(delivery: Delivery) -> dict[str, ET.Element]:
    root = ET.fromstring(to_junit(delivery))
    return {str(suite.get("name")): suite for suite in root.findall("testsuite")}


def test_junit_has_a_case_for_each_step_and_each_check() -> None:
    found = suites(FULL)
    kinds = {
        name: [case[0].tag if len(case) else "passed" for case in suite]
        for name, suite in found.items()
    }
    assert kinds == {
        "pipeline": ["passed", "passed", "failure", "skipped"],
        "gate": ["passed", "failure", "error", "skipped", "skipped"],
    }
    counts = [found["gate"].get(word) for word in ("tests", "failures", "errors", "skipped")]
    assert counts == ["5", "1", "1", "2"]
    assert [case.get("time") for case in found["pipeline"]][:2] == ["2.250", "1.500"]


def test_what_could_not_be_evaluated_is_an_error_in_junit() -> None:
    [case] = suites(BARE)["pipeline"]
    assert case[0].tag == "error" and case[0].text == "no pytest"
    assert list(suites(BARE)) == ["pipeline"]


@given(text=st.text())
def test_junit_is_xml_whatever_characters_come(text: str) -> None:
    results = (check(text, "FAILED", text), check("A", "FAILED", text, waived=text))
    steps = (StepResult(text, text, 1, 0.0, text),)
    ugly = replace(FULL, project=text, steps=steps, gate=replace(GATE, results=results))
    assert len(suites(ugly)["gate"]) == 2


# --- JSON -------------------------------------------------------------------------------------


@every_delivery
def test_json_round_trips(delivery: Delivery) -> None:
    assert from_json(to_json(delivery)) == delivery


@pytest.mark.parametrize("figure", [float("nan"), float("inf"), object()])
def test_a_figure_that_json_cannot_hold_is_not_written(figure: Any) -> None:
    result = replace(GATE.results[0], figures={"figure": figure})
    with pytest.raises(CouldNotEvaluate, match="helpdesk"):
        to_json(replace(FULL, gate=replace(GATE, results=(result,))))


def changed(**fields: Any) -> str:
    return json.dumps({**json.loads(to_json(FULL)), **fields})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        "[" * 100_000,
        '{"project": ' * 50_000,
        to_json(FULL)[:-20],
        changed(more=1),
        changed(verdict="RELEASED"),
        changed(project=1),
        changed(steps=[{}]),
        changed(lost=1.5),
        changed(lost=True),
        changed(lost=10**40),
        changed(margin=float("nan")),
        changed(margin=float("inf")),
        changed(margin=7.0),
        changed(margin="0.1"),
        changed(margin=0.5).replace("0.5", "1e999"),
        changed(margin=0.5).replace("0.5", "9" * 5000),
        changed(scores=[{**json.loads(to_json(FULL))["scores"][0], "low": 0.9}]),
        changed(scores=[{**json.loads(to_json(FULL))["scores"][0], "html": "x"}]),
        changed(shared={**json.loads(to_json(FULL))["shared"], "champion": 2.0}),
        changed(params={"a": ["1"]}),
        changed(params={"a": ["1", "2", "3"]}),
        changed(gate={**json.loads(to_json(FULL))["gate"], "outcome": "GREAT"}),
        changed(gate={**json.loads(to_json(FULL))["gate"], "limits": {"a": float("nan")}}),
        changed(project="\ud800"),
        changed(reason="x" * LARGEST),
    ],
)
def test_json_that_is_no_delivery_is_refused(text: str) -> None:
    with pytest.raises(IntegrityError, match="not a pipeline report"):
        from_json(text)


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
values = st.recursive(
    leaves, lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=4), x, max_size=3)
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    nested = [p for k, v in inner if isinstance(v, dict | list) for p in places(v, (*path, k))]
    return [
        *((*path, k) for k, _ in (value.items() if isinstance(value, dict) else enumerate(value))),
        *nested,
    ]


PLACES = places(json.loads(to_json(FULL)))


@settings(max_examples=300)
@given(place=st.sampled_from(PLACES), value=values, remove=st.booleans())
def test_a_changed_value_is_refused_or_still_makes_a_page(
    place: tuple[Any, ...], value: Any, remove: bool
) -> None:
    body = inner = json.loads(to_json(FULL))
    for key in place[:-1]:
        inner = inner[key]
    if remove:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    try:
        found = from_json(json.dumps(body))
    except IntegrityError:
        return
    assert len(to_markdown(found)) < MOST
    ET.fromstring(to_junit(found))


@settings(max_examples=200)
@given(start=st.integers(0, len(to_json(FULL))), length=st.integers(0, 9), text=st.text(max_size=5))
def test_changed_characters_raise_nothing_but_an_integrity_error(
    start: int, length: int, text: str
) -> None:
    whole = to_json(FULL)
    try:
        found = from_json(whole[:start] + text + whole[start + length :])
    except IntegrityError:
        return
    assert to_markdown(found).startswith(MARKER)


RMSE = Difference("rmse", 400, 20.0, 23.0, -3.0, -4.0, -2.0, 0.9, unit="label's unit", margin=1.0)


def test_a_metric_in_raw_units_is_listed_at_its_own_margin_and_not_plotted() -> None:
    scores = (difference("right", 0.0, 0.01), RMSE)
    text = to_markdown(replace(FULL, scores=scores, slices=(), shared=None))
    (row,) = [line for line in text.splitlines() if line.startswith("| `rmse`")]
    assert "| 20 | 23 | **−3** | [−4, −2] | worse by more than the margin |" in row
    assert "Margins of their own: `rmse` 1. A positive difference is always better." in text
    plot = text.partition("```text")[2].partition("```")[0]
    assert "right" in plot and "rmse" not in plot
    alone = to_markdown(replace(FULL, scores=(RMSE,), slices=(), shared=None))
    assert "```text" not in alone and "| `rmse`" in alone


@pytest.mark.parametrize(
    "changed",
    [
        {"margin": 0.0},
        {"margin": -1.0},
        {"low": -2.5},
        {"high": -3.5},
        {"confidence": 1.5},
        {"unit": "share"},
        {"unit": "share", "candidate": 0.5, "champion": 0.5},
    ],
)
def test_figures_in_raw_units_are_checked_as_well(changed: dict[str, Any]) -> None:
    sound = replace(FULL, scores=(RMSE,))
    assert from_json(to_json(sound)) == sound
    with pytest.raises(IntegrityError, match="'rmse' are not a valid difference"):
        from_json(to_json(replace(FULL, scores=(replace(RMSE, **changed),))))


def test_rows_that_a_graded_score_compares_are_better_or_worse() -> None:
    text = to_markdown(replace(FULL, flips_of="closeness"))
    assert "### Test rows that changed" in text and "On `closeness`: 14 worse, 1 better." in text
    assert "(`closeness`: 1 minus absolute error ÷ [model] scale, at least 0.)" in text
