"""Questions about speed and memory, one file per group, each answered by pairs timed in turn."""

import os

# torch's profiler tells when it starts and stops, unless told otherwise before it is loaded
os.environ.setdefault("KINETO_LOG_LEVEL", "99")
