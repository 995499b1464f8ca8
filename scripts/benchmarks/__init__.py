"""Questions about speed and memory, one file per group, each answered by pairs timed in turn."""
