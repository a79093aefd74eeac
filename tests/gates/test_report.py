"""The gate report: kept whole, readable in a pull request, and a page that stands alone."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from fullturn.core.entities import GateReport
from fullturn.core.errors import CouldNotEvaluate, IntegrityError
from fullturn.core.settings import GateSettings
from fullturn.gates import ALL, Evidence, RefusalState, compute
from fullturn.gates.advice import next_steps, why
from fullturn.gates.plots import Panel, panels
from fullturn.gates.report import from_json, moment, to_html, to_json, to_markdown, typeset
from tests.gates.candidates import DATA, evaluation, evidence
from tests.reading import Page

HOSTILE = "<script>alert('x')</script> | `end` [a](http://example.org/x) @ada\n\n# Passed"


def gate(waivers: dict[str, str] | None = None, **changed: object) -> GateReport:
    return compute(ALL, evidence(**changed), GateSettings(), actor="ada", waivers=waivers)


def compute_alone(code: str, **changed: object) -> GateReport:
    checks = tuple(check for check in ALL if check.code == code)
    return compute(checks, evidence(**changed), GateSettings(), actor="ada")


PASSED = gate()
FAILED = gate(
    waivers={"SERV01": f"a pilot {HOSTILE}"},
    candidate=evaluation(share=0.7),
    latencies=(2.0,) * 40,
    refusal=RefusalState(64, (HOSTILE,)),
)

OPEN = gate(behaviours=None, refusal=None)
FIRST = gate(champion_name=None, champion=None)
NOTHING = compute(
    ALL,
    Evidence(
        "run", None, DATA, lacks={"text": "the app takes no text", "generated text": "no text"}
    ),
    GateSettings(),
    actor="ada",
)
REPORTS = {"passed": PASSED, "failed": FAILED, "open": OPEN, "first": FIRST, "nothing": NOTHING}
every_report = pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, width=32),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
).filter(lambda value: "inf" not in repr(value))


@every_report
def test_json_round_trips(report: GateReport) -> None:
    assert from_json(to_json(report)) == report


@given(figures=st.dictionaries(st.text(), values, max_size=4), reason=st.text())
def test_json_round_trips_any_figures(figures: dict[str, object], reason: str) -> None:
    result = replace(PASSED.results[0], figures=figures, reason=reason)
    report = replace(PASSED, results=(result,))
    assert from_json(to_json(report)) == report


@given(place=st.integers(0, len(to_json(FAILED)) - 1), letter=st.sampled_from('0a" }\n,'))
def test_a_changed_letter_is_noticed_or_means_nothing(place: int, letter: str) -> None:
    text = to_json(FAILED)
    try:
        assert from_json(text[:place] + letter + text[place + 1 :]) == FAILED
    except IntegrityError:
        return


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace('"FAILED"', '"PASSED"'),
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[]",
        lambda text: "{}",
        lambda text: '{"sha256": null}',
    ],
)
def test_damage_is_an_integrity_error(damage) -> None:
    with pytest.raises(IntegrityError, match="run `fullturn gate` again"):
        from_json(damage(to_json(FAILED)))


@pytest.mark.parametrize("figure", [float("nan"), float("inf"), {1, 2}, object()])
def test_a_figure_that_json_cannot_hold_is_refused(figure: object) -> None:
    result = replace(PASSED.results[0], figures={"figure": figure})
    with pytest.raises(CouldNotEvaluate, match="cannot be stored"):
        to_json(replace(PASSED, results=(result,)))


@every_report
def test_markdown_has_one_whole_row_for_each_check(report: GateReport) -> None:
    text = to_markdown(report)
    rows = [line for line in text.splitlines() if re.match(r"\| [✅❌❔➖]", line)]
    assert [row.split("**")[1] for row in rows] == [result.code for result in report.results]
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    cells = [t for t in tokens if t.type == "td_open"]
    figures = sum(len(panel.marks) for panel in panels(report))
    assert len(cells) == 4 * len(report.results) + 5 * figures


@every_report
def test_markdown_opens_with_the_outcome_and_fits_a_comment(report: GateReport) -> None:
    text = to_markdown(report)
    assert text.startswith("## ") and report.outcome.lower() in text.splitlines()[0]
    assert len(text) < 20_000


def test_quoted_text_makes_no_link_and_mentions_nobody() -> None:
    result = replace(
        PASSED.results[0],
        reason="see www.example.org, gh-12, #12, [a][b] ![i](x) "
        "https://example.org\u202e ~~gone~~ @ada",
    )
    text = to_markdown(replace(PASSED, results=(result,)))
    assert "see www\u200b.example" in text and "gh\u200b-12, #\u200b12" in text
    assert "https:\u200b//" in text and "@\u200bada" in text
    assert "\\]\\[" in text or "a\\][" in text
    assert "\u202e" not in text and "~~gone~~" not in text


def test_markdown_from_hostile_rows_stays_text() -> None:
    text = to_markdown(FAILED)
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert "<script" not in html and "<a " not in html and "<h1" not in html
    assert re.search(r"<td>1 of 64 .*&lt;/script&gt; \| `end` \[a\]\(.*</td>", html)
    assert "@ada" not in html


def test_markdown_names_waivers_with_their_reasons() -> None:
    text = to_markdown(FAILED)
    assert "❌ failed, waived" in text
    assert "### Waivers" in text and "a pilot" in text
    assert "### Waivers" not in to_markdown(PASSED)


def test_a_long_reason_is_cut_in_markdown() -> None:
    result = replace(PASSED.results[0], reason="long " * 10_000)
    text = to_markdown(replace(PASSED, outcome="PASSED", results=(result,) * 20))
    assert len(text) < 20_000 and "…" in text


@every_report
def test_the_page_stands_alone(report: GateReport) -> None:
    source = to_html(report)
    page = Page(source)
    assert not {"script", "link", "img", "iframe", "base"} & {tag for tag, _ in page.tags}
    assert not any("src" in attributes or "onload" in attributes for _, attributes in page.tags)
    targets = [attributes["href"] or "" for attributes in page.named("a")]
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {target.removeprefix("#") for target in targets} <= set(ids)
    assert "url(" not in source and "@import" not in source


@every_report
def test_the_page_says_all_there_is_to_say(report: GateReport) -> None:
    page = Page(to_html(report))
    said = " ".join(page.text.split())
    for fact in (report.subject, report.dataset, report.data_digest, report.actor):
        assert fact in said
    for result in report.results:
        assert result.code in said
        assert " ".join(typeset(result.reason).split()) in said
        assert not result.waived or said.count(" ".join(result.waived.split())) == 2
    assert report.outcome.lower() in said.lower()


@every_report
def test_every_plot_has_a_name_and_stays_inside(report: GateReport) -> None:
    source = to_html(report)
    page = Page(source)
    plots = [attributes for attributes in page.named("svg") if attributes.get("role") == "img"]
    marks = sum(len(panel.marks) for panel in panels(report))
    assert len(plots) == marks + len(panels(report)) == source.count("<title>") - 1
    hidden = [a for a in page.named("svg") if "aria-hidden" in a]
    nested = [a for a in page.named("svg") if "overflow" in a]
    assert len(page.named("svg")) == len(plots) + len(hidden) + len(nested)
    shares = [float(share) for share in re.findall(r' (?:x|x1|x2|width)="(-?[\d.]+)%"', source)]
    assert all(0 <= share <= 100 for share in shares)
    assert len(shares) > 6 * marks or not marks


def test_the_page_shows_hostile_text_as_text() -> None:
    source = to_html(FAILED)
    assert "<script" not in source
    assert "&lt;script&gt;" in source


def test_outcomes_differ_in_word_and_shape() -> None:
    shapes = {}
    for report in (PASSED, FAILED, OPEN):
        banner = to_html(report).split('<section class="verdict')[1]
        shapes[report.outcome] = re.findall(r'd="([^"]+)"', banner)[0]
        assert report.outcome.capitalize() in banner
    assert len(set(shapes.values())) == 3


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_has_the_contrast_that_wcag_demands(scheme: int) -> None:
    block = to_html(PASSED).split(":root {")[1 + scheme].split("}")[0]
    colours = dict(re.findall(r"--([\w-]+): #([0-9a-f]{3,6});", block))
    for text in ("ink", "soft"):
        for ground in ("page", "card", "sunk", "passed-tint", "failed-tint", "inconclusive-tint"):
            assert _contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for tone in ("passed", "failed", "inconclusive", "not_applicable"):
        assert _contrast(colours[tone], colours["card"]) >= 4.5, tone


@every_report
def test_scales_hold_their_intervals_and_round_ticks(report: GateReport) -> None:
    for panel in panels(report):
        low, high = panel.scale
        for mark in panel.marks:
            assert low <= mark.low <= mark.estimate <= mark.high <= high
        assert low <= panel.line <= high
        assert 3 <= len(panel.ticks) <= 7
        steps = {round(b - a, 9) for a, b in pairwise(panel.ticks)}
        assert len(steps) == 1


def test_panels_show_champion_baseline_slices_and_behaviour() -> None:
    champion, baseline, slices, behaviour = panels(PASSED)
    assert [mark.label for mark in champion.marks] == ["accuracy", "citation"]
    assert (champion.line, slices.line, behaviour.line) == (-0.03, 0.3, -0.1)
    assert baseline.line == 0 and baseline.marks[0].label == "accuracy"
    assert {mark.note for mark in slices.marks} == {"480 rows", "120 rows", "150 rows"}
    assert len(behaviour.marks) == 3
    assert panels(FIRST)[0].title == "Against the trivial baseline"


def test_an_interval_is_clear_of_its_line_across_it_or_beyond() -> None:
    champion = panels(PASSED)[0]
    mark = champion.marks[0]
    places = [(0.1, 0.2), (-0.05, 0.0), (-0.2, -0.1)]
    found = [champion.place(replace(mark, low=low, high=high)) for low, high in places]
    assert found == ["clear", "across", "beyond"]


def test_equal_scores_everywhere_still_draw() -> None:
    panel = Panel("t", "c", (), line=0.0, line_label="zero")
    assert 0 < panel.at(0.0) < 100


def test_the_sentence_on_a_first_candidate_says_that_nothing_was_compared() -> None:
    assert "no champion yet to compare with" in why(FIRST)


def test_the_sentence_names_the_first_reason_and_counts_waivers() -> None:
    assert why(PASSED).startswith("All 14 checks that apply passed. Against the champion: accuracy")
    assert why(FAILED).startswith("2 of 14 checks failed, 1 more waived. EVAL03 requires:")
    assert why(OPEN).startswith("4 of 14 checks could not decide")


def test_each_check_that_fails_has_its_own_next_step() -> None:
    results = tuple(replace(result, outcome="FAILED") for result in PASSED.results)
    steps = next_steps(replace(PASSED, outcome="FAILED", results=results))
    assert [step.codes for step in steps] == [*((check.code,) for check in ALL), ()]


def test_missing_evidence_is_asked_for_once() -> None:
    (step, again) = next_steps(OPEN)
    assert step.codes == ("BEHV01", "BEHV02", "BEHV03", "SAFE01")
    assert "missing evidence" in step.text and "fullturn gate" in again.text


@pytest.mark.parametrize(("chance", "word"), [(0.3, "data commit"), (0.95, "fullturn compare")])
def test_more_rows_are_asked_for_only_where_an_equal_candidate_could_not_pass(
    chance: float, word: str
) -> None:
    results = tuple(
        replace(r, outcome="INCONCLUSIVE", figures={**r.figures, "pass_probability": chance})
        for r in PASSED.results
        if r.code == "EVAL03"
    )
    step, _ = next_steps(replace(PASSED, outcome="INCONCLUSIVE", results=results))
    assert word in step.text


def test_rows_that_all_score_the_same_are_asked_for_by_number() -> None:
    same = evaluation(rows=40)
    (step, _) = next_steps(compute_alone("EVAL03", candidate=same, champion=same))
    assert "about 99 groups of rows" in step.text and "there are 20." in step.text


def test_the_rule_for_slices_is_the_one_that_decides() -> None:
    page = " ".join(Page(to_html(PASSED)).text.split())
    assert "fails if a whole interval is below the floor, and is inconclusive if only an" in page
    assert "A slice across the floor is inconclusive" in page


def test_what_is_waived_asks_for_nothing() -> None:
    assert [step.codes for step in next_steps(FAILED)] == [("EVAL03",), ("SAFE01",), ()]


def test_what_passed_with_a_waiver_is_to_be_repaired() -> None:
    report = gate(waivers={"SERV01": "a pilot"}, latencies=(2.0,) * 40)
    promote, repair = next_steps(report)
    assert "fullturn promote" in promote.text and repair.codes == ("SERV01",)


def test_times_are_for_people_and_odd_ones_stay() -> None:
    assert moment("2026-11-23T05:14:00+00:00") == "23 November 2026, 05:14 UTC"
    assert moment("yesterday") == "yesterday"


def test_minus_signs_are_set_before_numbers_only() -> None:
    assert typeset("a -0.2 [-1, 2] row-5 2026-11-23 sha256-1") == (
        "a −0.2 [−1, 2] row-5 2026-11-23 sha256-1"
    )


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio of two colours, such as "1a1f26"."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    whole = colour if len(colour) == 6 else "".join(2 * letter for letter in colour)
    parts = [int(whole[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
