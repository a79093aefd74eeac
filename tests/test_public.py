"""The public names are this list; a change of it is a decision."""

import tomllib
from pathlib import Path

import fullturn

ROOT = Path(__file__).parents[1]


def test_public_names() -> None:
    assert fullturn.__all__ == [
        "Adopted",
        "Alarm",
        "Answered",
        "Answers",
        "App",
        "Base",
        "BatchLineage",
        "Check",
        "Checkout",
        "Column",
        "Committed",
        "Comparison",
        "Contract",
        "Dataset",
        "DatasetVersion",
        "Decision",
        "Delivered",
        "Difference",
        "Evidence",
        "Example",
        "FullturnError",
        "GateReport",
        "GateResult",
        "GeneratesText",
        "History",
        "HistoryEntry",
        "Input",
        "Judged",
        "Lineage",
        "Opened",
        "Output",
        "Params",
        "PipelineRun",
        "Predicted",
        "PredictionLineage",
        "Predictor",
        "Project",
        "RateDetector",
        "Release",
        "ReleaseStatus",
        "Reported",
        "Reproduction",
        "Result",
        "RowMetric",
        "RowScorer",
        "Run",
        "RunRecord",
        "Runs",
        "Scores",
        "Seen",
        "SetMetric",
        "Started",
        "Step",
        "StepEnded",
        "Steps",
        "Summary",
        "Table",
        "Tested",
        "Trial",
        "Trials",
        "Verdict",
        "Verified",
        "Versions",
        "WatchedLog",
        "Watcher",
        "Workflows",
        "adopt",
        "init",
        "judge",
        "log",
        "open",
        "watch",
    ]
    for name in fullturn.__all__:
        assert getattr(fullturn, name).__doc__ or name in {"Input", "Output", "Params", "Scores"}


def test_the_version_has_a_line_in_the_changelog() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()


def test_locks_hold_hashes_and_no_addresses() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text()
        pins = [line for line in text.splitlines() if "==" in line and not line.startswith(" ")]
        assert "://" not in text
        assert pins and all(line.endswith("\\") for line in pins)
        assert text.count("--hash=sha256:") >= len(pins)
