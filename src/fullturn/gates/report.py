"""A gate report as JSON, as Markdown for a pull request, and as a page."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from importlib.resources import files
from typing import Any

from fullturn.core import parsing
from fullturn.core.entities import CheckResult, GateReport
from fullturn.core.errors import CouldNotEvaluate, IntegrityError
from fullturn.core.wording import figure, prose
from fullturn.gates import advice, errors, plots

DIGEST = "sha256"
WORDS = {
    "PASSED": "passed",
    "FAILED": "failed",
    "INCONCLUSIVE": "inconclusive",
    "NOT_APPLICABLE": "not applicable",
}
_SIGNS = {"PASSED": "✅", "FAILED": "❌", "INCONCLUSIVE": "❔", "NOT_APPLICABLE": "➖"}
_LONGEST_CELL = 400

_MISSING = ("no evidence", "could not be computed")


def to_json(report: GateReport) -> str:
    """The report with a sha256 over its content, so that damage is noticed.

    Raises:
        CouldNotEvaluate: a figure is NaN, infinite, or no JSON value.
    """
    try:
        body = asdict(report)
        sealed = {**body, DIGEST: _digest(body)}
        return json.dumps(sealed, indent=1, ensure_ascii=False) + "\n"
    except (TypeError, ValueError) as error:
        raise CouldNotEvaluate(
            f"a figure in the gate report of '{report.subject}' cannot be stored: {error}; "
            "let its check return finite numbers, texts and lists"
        ) from error


def from_json(text: str | bytes) -> GateReport:
    """The report that `to_json` wrote; bytes need not be UTF-8.

    Raises:
        IntegrityError: the text is incomplete, or was changed.
    """
    try:
        body = parsing.from_json(text)
        if body.pop(DIGEST) != _digest(body):
            raise ValueError(f"its content has another {DIGEST} than it states")
        results = tuple(_result(result) for result in body.pop("results"))
        return GateReport(results=results, **body)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise IntegrityError(
            f"the gate report is damaged: {error}; run `fullturn gate` again"
        ) from error


def _result(stored: dict[str, Any]) -> CheckResult:
    missing = stored.pop("missing", None)
    if missing is None:  # version 0.1 said it in the reason only
        missing = ("evidence",) if stored["reason"].startswith(_MISSING) else ()
    return CheckResult(**stored, missing=tuple(missing))


def to_markdown(report: GateReport) -> str:
    """The report as a pull-request comment in GitHub's Markdown."""
    lines = [
        f"## {_SIGNS[report.outcome]} Gate {WORDS[report.outcome]}",
        "",
        _cell(advice.why(report)),
        "",
        f"Run `{report.subject}` · champion: {_cell(report.champion or 'none yet')} · "
        f"data: {_cell(report.dataset)} (`{report.data_digest[:12]}`) · "
        f"{_cell(report.actor)}, {moment(report.created)}",
        "",
        *_checks_table(report),
        *_figures_table(report),
        *errors.markdown(report.summary, _cell),
        *_waivers(report),
        "### Next",
        "",
        *(_step(number, step) for number, step in enumerate(advice.next_steps(report), 1)),
    ]
    return "\n".join(lines) + "\n"


def to_html(report: GateReport) -> str:
    """The report as one page that needs no network, no script and no other file."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_source),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(typeset=typeset, figure=_figure)
    return environment.get_template("report.html.jinja").render(
        report=report,
        words=WORDS,
        why=advice.why(report),
        steps=advice.next_steps(report),
        created=moment(report.created),
        panels=plots.panels(report),
        families=_families(report),
        counts=_counts(report),
        waived=[result for result in report.results if result.waived],
        flat=_flat,
        errors=_errors(report),
    )


def _source(name: str) -> str:
    return files("fullturn.gates").joinpath(name).read_text(encoding="utf-8")


def _errors(report: GateReport) -> dict[str, Any]:
    """What `errors.html.jinja` draws."""
    summary = report.summary
    across, up = errors.calibration_axes()
    calibration = summary.get("calibration")
    return {
        "metrics": errors.metric_rows(summary),
        "sides": errors.sides(summary),
        "notes": errors.notes(summary),
        "confusion": summary.get("confusion"),
        "matrix": errors.matrix(summary),
        "calibration": calibration,
        "most": max((one["rows"] for one in calibration["bins"]), default=1) if calibration else 1,
        "residuals": errors.residuals(summary),
        "fifths": summary.get("residuals", {}).get("fifths", []),
        "across": across,
        "up": up,
        "width": errors.WIDTH,
        "height": errors.HEIGHT,
    }


def moment(created: str) -> str:
    """An ISO 8601 time for people; unchanged if it is not one."""
    try:
        time = datetime.fromisoformat(created)
    except ValueError:
        return created
    return f"{time.day} {time:%B %Y, %H:%M %Z}".strip()


def typeset(text: str) -> str:
    """Proper minus signs in front of numbers."""
    return re.sub(r"(?<![\w.-])-(?=\d)", "−", text)


def _digest(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _checks_table(report: GateReport) -> Iterator[str]:
    yield from ("| | Check | Family | Found |", "|---|---|---|---|")
    for result in report.results:
        word = WORDS[result.outcome] + (", waived" if result.waived else "")
        yield (
            f"| {_SIGNS[result.outcome]} {word} | **{result.code}** {_cell(result.title)} "
            f"| {_cell(result.family)} | {_cell(result.reason)} |"
        )
    yield ""


def _figures_table(report: GateReport) -> Iterator[str]:
    panels = plots.panels(report)
    if not panels:
        return
    yield from ("<details><summary>Figures</summary>", "")
    yield from ("| | | Estimate | Interval | Line |", "|---|---|--:|:-:|---|")
    for panel in panels:
        for mark in panel.marks:
            low, high = panel.shown(mark.low), panel.shown(mark.high)
            yield (
                f"| {_cell(panel.title)} | {_cell(mark.label)} | {panel.shown(mark.estimate)} "
                f"| [{low}, {high}] | {panel.line_label} |"
            )
    yield from ("", "</details>", "")


def _waivers(report: GateReport) -> Iterator[str]:
    waived = [result for result in report.results if result.waived]
    if waived:
        yield from ("### Waivers", "")
        for result in waived:
            yield f"- **{result.code}** ({WORDS[result.outcome]}): {_cell(result.waived or '')}"
        yield ""


def _step(number: int, step: advice.Step) -> str:
    return f"{number}. {''.join(f'**{code}** ' for code in step.codes)}{step.text}"


def _cell(text: str) -> str:
    """Text from anywhere in a cell or a sentence."""
    return prose(text, _LONGEST_CELL, commands=False)


def _families(report: GateReport) -> dict[str, list[CheckResult]]:
    families: dict[str, list[CheckResult]] = {}
    for result in report.results:
        families.setdefault(result.family, []).append(result)
    return families


def _counts(report: GateReport) -> list[tuple[str, int]]:
    counts = dict.fromkeys(WORDS, 0)
    for result in report.results:
        counts[result.outcome] += 1
    return [(outcome, number) for outcome, number in counts.items() if number]


def _flat(figures: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in figures.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name} › ")
        else:
            yield f"{prefix}{name}", value


def _figure(value: Any) -> str:
    if isinstance(value, float):
        return typeset(figure(value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {_figure(item)}" for name, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)
