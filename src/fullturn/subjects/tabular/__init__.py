"""A table and a label: a linear model or boosted trees, on any mix of columns."""
