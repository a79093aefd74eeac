"""Checks, the runner that computes them, and the report.

`ALL` is every check, in the order of the report.
"""

from fullturn.gates.behaviour import (
    BehaviourCase,
    BehaviourParaphrase,
    BehaviourTypos,
    Determinism,
)
from fullturn.gates.bundle import BundleComplete, BundleSafe
from fullturn.gates.check import Check, Verdict
from fullturn.gates.data import DataDigest, Leakage
from fullturn.gates.evidence import (
    BundleState,
    DataState,
    Evidence,
    LeakageState,
    RefusalState,
)
from fullturn.gates.floors import Floors
from fullturn.gates.plugins import with_plugins
from fullturn.gates.quality import BeatsBaseline, NonInferior, RowsOut, Slices
from fullturn.gates.runner import compute, compute_check
from fullturn.gates.service import Latency, Refusal

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
