"""How a machine's GPUs are divided among processes."""

import math

from flmrcm.errors import require


def share_gpus(wanted: float | None, processes: int, gpus: int) -> float:
    """Return the GPUs of each process; a process never has parts of two.

    Args:
        wanted: GPUs of each, below 1 or whole; None divides all of them evenly.
        processes: their number.
        gpus: on this machine.

    Raises:
        ConfigErrors: there are too few GPUs, or a process would have parts of several.
    """
    if wanted is None:
        return float(gpus // processes) or (gpus and 1 / math.ceil(processes / gpus))
    key, possible = "engine.gpus_per_site", wanted >= 0 and (wanted < 1 or wanted == int(wanted))
    require({key: (possible, f"0, a share below 1, or whole GPUs; got {wanted}.")})
    fitting = processes if not wanted else _count_fitting(wanted, gpus)
    shown = f"this machine shows torch {gpus} GPUs"
    advice = "lower it or engine.actors" if gpus else "leave it null, or use 0"
    enough = f"{processes} actors with {wanted} each don't fit: {shown}; {advice}."
    require({key: (processes <= fitting, enough)})
    return float(wanted)


def _count_fitting(share: float, gpus: int) -> int:
    """Return how many processes have room on the GPUs."""
    # 1 / (1 / 3) may be a little less than 3
    return gpus * int(1 / share + 1e-9) if share < 1 else int(gpus // share)
