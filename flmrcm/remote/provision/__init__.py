"""Deployments: each party's identity, its folder, and its processes."""
