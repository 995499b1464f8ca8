"""Which arithmetic a device has and is fast at: bfloat16, and a GPU's TensorFloat-32."""

from functools import cache
from pathlib import Path

import torch

AUTO, FLOAT32, TENSOR_FLOAT32, BFLOAT16 = "auto", "32-true", "tf32", "bf16-mixed"
PRECISIONS = (AUTO, FLOAT32, TENSOR_FLOAT32, BFLOAT16)

_CPU_INFO = Path("/proc/cpuinfo")
_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # x86-64 twice, Arm
_FIRST_WITH_TF32 = (8, 0)  # Nvidia's compute capability: Ampere


def choose_precision(on_gpu: bool) -> str:
    """Return `bf16-mixed` where the device has instructions for it, else `32-true`."""
    return BFLOAT16 if has_bfloat16(on_gpu) else FLOAT32


@cache
def has_bfloat16(on_gpu: bool) -> bool:
    """Tell whether a device computes in bfloat16 itself.

    Any processor can imitate it, which is much slower than float32: on one with AVX2 alone a round
    that takes 75 s in float32 was not done after 13 minutes.
    """
    if on_gpu:
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # torch has no public word for a processor's flags; without this file float32 is the safe choice
    text = _CPU_INFO.read_text() if _CPU_INFO.exists() else ""
    found = {
        flag
        for line in text.splitlines()
        if line.lower().startswith(("flags", "features"))
        for flag in line.split()
    }
    return not found.isdisjoint(_FLAGS)


def has_tensor_float32(on_gpu: bool, device: int) -> bool:
    """Tell whether a device multiplies float32 numbers of 10 bits of mantissa: since Ampere."""
    there = on_gpu and device < torch.cuda.device_count()
    return there and torch.cuda.get_device_capability(device) >= _FIRST_WITH_TF32


def allow_tensor_float32(allowed: bool) -> None:
    """Let a GPU's convolutions and products round float32 to 10 bits of mantissa, or not.

    PyTorch lets convolutions do that by itself, so that what is called float32 isn't.
    """
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed
