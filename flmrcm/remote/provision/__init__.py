"""Deployments: who proves to whom who they are, and the folder each party takes home."""
