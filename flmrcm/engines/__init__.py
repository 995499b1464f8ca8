"""Engines: thin adapters from the federation's port to something that runs sites."""
