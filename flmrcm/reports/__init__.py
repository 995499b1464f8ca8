"""Reports: they read outputs/ and never train."""
