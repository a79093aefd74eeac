"""Checks, the runner that computes them, and the report.

`ALL` is every check, in the order of the report.
"""

from fullturn.gates.behaviour import (
    BehaviourCase,
    BehaviourParaphrase,
    BehaviourTypos,
    Determinism,
    Latency,
    Refusal,
)
from fullturn.gates.check import (
    BundleState,
    Check,
    DataState,
    Evidence,
    LeakageState,
    RefusalState,
    Verdict,
)
from fullturn.gates.floors import Floors
from fullturn.gates.provenance import BundleComplete, BundleSafe, DataDigest, Leakage
from fullturn.gates.quality import BeatsBaseline, NonInferior, RowsOut, Slices
from fullturn.gates.runner import compute, compute_check, with_plugins

ALL: tuple[type[Check], ...] = (
    DataDigest,
    Leakage,
    BundleComplete,
    BundleSafe,
    RowsOut,
    BeatsBaseline,
    NonInferior,
    Slices,
    Floors,
    BehaviourTypos,
    BehaviourCase,
    BehaviourParaphrase,
    Determinism,
    Latency,
    Refusal,
)

__all__ = [
    "ALL",
    "BundleState",
    "Check",
    "DataState",
    "Evidence",
    "LeakageState",
    "RefusalState",
    "Verdict",
    "compute",
    "compute_check",
    "with_plugins",
]
