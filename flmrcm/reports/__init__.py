"""Reports read `outputs/` and never train."""
