"""The model card of a version: recorded facts and its owner's statements, on one page.

The sections are those of Mitchell et al., Model Cards for Model Reporting (FAT* 2019), as far as
a gate can fill them. What was not stated is marked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fullturn.core.entities import CheckResult, GateReport
from fullturn.core.wording import code, prose
from fullturn.evidence.inputs import EvidenceInputs
from fullturn.metrics.metric import SHARE, number, signed, suffix

BASELINE, CHAMPION, SLICES, FLOORS = "EVAL02", "EVAL03", "EVAL04", "EVAL05"
"""Codes of the checks whose figures a card shows."""
_WORDS = {"FAILED": "failed", "INCONCLUSIVE": "was inconclusive", "NOT_APPLICABLE": "did not apply"}


def to_markdown(facts: EvidenceInputs) -> str:
    """The card as GitHub's Markdown."""
    report = facts.report
    parts = (
        _head(facts),
        _use(facts),
        _data(facts),
        _results(report),
        _slices(report),
        _limits(facts),
        _making(facts),
        _owner(facts),
    )
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _head(facts: EvidenceInputs) -> Iterator[str]:
    yield from (f"# Model card: {prose(facts.model)}, version {facts.version}", "")
    yield (
        f"Registered after the gate {code(facts.gate)} ended {facts.report.outcome}, decided by "
        f"{prose(facts.report.actor)} at {prose(facts.report.created)}. The figures below are "
        "that gate's; `gate/report.html` has them all."
    )


def _use(facts: EvidenceInputs) -> Iterator[str]:
    yield from ("## Intended use", "", _stated(facts.card.intended_use, "intended_use"), "")
    yield f"**Out of scope:** {_stated(facts.card.out_of_scope, 'out_of_scope')}"


def _data(facts: EvidenceInputs) -> Iterator[str]:
    report, version = facts.report, facts.data
    yield from ("## Data", "")
    if facts.training.refers_to is not None:
        yield f"- Tested on {prose(report.dataset)}, digest {code(report.data_digest)}"
        yield f"- {prose(str(facts.difference['sentence']))}"
        return
    if version is not None:
        splits = ", ".join(f"{name} {rows}" for name, rows in sorted(version.splits.items()))
        name = f"{prose(version.name)} version {version.version}"
        yield f"- Trained on {name}, committed {version.created}, and on none of its test rows"
        yield f"- Its rows: {version.rows} ({splits})"
    else:
        number = "?" if facts.training.data is None else str(facts.training.data)
        yield f"- Trained on version {prose(number)} of a table that was not available at the gate"
    yield f"- Its digest: {code(facts.training.data_digest or 'not recorded')}"
    yield f"- Tested on {prose(report.dataset)}, digest {code(report.data_digest)}"
    yield f"- {prose(str(facts.difference['sentence']))}"


def _results(report: GateReport) -> Iterator[str]:
    yield from ("## Results", "")
    rows = [*_against_champion(report), *_against_baseline(report)]
    if rows:
        yield (
            "| Score | This version | Compared with | Its score | Difference (+ is better) "
            "| Interval |"
        )
        yield from ("|---|--:|---|--:|--:|:-:|", *rows)
    else:
        yield "The gate report has no figures on scores."
    champion, margin = report.champion, _figures(report, CHAMPION).get("margin")
    yield ""
    if champion is None:
        yield "There was no champion to compare with."
    elif margin is not None:
        yield f"Non-inferiority margin against {prose(champion)}: {margin:g}."
        for name, figures in _figures(report, CHAMPION)["metrics"].items():
            if "margin" in figures:
                unit = figures.get("unit", "score points")
                yield f"The margin of {prose(name)}: {figures['margin']:g} in {prose(unit)}."
    for name, level in _figures(report, FLOORS).get("scores", {}).items():
        yield ""
        word = "ceiling" if level.get("direction") == "lower" else "floor"
        yield f"{prose(name)}: {_level(level)}; its {word} is {level['floor']:g}."


def _against_champion(report: GateReport) -> Iterator[str]:
    for metric, figures in _figures(report, CHAMPION).get("metrics", {}).items():
        yield _compared(metric, report.champion or "the champion", figures)


def _against_baseline(report: GateReport) -> Iterator[str]:
    figures = _figures(report, BASELINE)
    if "metric" in figures:
        yield _compared(str(figures["metric"]), "the trivial baseline", figures)


def _compared(metric: str, other: str, figures: Mapping[str, Any]) -> str:
    unit = figures.get("unit", SHARE)
    low, high, lead = (signed(figures[name], unit) for name in ("low", "high", "estimate"))
    ours, theirs = (number(figures[name], unit) for name in ("candidate", "reference"))
    interval = f"[{low}, {high}] at {figures['confidence']:.0%}"
    named = prose(f"{metric},{suffix(unit)}" if suffix(unit) else metric)
    return f"| {named} | {ours} | {prose(other)} | {theirs} | {lead} | {interval} |"


def _slices(report: GateReport) -> Iterator[str]:
    yield from ("## Results by slice", "")
    figures = _figures(report, SLICES)
    if not figures.get("slices"):
        yield _reason(report, SLICES) or "The gate did not look at slices."
        return
    yield f"| Slice | Rows | {prose(str(figures['metric']))} | Interval |"
    yield "|---|--:|--:|:-:|"
    for name, level in sorted(figures["slices"].items(), key=lambda one: one[1]["estimate"]):
        interval = f"[{level['low']:.3f}, {level['high']:.3f}]"
        yield f"| {prose(name)} | {level['rows']} | {level['estimate']:.3f} | {interval} |"
    yield ""
    yield (
        f"The lowest first. Each interval has a confidence of {figures['confidence']:.1%}, so that "
        f"all may be read together. The floor is {figures['floor']:g}."
    )


def _limits(facts: EvidenceInputs) -> Iterator[str]:
    yield from ("## Limits", "")
    stated = [f"- {limit.strip()}" for limit in facts.card.limits]
    yield from stated or [f"- {_stated(None, 'limits')}"]
    yield from _low_slices(facts.report)
    yield from _open_checks(facts.report)
    if facts.code.dirty:
        yield "- The code had uncommitted changes: Git alone cannot restore it."


def _low_slices(report: GateReport) -> Iterator[str]:
    figures = _figures(report, SLICES)
    floor = figures.get("floor", 0.0)
    for name, level in sorted(figures.get("slices", {}).items()):
        if level["low"] < floor:
            yield f"- Slice {prose(name)} may score below its floor {floor:g}: {_level(level)}"
    small = [prose(str(name)) for name in figures.get("too_small", ())]
    if small:
        yield f"- Too few rows to judge these slices: {', '.join(small)}"


def _open_checks(report: GateReport) -> Iterator[str]:
    for result in report.results:
        if result.outcome == "PASSED":
            continue
        waived = f"; waived: {prose(result.waived)}" if result.waived else ""
        yield (
            f"- {result.code} {_WORDS[result.outcome]}: {prose(result.reason)} "
            f"({prose(result.title.rstrip('.'))}){waived}"
        )


def _making(facts: EvidenceInputs) -> Iterator[str]:
    made = facts.code
    commit = code(made.commit) if made.commit else "not under Git"
    changes = f" with changes {code((made.diff_digest or '')[:12])}" if made.dirty else ""
    yield from ("## How it was made", "")
    if facts.training.refers_to is not None:
        theirs = facts.training.refers_to_run
        by = f"run {code(theirs)}" if theirs else "a run that is not recorded"
        yield (
            f"- It refers to {code(facts.training.refers_to)}, made elsewhere by {by}; what "
            "follows is about its evaluation here"
        )
    yield f"- Run {code(facts.run.id)}, {prose(facts.run.name)}, begun {facts.run.started}"
    yield f"- Commit {commit}{changes}" + (f" on {code(made.branch)}" if made.branch else "")
    yield f"- App {code(facts.app)}, seed {facts.seed}"
    yield "- Parameters: " + (", ".join(_parameters(facts)) or "none")
    yield f"- Environment {code(facts.origin.environment or 'not recorded')}, see `sbom.cdx.json`"
    yield f"- Bundle {code(facts.bundle)}, see `bundle-manifest.json`"
    if facts.llm:
        weights = code(facts.llm.digest) if facts.llm.digest else "not known"
        yield f"- It asks the LLM {prose(facts.llm.name)}; weights: {weights}"


def _parameters(facts: EvidenceInputs) -> list[str]:
    return [code(f"{name}={value}") for name, value in sorted(facts.run.params.items())]


def _owner(facts: EvidenceInputs) -> Iterator[str]:
    owner = facts.card.owner or prose(facts.origin.owner or "")
    yield from ("## Owner", "", _stated(owner, "owner"), "")
    yield f"**Contact:** {_stated(facts.card.contact, 'contact')}"


def _stated(text: str | None, setting: str) -> str:
    """What the settings say, as Markdown of the owner's own: with links, if need be."""
    if text and text.strip():
        return text.strip()
    return f"Not stated. Set `{setting}` in `[card]` of fullturn.toml."


def _level(level: Mapping[str, Any]) -> str:
    unit = level.get("unit", SHARE)
    estimate, low, high = (number(level[name], unit) for name in ("estimate", "low", "high"))
    return f"{estimate} [{low}, {high}]{prose(suffix(unit))}"


def _result(report: GateReport, wanted: str) -> CheckResult | None:
    return next((one for one in report.results if one.code == wanted), None)


def _figures(report: GateReport, wanted: str) -> Mapping[str, Any]:
    found = _result(report, wanted)
    return found.figures if found else {}


def _reason(report: GateReport, wanted: str) -> str:
    found = _result(report, wanted)
    return f"No figures: {prose(found.reason)}." if found else ""
