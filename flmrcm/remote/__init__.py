"""Calls to sites on other machines, and everything they need. One machine needs none of it."""
