"""Learning: the Lightning module and the metrics it is scored by."""
