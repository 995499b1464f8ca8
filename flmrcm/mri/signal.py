"""Signal equations: how bright a tissue is in a given pulse sequence.

Times are in milliseconds, angles in degrees, proton density and signal relative to fully relaxed
water (1). Signals keep their sign: what is still inverted at the echo is negative.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Tissue(NamedTuple):
    """What a signal equation has to know about the matter in each pixel (or of each tissue).

    Attributes:
        t1: longitudinal relaxation time, ms, > 0, any shape.
        t2: transverse relaxation time, ms, > 0, same shape; T2* where an equation has no refocusing
            and it is known.
        pd: proton density, relative to water, ≥ 0, same shape.
    """

    t1: Tensor
    t2: Tensor
    pd: Tensor


def spin_echo(tissue: Tissue, tr: float, te: float) -> Tensor:
    """Return the signal of a 90°–180° spin echo with TE much shorter than TR.

    S = PD (1 − e^(−TR/T1)) e^(−TE/T2); Bernstein, King, Zhou, *Handbook of MRI Pulse Sequences*
    (2004), section 14.3.

    Args:
        tissue: T1, T2, PD.
        tr: repetition time, ms.
        te: echo time, ms.

    Returns:
        signal, same shape as the tissue, in [0, PD].
    """
    return tissue.pd * (1 - torch.exp(-tr / tissue.t1)) * torch.exp(-te / tissue.t2)


def spgr(tissue: Tissue, tr: float, te: float, flip: float) -> Tensor:
    """Return the steady-state signal of a spoiled gradient echo (SPGR, FLASH).

    S = PD sin α (1 − E1) / (1 − cos α E1) e^(−TE/T2), with E1 = e^(−TR/T1); Ernst and Anderson,
    Rev. Sci. Instrum. 37 (1966) 93. It is largest at the Ernst angle, cos α = E1.

    Args:
        tissue: T1, T2, PD.
        tr: repetition time, ms.
        te: echo time, ms.
        flip: excitation angle α, degrees, in (0, 90].

    Returns:
        signal, same shape as the tissue, in [0, PD].
    """
    angle = math.radians(flip)
    steady = _compute_driven_equilibrium(tissue.t1, tr, angle)
    return tissue.pd * math.sin(angle) * steady * torch.exp(-te / tissue.t2)


def mprage(
    tissue: Tissue, tr: float, ti: float, flip: float, pulses: int, spacing: float
) -> Tensor:
    """Return the steady-state signal of MPRAGE at the centre of k-space.

    One cycle: inversion, recovery, a train of small pulses read in linear order (so that the middle
    pulse sees the centre of k-space, at TI), recovery until TR. The longitudinal magnetisation that
    comes back to itself after a cycle is solved for; Mugler and Brookeman, Magn. Reson. Med. 15
    (1990) 152; Deichmann et al., NeuroImage 12 (2000) 112. The echo is taken halfway between
    two pulses.

    Args:
        tissue: T1, T2, PD.
        tr: from one inversion to the next, ms, ≥ ti + pulses · spacing / 2.
        ti: from the inversion to the middle of the train, ms, ≥ pulses · spacing / 2.
        flip: angle of each pulse, degrees, in (0, 90].
        pulses: pulses per train.
        spacing: from one pulse to the next, ms.

    Returns:
        signal, same shape as the tissue, in [−PD, PD].
    """
    angle, half = math.radians(flip), pulses * spacing / 2
    driven = _compute_driven_equilibrium(tissue.t1, spacing, angle)
    half_train = (math.cos(angle) * torch.exp(-spacing / tissue.t1)) ** (pulses / 2)
    train = half_train.square()
    before = torch.exp(-(ti - half) / tissue.t1)
    after = torch.exp(-(tr - ti - half) / tissue.t1)
    recovered = 1 - after + after * (driven * (1 - train) + train * (1 - before))
    end_of_cycle = recovered / (1 + after * train * before)
    start_of_train = 1 - before * (1 + end_of_cycle)
    middle = driven * (1 - half_train) + start_of_train * half_train
    return tissue.pd * math.sin(angle) * middle * torch.exp(-spacing / 2 / tissue.t2)


def _compute_driven_equilibrium(t1: Tensor, spacing: float, angle: float) -> Tensor:
    """Longitudinal magnetisation that a long train of equal pulses settles to, in units of PD."""
    e1 = torch.exp(-spacing / t1)
    return (1 - e1) / (1 - math.cos(angle) * e1)
