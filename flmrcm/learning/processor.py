"""Which processor computes, in words: its kind changes a run's last digits, and its seconds."""

import platform
from pathlib import Path

import torch

_CPU_INFO = Path("/proc/cpuinfo")


def describe_processor() -> str:
    """Return this machine's processor and the vector instructions that torch uses on it.

    Processors of one name may differ in these, and sums are rounded differently with them.
    """
    lines = _CPU_INFO.read_text().splitlines() if _CPU_INFO.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    instructions = torch.backends.cpu.get_cpu_capability()
    return f"{names[0] if names else platform.machine()}, {instructions}"
