"""Federated strategies: one file each, with the server half and the client half."""
