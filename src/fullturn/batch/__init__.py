"""Predict a whole file in bounded memory: read pieces, check cells, write what came out."""
