"""Scoring a predictor on a dataset version: rows, slices, behaviour, races."""
