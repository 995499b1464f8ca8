"""Federated MRI reconstruction: several hospitals train one network, and send no image.

As a library, without a config (the command `flmrcm` runs the same from one):

    from flmrcm import FedAvg, Federation, UNet, open_site

    sites = [open_site("/data/brats"), open_site("/data/ixi")]
    federation = Federation(sites, UNet(channels=16), FedAvg(), "outputs/mine", rounds=10)
    federation.run()              # the same lines again go on where it stopped
    print(federation.test())      # a row for each method, site, volume, metric and convention

What is public, `flmrcm.__all__`; each name has a page of its own, `help(flmrcm.UNet)`:

    A federation   open_site, Site, Federation, LocalTraining, Compute, Augmentation,
                   WeightAverage, EarlyStopping
    Strategies     FedAvg (FL-MR), FLMRCM; FedProx, Scaffold, FedDyn, FedNova, Moon; FedAvgM,
                   FedAdam, FedYogi, FedAdagrad; with weights of a site's own: Ditto, FineTune,
                   FedBN, FedMRI, FedPer, LGFedAvg
    Networks       UNet, ComplexUNet, Cascade, VarNet, MoDL
    Masks          Random, RandomBernoulli, Equispaced, EquispacedOffset, Magic, Gaussian1D,
                   Gaussian2D, Poisson, Radial, Spiral, FileMask
    Coil maps      Espirit
    Losses         L1, L2, SSIMLoss, L1SSIM, WeightedSum; without targets: SSDU
    Metrics        PSNR, SSIM, NMSE
    Your own       subclass Strategy and LocalRule, Reconstructor (HasLatent), Mask (it returns a
                   Sampling), CoilMaps, Loss, Metric, or Middleware with SiteHalf, ServerHalf,
                   SiteSide, ServerSide
    Their nouns    Batch, Reconstruction, Step; Broadcast, Reply; ServerState, Memory, SiteContext
    Errors         FlmrcmError: ConfigErrors, DataLayoutError, CheckpointError, SiteFailed

`flmrcm.library` is where `Federation` is explained, docs/stability.md says what of all this stays
as it is. Names are loaded when they are first used, so that `import flmrcm` costs nothing.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flmrcm import library
    from flmrcm.data.augmentation import Augmentation
    from flmrcm.data.coil_maps import CoilMaps
    from flmrcm.data.espirit_maps import Espirit
    from flmrcm.data.site import Site
    from flmrcm.errors import (
        CheckpointError,
        ConfigErrors,
        DataLayoutError,
        FlmrcmError,
        SiteFailed,
    )
    from flmrcm.federation.averaging import WeightAverage
    from flmrcm.federation.early_stopping import EarlyStopping
    from flmrcm.federation.local_training import LocalTraining
    from flmrcm.federation.middleware import Middleware, ServerHalf, ServerSide, SiteHalf, SiteSide
    from flmrcm.learning.compute import Compute
    from flmrcm.learning.losses import L1, L1SSIM, L2, Loss, SSIMLoss
    from flmrcm.learning.metrics import NMSE, PSNR, SSIM, Metric
    from flmrcm.learning.ssdu import SSDU
    from flmrcm.learning.weighted_sum import WeightedSum
    from flmrcm.library import Federation, open_site
    from flmrcm.models.cascade import Cascade
    from flmrcm.models.modl import MoDL
    from flmrcm.models.reconstructor import HasLatent, Reconstructor
    from flmrcm.models.unet import UNet
    from flmrcm.models.unet_complex import ComplexUNet
    from flmrcm.models.varnet import VarNet
    from flmrcm.mri.masks import (
        Equispaced,
        EquispacedOffset,
        FileMask,
        Gaussian1D,
        Gaussian2D,
        Magic,
        Mask,
        Poisson,
        Radial,
        Random,
        RandomBernoulli,
        Sampling,
        Spiral,
    )
    from flmrcm.strategies.base import LocalRule, Strategy
    from flmrcm.strategies.ditto import Ditto
    from flmrcm.strategies.fedavg import FedAvg
    from flmrcm.strategies.fedbn import FedBN
    from flmrcm.strategies.feddyn import FedDyn
    from flmrcm.strategies.fedmri import FedMRI
    from flmrcm.strategies.fednova import FedNova
    from flmrcm.strategies.fedper import FedPer, LGFedAvg
    from flmrcm.strategies.fedprox import FedProx
    from flmrcm.strategies.finetune import FineTune
    from flmrcm.strategies.fl_mrcm import FLMRCM
    from flmrcm.strategies.moon import Moon
    from flmrcm.strategies.scaffold import Scaffold
    from flmrcm.strategies.server_optimizer import FedAdagrad, FedAdam, FedAvgM, FedYogi
    from flmrcm.types import (
        Batch,
        Broadcast,
        Memory,
        Reconstruction,
        Reply,
        ServerState,
        SiteContext,
        Step,
    )

__version__ = version("flmrcm")

_NAMES = {
    "data.augmentation": "Augmentation",
    "data.coil_maps": "CoilMaps",
    "data.espirit_maps": "Espirit",
    "data.site": "Site",
    "errors": "CheckpointError ConfigErrors DataLayoutError FlmrcmError SiteFailed",
    "federation.averaging": "WeightAverage",
    "federation.early_stopping": "EarlyStopping",
    "federation.local_training": "LocalTraining",
    "federation.middleware": "Middleware ServerHalf ServerSide SiteHalf SiteSide",
    "learning.compute": "Compute",
    "learning.losses": "L1 L1SSIM L2 Loss SSIMLoss",
    "learning.metrics": "Metric NMSE PSNR SSIM",
    "learning.ssdu": "SSDU",
    "learning.weighted_sum": "WeightedSum",
    "library": "Federation open_site",
    "models.cascade": "Cascade",
    "models.modl": "MoDL",
    "models.reconstructor": "HasLatent Reconstructor",
    "models.unet": "UNet",
    "models.unet_complex": "ComplexUNet",
    "models.varnet": "VarNet",
    "mri.masks": (
        "Equispaced EquispacedOffset FileMask Gaussian1D Gaussian2D Magic Mask Poisson Radial "
        "Random RandomBernoulli Sampling Spiral"
    ),
    "strategies.base": "LocalRule Strategy",
    "strategies.ditto": "Ditto",
    "strategies.fedavg": "FedAvg",
    "strategies.fedbn": "FedBN",
    "strategies.feddyn": "FedDyn",
    "strategies.fedmri": "FedMRI",
    "strategies.fednova": "FedNova",
    "strategies.fedper": "FedPer LGFedAvg",
    "strategies.fedprox": "FedProx",
    "strategies.finetune": "FineTune",
    "strategies.fl_mrcm": "FLMRCM",
    "strategies.moon": "Moon",
    "strategies.scaffold": "Scaffold",
    "strategies.server_optimizer": "FedAdagrad FedAdam FedAvgM FedYogi",
    "types": "Batch Broadcast Memory Reconstruction Reply ServerState SiteContext Step",
}
"""The public names, by where they lie."""

_MODULES = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = [
    "FLMRCM", "L1", "L1SSIM", "L2", "NMSE", "PSNR", "SSDU", "SSIM", "Augmentation", "Batch",
    "Broadcast", "Cascade", "CheckpointError", "CoilMaps", "ComplexUNet", "Compute",
    "ConfigErrors", "DataLayoutError", "Ditto", "EarlyStopping", "Equispaced", "EquispacedOffset",
    "Espirit", "FedAdagrad", "FedAdam", "FedAvg", "FedAvgM", "FedBN", "FedDyn", "FedMRI",
    "FedNova", "FedPer", "FedProx", "FedYogi", "Federation", "FileMask", "FineTune",
    "FlmrcmError", "Gaussian1D", "Gaussian2D", "HasLatent", "LGFedAvg", "LocalRule",
    "LocalTraining", "Loss", "Magic", "Mask", "Memory", "Metric", "Middleware", "MoDL", "Moon",
    "Poisson", "Radial", "Random", "RandomBernoulli", "Reconstruction", "Reconstructor", "Reply",
    "SSIMLoss", "Sampling", "Scaffold", "ServerHalf", "ServerSide", "ServerState", "Site",
    "SiteContext", "SiteFailed", "SiteHalf", "SiteSide", "Spiral", "Step", "Strategy", "UNet",
    "VarNet", "WeightAverage", "WeightedSum", "library", "open_site",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Return a public name, loading the module it lies in."""
    if name == "library":
        return import_module("flmrcm.library")
    if name not in _MODULES:
        raise AttributeError(f"module 'flmrcm' has no attribute '{name}'")
    return getattr(import_module(f"flmrcm.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
