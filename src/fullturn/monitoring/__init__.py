"""Detectors on live traffic with declared false alarms, and what an alarm means.

`Watch` folds the observations of a version: `observe` returns alarms, each with its diagnosis,
and `states` is the state of every detector. Pure: no log, no store, no HTTP.
"""

from fullturn.monitoring.diagnosis import Case, diagnose
from fullturn.monitoring.watch import DetectorState, Watch

__all__ = ["Case", "DetectorState", "Watch", "diagnose"]
