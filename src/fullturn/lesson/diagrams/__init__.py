"""Diagrams and plots of the slides, drawn as SVG when the deck is built."""
