"""Whether what is bounded is all that leaves: of a strategy, and of a model's layers."""

from torch import nn

from flmrcm.privacy.clipping import find_mixing_layer
from flmrcm.strategies.base import Strategy, bounds_influence


def find_unit_problems(word: str, unit: str, strategy: Strategy, model: nn.Module) -> list[str]:
    """Return a line for each way in which more than a bounded thing would leave a site.

    Args:
        word: of the config, for messages.
        unit: whose influence is to be bounded.
        strategy: the run's.
        model: the run's.
    """
    problems: list[str] = []
    if not bounds_influence(strategy, unit):
        problems.append(
            f"privacy={word}: {strategy.name or type(strategy).__name__} lets more of a {unit}'s "
            "data out than is clipped and gets noise; use strategy=fl_mr, fedprox, fedavgm, "
            "fedadam, fedper, or privacy=none."
        )
    if strategy.weighting == "fair":
        problems.append(
            f"privacy={word}: strategy.weighting=fair weighs sites by their losses, which don't "
            "leave them then; use uniform."
        )
    if layer := find_mixing_layer(model):
        problems.append(
            f"privacy={word}: {type(model).__name__}'s {layer}, whose statistics come from whole "
            "batches and leave the site without noise; use a model with instance norms, such as "
            "model=unet."
        )
    return problems
