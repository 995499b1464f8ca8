"""Figures of speed and memory: one function each, grouped by subject; pairs are timed in turn."""

import os

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # before torch: its profiler tells when it starts
