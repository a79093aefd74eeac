"""The classifier: a text in, one of the labels it was trained on out, with a confidence."""
