"""Serve the champion over HTTP: batches, arms, hot swaps, the prediction log."""
