"""The monitoring report: kept whole, readable when posted, and a page that stands alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from fullturn.core.entities import Alarm
from fullturn.core.errors import IntegrityError
from fullturn.core.settings import MonitoringSettings
from fullturn.monitoring import DetectorState, Watch, report
from fullturn.monitoring.report import TOP, panels
from tests.monitoring.streams import CONTRACT, NEW, OLD, reference, traffic, vectors
from tests.reading import Page

HOSTILE = "<script>alert('x')</script> | `end` [a](http://example.org/x) @ada\n\n# Passed"
Reported = tuple[Sequence[DetectorState], list[Alarm]]


def watched(n: int, **planted: object) -> Reported:
    watch = Watch(CONTRACT, reference(), MonitoringSettings(), vectors)
    alarms = watch.observe(traffic(n, begins=n // 2, **planted)) if n else []
    return watch.states, alarms


def hostile(row: dict[str, object], rng: object) -> dict[str, object]:
    return {**row, "note": HOSTILE, "weight": 99.0}


REPORTS: dict[str, Reported] = {
    "fresh": watched(0),
    "clean": watched(600),
    "shifted": watched(900, texts=OLD + NEW + NEW, sure=0.6, errors=0.1),
    "hostile": watched(600, change=hostile),
}
every_report = pytest.mark.parametrize("reported", REPORTS.values(), ids=REPORTS)


@every_report
def test_json_round_trips(reported: Reported) -> None:
    states, alarms = reported
    assert report.from_json(report.to_json(states, alarms)) == (list(states), alarms)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[]",
        lambda text: text.replace('"detectors"', '"others"'),
        lambda text: text.replace('"statistic"', '"static"'),
    ],
)
def test_damage_is_an_integrity_error(damage: Callable[[str], str]) -> None:
    with pytest.raises(IntegrityError, match="run `fullturn monitor` again"):
        report.from_json(damage(report.to_json(*REPORTS["shifted"])))


@every_report
def test_the_page_stands_alone(reported: Reported) -> None:
    source = report.to_html(*reported)
    page = Page(source)
    assert not {"script", "link", "img", "iframe", "base", "a"} & {tag for tag, _ in page.tags}
    assert not any("src" in attributes or "onload" in attributes for _, attributes in page.tags)
    assert "url(" not in source and "@import" not in source


@every_report
def test_the_page_says_all_there_is_to_say(reported: Reported) -> None:
    states, alarms = reported
    page = Page(report.to_html(states, alarms))
    said = " ".join(page.text.split())
    titles = {attributes.get("title") for _, attributes in page.tags}
    for state in states:
        assert f"{state.name} {state.what}" in said
    for alarm in alarms:
        assert " ".join(alarm.diagnosis.reason.split()) in said
        assert report.moment(alarm.time) in said
        assert all(word in said for word in alarm.diagnosis.words)
        assert all(" ".join(change.sentence.split()) in said for change in alarm.diagnosis.changes)
        for example in alarm.diagnosis.examples:
            assert example["id"] in titles and example["id"][:8] in said
        assert f"after {report.observed_count(alarm)}." in said
        assert report.MEANING in said
    assert report.summary(states, alarms) in said
    assert "at most 1 in 10,000 requests" in said


@every_report
def test_every_plot_has_a_name_and_stays_inside(reported: Reported) -> None:
    states, alarms = reported
    source = report.to_html(states, alarms)
    plots = [tag for tag in Page(source).tags if tag[1].get("role") == "img"]
    assert len(plots) == len(states) == source.count("<title>") - 1
    shares = [float(share) for share in re.findall(r' (?:x|y|x1|x2|y1|y2)="(-?[\d.]+)%"', source)]
    points = re.findall(r'points="([^"]*)"', source)
    shares += [float(share) for line in points for share in re.split(r"[ ,]", line) if share]
    assert all(0 <= share <= 100 for share in shares)
    assert source.count('class="mark"') == len(alarms)


@every_report
def test_panels_put_alarms_first_and_the_threshold_on_its_line(reported: Reported) -> None:
    found = panels(*reported)
    counts = [len(panel.alarms) for panel in found]
    assert counts == sorted(counts, reverse=True)
    for panel in found:
        assert panel.y(0) == 100
        assert panel.y(panel.state.threshold) == panel.y(1e300) == TOP


def test_the_page_shows_hostile_text_as_text() -> None:
    source = report.to_html(*REPORTS["hostile"])
    assert "<script" not in source
    assert "&lt;script&gt;" in source


def test_markdown_from_hostile_rows_stays_text() -> None:
    states, alarms = REPORTS["hostile"]
    assert alarms
    text = report.to_markdown(states, alarms)
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert "<script" not in html and "<a " not in html and "<h1" not in html
    assert "@ada" not in html


def test_quoted_text_makes_no_link_and_mentions_nobody() -> None:
    states, alarms = REPORTS["hostile"]
    said = "see www.example.org, gh-12, #12 https://example.org\u202e ~~gone~~ @ada"
    diagnosis = replace(alarms[0].diagnosis, reason=said)
    text = report.to_markdown(states, [replace(alarms[0], diagnosis=diagnosis)])
    assert "See www\u200b.example" in text and "gh\u200b-12, #\u200b12" in text
    assert "https:\u200b//" in text and "@\u200bada" in text
    assert "\u202e" not in text and "~~gone~~" not in text


@every_report
def test_markdown_has_a_row_for_each_detector_and_a_part_for_each_alarm(reported: Reported) -> None:
    states, alarms = reported
    tokens = MarkdownIt("commonmark").enable("table").parse(report.to_markdown(states, alarms))
    assert len([token for token in tokens if token.type == "td_open"]) == 5 * len(states)
    assert len([t for t in tokens if t.type == "heading_open" and t.tag == "h3"]) == len(alarms)


@pytest.mark.parametrize(
    ("detector", "requests", "says"),
    [
        ("quality", 3229, "3,229 labelled answers"),
        ("estimate", 12, "12 answers"),
        ("output.confidence", 1, "1 answer"),
        ("input.note", 3229, "3,229 requests"),
        ("slow", 1, "1 request"),
    ],
)
def test_an_alarm_counts_what_its_detector_reads(detector: str, requests: int, says: str) -> None:
    alarm = replace(REPORTS["shifted"][1][0], detector=detector, requests=requests)
    assert report.observed_count(alarm) == says


def outputs(detector: str, *cells: dict[str, object]) -> list[dict[str, object]]:
    """What the page shows of the outputs of these examples."""
    alarm = REPORTS["shifted"][1][0]
    shown = tuple({"id": "p", "input": {"note": "same"}, "output": one} for one in cells)
    found = replace(alarm.diagnosis, changes=(), examples=shown)
    told = report.informative_examples(replace(alarm, detector=detector, diagnosis=found))
    assert all(one["input"] == {"note": "same"} for one in told)
    return [one["output"] for one in told]


def test_outputs_equal_in_all_examples_are_left_out_unless_they_changed() -> None:
    cells = [{"label": "a", "tokens": 0}, {"label": "b", "tokens": 0}]
    assert outputs("input.note", *cells) == [{"label": "a"}, {"label": "b"}]
    assert outputs("output.tokens", *cells) == cells
    assert outputs("input.note", cells[0]) == cells[:1]
    assert outputs("input.note", {"a": 1}, {}) == [{"a": 1}, {}]


def test_the_summary_counts_alarms_and_names_what_they_mean() -> None:
    states, alarms = REPORTS["shifted"]
    assert report.summary(*REPORTS["clean"]) == "No alarm in 600 requests"
    assert report.summary(states, alarms[:1]).startswith("1 alarm in 900 requests: ")
    assert report.summary([], []) == "No alarm in 0 requests"
    assert report.combined_arl([]) == 0.0


def test_the_tone_is_that_of_the_worst_alarm() -> None:
    alarm = REPORTS["shifted"][1][0]
    verdicts = ("harmless shift", "unclear", "harmful shift")
    each = [replace(alarm, diagnosis=replace(alarm.diagnosis, verdict=v)) for v in verdicts]
    assert [report.tone(each[:n]) for n in range(4)] == [
        "PASSED",
        "PASSED",
        "INCONCLUSIVE",
        "FAILED",
    ]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_has_the_contrast_that_wcag_demands(scheme: int) -> None:
    block = report.to_html([], []).split(":root {")[1 + scheme].split("}")[0]
    colours = dict(re.findall(r"--([\w-]+): #([0-9a-f]{3,6});", block))
    for text in ("ink", "soft", "passed", "failed", "inconclusive"):
        assert _contrast(colours[text], colours["card"]) >= 4.5, text


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    pairs = [colour[n : n + 2] for n in (0, 2, 4)] if len(colour) == 6 else [c * 2 for c in colour]
    parts = [int(pair, 16) / 255 for pair in pairs]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_page_shows_how_many_losses_are_clipped_if_a_loss_is_declared() -> None:
    assert "count as 1</dt><dd>3 of 40<" in report.to_html([], [], "3 of 40")
    assert "count as 1" not in report.to_html([], [])
