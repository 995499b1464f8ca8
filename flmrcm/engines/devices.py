"""How a machine's GPUs are shared out among processes."""

import math

from flmrcm.errors import require


def share_gpus(asked: float | None, processes: int, gpus: int) -> float:
    """Gives the GPUs of each process; a process never has parts of two.

    Args:
        asked: GPUs of each, below 1 or whole; None shares out all there are, evenly.
        processes: how many there will be.
        gpus: on this machine.

    Raises:
        ConfigErrors: more is asked than there is, or parts of several GPUs.
    """
    if asked is None:
        return float(gpus // processes) or (gpus and 1 / math.ceil(processes / gpus))
    key, possible = "engine.gpus_per_site", asked >= 0 and (asked < 1 or asked == int(asked))
    require({key: (possible, f"0, a share below 1, or whole GPUs; got {asked}.")})
    room = processes if not asked else _count_fitting(asked, gpus)
    there = f"this machine shows torch {gpus} GPUs"
    advice = "lower it or engine.actors" if gpus else "leave it null, or use 0"
    enough = f"{processes} actors with {asked} each don't fit: {there}; {advice}."
    require({key: (processes <= room, enough)})
    return float(asked)


def _count_fitting(share: float, gpus: int) -> int:
    """Gives how many processes fit."""
    return gpus * int(1 / share + 1e-9) if share < 1 else int(gpus // share)
