"""What the measurements were made on."""

import os
import platform
from pathlib import Path
from typing import Any

import torch

_CPU_INFO = Path("/proc/cpuinfo")
_BF16 = ("avx512_bf16", "amx_bf16", "bf16")


def describe() -> dict[str, Any]:
    """Gives the processor, its cores, how busy they are, and torch's version."""
    return {
        "cpu": _cpu_line("model name") or platform.processor() or platform.machine(),
        "cores": torch.get_num_threads(),
        "threads": torch.get_num_threads(),
        "bf16": bf16_flags(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": os.getloadavg()[0],
    }


def bf16_flags() -> list[str]:
    """Gives the processor's instructions for bfloat16; none where none are known."""
    flags = _cpu_line("flags") or _cpu_line("Features") or ""
    return [flag for flag in _BF16 if flag in flags.split()]


def _cpu_line(key: str) -> str | None:
    if not _CPU_INFO.exists():
        return None
    lines = (line.partition(":") for line in _CPU_INFO.read_text().splitlines())
    return next((value.strip() for name, _, value in lines if name.strip() == key), None)
