"""Differential privacy: what is spent, what bounds a volume's influence, and what hides it."""
