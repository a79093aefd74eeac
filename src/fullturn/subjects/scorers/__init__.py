"""Scorers of answers by name: each gives an answer a score in [0, 1], higher is better."""
