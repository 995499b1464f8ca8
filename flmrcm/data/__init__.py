"""Data: one on-disk contract, its transform to batches, sites, and the simulated set."""
