"""What a gate report says in words: why it ended as it did, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fullturn.core.entities import CheckResult, GateReport

_AFTER_FAILURE = {
    "DATA01": "See who changed the data with `fullturn data log`, commit it, and train again.",
    "DATA02": "Remove the leaked rows from one side, commit the data, and train again. Until then, "
    "no other figure in this report is reliable.",
    "BNDL01": "Do not use these files: restore them, or train again.",
    "BNDL02": "Write the bundle as skops, safetensors, JSON or text, and train again.",
    "EVAL01": "Find out which rows got no answer; they may be the difficult ones.",
    "EVAL02": "Try other parameters or more training rows: the trivial baseline is as good so far.",
    "EVAL03": "Look at the rows that the champion got right and the candidate got wrong: "
    "`fullturn compare`.",
    "EVAL04": "Add training rows for the slice below the floor, and train again.",
    "EVAL05": "Look at the rows with the lowest score: `fullturn compare`.",
    "BEHV01": "Add questions with typing errors to the training rows.",
    "BEHV02": "Ignore case in the input, or train on both cases.",
    "BEHV03": "Add politely phrased questions to the training rows.",
    "BEHV04": "Draw all randomness from the run's seed, also when predicting.",
    "SERV01": "Use a smaller model, or limit the length of its answers.",
    "SAFE01": "Look at the injections that succeeded, and keep secrets out of the prompt.",
}
_MORE_ROWS = "Add labelled test rows with `fullturn data commit`: "
_BEHAVIOUR_ROWS = "Raise `behaviour_rows` in fullturn.toml, or add test rows: these are too few."
_WHEN_OPEN = {
    "DATA02": "Check again which test rows the candidate was trained on.",
    "EVAL02": _MORE_ROWS + "so far the gain over the baseline may be chance.",
    "EVAL03": _MORE_ROWS + "the present ones cannot detect a loss as small as the margin.",
    "EVAL04": _MORE_ROWS + "the lowest slice scores below its floor, maybe by chance.",
    "EVAL05": _MORE_ROWS + "the score may be above or below its floor.",
    "BEHV01": _BEHAVIOUR_ROWS,
    "BEHV02": _BEHAVIOUR_ROWS,
    "BEHV03": _BEHAVIOUR_ROWS,
    "SERV01": "Time more calls: a percentile of so few is not reliable.",
    "SAFE01": "Try more injections: no leak in so few proves little.",
}
_ASK = (
    "Ask the author of the model; if the answer is good, waive the check and say why: "
    "`fullturn gate … --waive CODE='reason'`."
)
_SAME = _MORE_ROWS + (
    "both score the same in every row, but at this margin it takes about {groups_needed} groups of "
    "rows to show non-inferiority; there are {groups}."
)
_LIKELY = 0.8
_SUSPICIOUS = (
    "An equally good candidate would most likely have passed with these rows: look at those that "
    "the champion got right and the candidate got wrong, `fullturn compare`."
)


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do; commands are in backticks. `codes` are the checks that it is for."""

    codes: tuple[str, ...]
    text: str


_PROMOTE = Step(
    (),
    "The candidate is registered as a model version: make it the champion with `fullturn promote`.",
)
_AGAIN = Step((), "Run `fullturn gate` again. Until it passes, nothing can be promoted.")
_REPAIR = "Fix what was waived: a waiver is valid for this gate only."


def unwaived(report: GateReport, outcome: str) -> list[CheckResult]:
    """The checks with this outcome that no waiver covers."""
    return [r for r in report.results if r.outcome == outcome and r.waived is None]


def why(report: GateReport) -> str:
    """The outcome in a sentence, and the first reason for it."""
    asked = [r for r in report.results if r.outcome != "NOT_APPLICABLE"]
    waived = sum(r.waived is not None for r in asked)
    deciding = unwaived(report, report.outcome)
    if not deciding:
        return (
            f"{len(asked)} checks apply, {waived} of them waived: no check passed without a waiver."
        )
    if report.outcome == "PASSED":
        number = f"{len(deciding)} of {len(asked)}" if waived else f"All {len(asked)}"
        tail = f", {waived} waived." if waived else "."
        return f"{number} checks that apply passed{tail} {_against(deciding, report.champion)}"
    verb = "failed" if report.outcome == "FAILED" else "could not decide"
    more = f", {waived} more waived" if waived else ""
    first = deciding[0]
    return (
        f"{len(deciding)} of {len(asked)} checks {verb}{more}. "
        f"{first.code} requires: {first.title} Found: {first.reason}."
    )


def next_steps(report: GateReport) -> list[Step]:
    """What to do now, in the order of the checks: failures, then what is open."""
    if report.outcome == "PASSED":
        waived = tuple(r.code for r in report.results if r.waived)
        return [_PROMOTE, *([Step(waived, _REPAIR)] if waived else [])]
    advised: dict[str, list[str]] = {}
    for result in (*unwaived(report, "FAILED"), *unwaived(report, "INCONCLUSIVE")):
        advised.setdefault(_advice(result), []).append(result.code)
    return [*(Step(tuple(codes), text) for text, codes in advised.items()), _AGAIN]


def _advice(result: CheckResult) -> str:
    if result.outcome == "FAILED":
        return _AFTER_FAILURE.get(result.code, "Fix what the check found.")
    if "unknown" in result.figures:
        return _ASK
    if result.missing:
        return "Get the missing evidence; see the check for the cause."
    if result.figures.get("pass_probability", 0) >= _LIKELY:
        return _SUSPICIOUS
    if "groups_needed" in result.figures:
        return _SAME.format(**result.figures)
    return _WHEN_OPEN.get(result.code, "Collect more evidence.")


def _against(results: Sequence[CheckResult], champion: str | None) -> str:
    if champion is None:
        return "There is no champion yet to compare with."
    found = [r.reason for r in results if r.code == "EVAL03"]
    return (
        f"Against the champion: {found[0]}."
        if found
        else "There was no comparison with the champion."
    )
