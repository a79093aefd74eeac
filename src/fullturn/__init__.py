"""The full MLOps lifecycle of a model or an LLM application, with evidence for every decision.

    import fullturn

    project = fullturn.open(".")
    project.turn()

Every command is a method of the project. Its results show themselves in a notebook, convert
(`to_dict()`, `to_pandas()`) and name `next_steps`. What an app of your own needs is here too: the
protocols `App`, `Predictor`, `GeneratesText` and `Run`, and the records that they hand over.
All names are loaded when they are first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fullturn.core.entities import (
        Alarm,
        Column,
        Contract,
        Dataset,
        DatasetVersion,
        Example,
        GateReport,
        HistoryEntry,
        Input,
        Output,
        Params,
        RunRecord,
        Scores,
    )
    from fullturn.core.errors import FullturnError
    from fullturn.core.showing import Result, Table
    from fullturn.data.records import Difference, Summary
    from fullturn.gates.check import Check, Evidence, Verdict
    from fullturn.metrics.metric import RowMetric, SetMetric
    from fullturn.monitoring.plans import RateDetector
    from fullturn.pipeline.records import Checkout
    from fullturn.project import Project, open  # noqa: A004
    from fullturn.registry.lineage import Lineage
    from fullturn.registry.reproduction import Reproduction
    from fullturn.release.records import Decision
    from fullturn.release.state import Release
    from fullturn.subjects.protocols import App, GeneratesText, Predictor, Run
    from fullturn.subjects.scores import RowScorer
    from fullturn.tracking.comparison import Comparison
    from fullturn.verbs.adopt import Adopted, adopt
    from fullturn.verbs.ci.checkout import Tested
    from fullturn.verbs.ci.platforms import Workflows
    from fullturn.verbs.ci.report import Reported
    from fullturn.verbs.ci.run import Base, PipelineRun, StepEnded, Watcher
    from fullturn.verbs.data import Committed, Versions
    from fullturn.verbs.deliver import Delivered
    from fullturn.verbs.gate import GateResult
    from fullturn.verbs.history import History
    from fullturn.verbs.init import Started, init
    from fullturn.verbs.judge import Judged, judge
    from fullturn.verbs.lineage import BatchLineage, PredictionLineage
    from fullturn.verbs.log import log
    from fullturn.verbs.monitor import Seen
    from fullturn.verbs.parts.batch import Predicted
    from fullturn.verbs.parts.training import Trial
    from fullturn.verbs.predict import Answered, Answers
    from fullturn.verbs.release import ReleaseStatus
    from fullturn.verbs.runs import Runs
    from fullturn.verbs.serve import Opened
    from fullturn.verbs.train import Trials
    from fullturn.verbs.turn import Step, Steps
    from fullturn.verbs.verify import Verified
    from fullturn.verbs.watch import WatchedLog, watch

_PLACES = {
    "core.entities": (
        "Alarm Column Contract Dataset DatasetVersion Example GateReport HistoryEntry "
        "Input Output Params RunRecord Scores"
    ),
    "core.errors": "FullturnError",
    "core.showing": "Result Table",
    "data.records": "Difference Summary",
    "gates.check": "Check Evidence Verdict",
    "metrics.metric": "RowMetric SetMetric",
    "monitoring.plans": "RateDetector",
    "pipeline.records": "Checkout",
    "project": "Project open",
    "registry.lineage": "Lineage",
    "registry.reproduction": "Reproduction",
    "release.records": "Decision",
    "release.state": "Release",
    "subjects.protocols": "App GeneratesText Predictor Run",
    "subjects.scores": "RowScorer",
    "tracking.comparison": "Comparison",
    "verbs.adopt": "Adopted adopt",
    "verbs.parts.batch": "Predicted",
    "verbs.ci.checkout": "Tested",
    "verbs.ci.platforms": "Workflows",
    "verbs.ci.report": "Reported",
    "verbs.ci.run": "Base PipelineRun StepEnded Watcher",
    "verbs.data": "Committed Versions",
    "verbs.deliver": "Delivered",
    "verbs.gate": "GateResult",
    "verbs.history": "History",
    "verbs.init": "Started init",
    "verbs.judge": "Judged judge",
    "verbs.lineage": "BatchLineage PredictionLineage",
    "verbs.log": "log",
    "verbs.monitor": "Seen",
    "verbs.predict": "Answered Answers",
    "verbs.release": "ReleaseStatus",
    "verbs.runs": "Runs",
    "verbs.serve": "Opened",
    "verbs.train": "Trials",
    "verbs.parts.training": "Trial",
    "verbs.turn": "Step Steps",
    "verbs.verify": "Verified",
    "verbs.watch": "WatchedLog watch",
}
_PLACE_OF = {name: place for place, names in _PLACES.items() for name in names.split()}

__all__ = [
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


def __getattr__(name: str) -> Any:
    if name not in _PLACE_OF:
        raise AttributeError(f"module 'fullturn' has no attribute '{name}'")
    return getattr(import_module(f"fullturn.{_PLACE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
