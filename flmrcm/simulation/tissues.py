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


# Core, rim and oedema of a glioma before any contrast agent. In solid high-grade tumours de Blank
# et al., Pediatr. Neurosurg. 54 (2019) 310, found 2.0 times the T1 and 2.4 times the T2 of white
# matter, around tumours 1.35 and 1.7 times, at 3 T; the same factors are taken at 1.5 T. The T2 of
# the rim is lowered towards the 97 ms of its faster part (Schad et al., J. Comput. Assist. Tomogr.
# 13 (1989) 577; 1.5 T). The core is necrosis, mostly fluid: its values, between those of tumour and
# of CSF, and all proton densities (more water, so above white matter's) are estimates.
_LESION_T1 = {1.5: (2300.0, 1200.0, 820.0), 3.0: (2600.0, 1650.0, 1130.0)}
_LESION_T2 = {1.5: (350.0, 150.0, 140.0), 3.0: (330.0, 150.0, 138.0)}
_LESION_PD = (0.95, 0.86, 0.82)


def get_relaxation(tesla: float) -> Tissue:
    """Return T1 and T2 in ms and proton density relative to water, each float32, (tissues,)."""
    return Tissue(torch.tensor(_T1[tesla]), torch.tensor(_T2[tesla]), torch.tensor(_PD))


def get_lesion_relaxation(tesla: float) -> Tissue:
    """Return the same of a lesion's core, rim and oedema, (3,)."""
    t1, t2 = torch.tensor(_LESION_T1[tesla]), torch.tensor(_LESION_T2[tesla])
    return Tissue(t1, t2, torch.tensor(_LESION_PD))
