"""Running a benchmark: its data, its runs, and the verification of somebody else's results."""
