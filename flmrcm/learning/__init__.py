"""Learning: the Lightning module and the metrics it is judged by."""
