"""The tissues of a head: relaxation times and proton densities."""

import torch

from flmrcm.mri.signal import Tissue

TISSUES = ("white", "grey", "csf", "bone", "marrow", "fat", "skin")
BRAIN = slice(0, 3)
"""The tissues of the brain among `TISSUES`; cerebrospinal fluid counts as brain."""

FIELD_STRENGTHS = (1.5, 3.0)
"""Field strengths of the tables below, tesla."""

# T1 and T2 in ms, proton density relative to water, in the order of TISSUES. Close to:
# 1.5 T brain: Haacke et al., Magnetic Resonance Imaging (1999), table 4.1;
# 3 T brain: Wansapura et al., J. Magn. Reson. Imaging 9 (1999) 531;
# fat, marrow: de Bazelaire et al., Radiology 230 (2004) 652;
# skin as muscle: Stanisz et al., Magn. Reson. Med. 54 (2005) 507.
# Cortical bone holds water, but its signal decays within a millisecond. Pixels of marrow hold bone
# too, and pixels of scalp fat connective tissue: their proton densities are estimates.
_T1 = {
    1.5: (600.0, 950.0, 4500.0, 250.0, 550.0, 340.0, 1000.0),
    3.0: (830.0, 1330.0, 4500.0, 300.0, 590.0, 380.0, 1400.0),
}
_T2 = {
    1.5: (80.0, 100.0, 2200.0, 1.0, 50.0, 60.0, 44.0),
    3.0: (80.0, 110.0, 2000.0, 1.0, 50.0, 68.0, 50.0),
}
_PD = (0.70, 0.82, 1.0, 0.20, 0.35, 0.50, 0.60)


def get_relaxation(tesla: float) -> Tissue:
    """Return T1 and T2 in ms and proton density relative to water, each float32, (tissues,)."""
    return Tissue(torch.tensor(_T1[tesla]), torch.tensor(_T2[tesla]), torch.tensor(_PD))
