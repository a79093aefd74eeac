"""The example's story, its data, and the simulated audience."""
