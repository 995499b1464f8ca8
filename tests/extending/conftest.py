"""The package's own tests run in its own environment; see test_package.py."""

collect_ignore = ["package"]
