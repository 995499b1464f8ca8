"""Federated MRI reconstruction: as experiments from a config, and as a library.

The names below are loaded when they are first used, so that `import flmrcm` costs nothing.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flmrcm import library
    from flmrcm.data.site import Site
    from flmrcm.federation.local_training import LocalTraining
    from flmrcm.federation.middleware import Middleware
    from flmrcm.learning.compute import Compute
    from flmrcm.learning.losses import Loss
    from flmrcm.learning.metrics import Metric
    from flmrcm.learning.ssdu import SSDU
    from flmrcm.library import Federation, open_site
    from flmrcm.models.cascade import Cascade
    from flmrcm.models.modl import MoDL
    from flmrcm.models.reconstructor import HasLatent, Reconstructor
    from flmrcm.models.unet import UNet
    from flmrcm.models.unet_complex import ComplexUNet
    from flmrcm.models.varnet import VarNet
    from flmrcm.mri.masks import Equispaced, Mask, Random
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

__version__ = version("flmrcm")

_MODULES = {
    "Cascade": "models.cascade",
    "ComplexUNet": "models.unet_complex",
    "Compute": "learning.compute",
    "Ditto": "strategies.ditto",
    "Equispaced": "mri.masks",
    "FLMRCM": "strategies.fl_mrcm",
    "FedAdagrad": "strategies.server_optimizer",
    "FedAdam": "strategies.server_optimizer",
    "FedAvg": "strategies.fedavg",
    "FedAvgM": "strategies.server_optimizer",
    "FedBN": "strategies.fedbn",
    "FedDyn": "strategies.feddyn",
    "FedMRI": "strategies.fedmri",
    "FedNova": "strategies.fednova",
    "FedPer": "strategies.fedper",
    "FedProx": "strategies.fedprox",
    "FedYogi": "strategies.server_optimizer",
    "Federation": "library",
    "FineTune": "strategies.finetune",
    "HasLatent": "models.reconstructor",
    "LGFedAvg": "strategies.fedper",
    "LocalRule": "strategies.base",
    "LocalTraining": "federation.local_training",
    "Loss": "learning.losses",
    "Mask": "mri.masks",
    "Metric": "learning.metrics",
    "Middleware": "federation.middleware",
    "MoDL": "models.modl",
    "Moon": "strategies.moon",
    "Random": "mri.masks",
    "Reconstructor": "models.reconstructor",
    "SSDU": "learning.ssdu",
    "Scaffold": "strategies.scaffold",
    "Site": "data.site",
    "Strategy": "strategies.base",
    "UNet": "models.unet",
    "VarNet": "models.varnet",
    "open_site": "library",
}
"""Where each public name lies."""

__all__ = [
    "FLMRCM",
    "SSDU",
    "Cascade",
    "ComplexUNet",
    "Compute",
    "Ditto",
    "Equispaced",
    "FedAdagrad",
    "FedAdam",
    "FedAvg",
    "FedAvgM",
    "FedBN",
    "FedDyn",
    "FedMRI",
    "FedNova",
    "FedPer",
    "FedProx",
    "FedYogi",
    "Federation",
    "FineTune",
    "HasLatent",
    "LGFedAvg",
    "LocalRule",
    "LocalTraining",
    "Loss",
    "Mask",
    "Metric",
    "Middleware",
    "MoDL",
    "Moon",
    "Random",
    "Reconstructor",
    "Scaffold",
    "Site",
    "Strategy",
    "UNet",
    "VarNet",
    "library",
    "open_site",
]


def __getattr__(name: str) -> Any:
    """Return a public name, loading the module it lies in."""
    if name == "library":
        return import_module("flmrcm.library")
    if name not in _MODULES:
        raise AttributeError(f"module 'flmrcm' has no attribute '{name}'")
    return getattr(import_module(f"flmrcm.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
