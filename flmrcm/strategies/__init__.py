"""Federated strategies: one file each, the server half and the client half side by side."""
