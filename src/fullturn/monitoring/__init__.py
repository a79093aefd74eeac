"""Detectors on live traffic with declared false alarms, and what an alarm means."""
