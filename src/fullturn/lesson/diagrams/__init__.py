"""Diagrams and plots of the slides: SVG, drawn by Python when the deck is built."""
