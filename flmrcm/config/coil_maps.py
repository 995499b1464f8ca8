"""From the config's maps to where coil maps come from, and whether model and masks go with it."""

from omegaconf import DictConfig

from flmrcm.config.build import Builder
from flmrcm.config.sites import list_site_nodes
from flmrcm.data.coil_maps import FROM_MODEL, Adaptive, CoilMaps, SenseNet
from flmrcm.learning.module import ReconModule
from flmrcm.models.reconstructor import Reconstructor


def build_coil_maps(cfg: DictConfig, found: Builder, module: ReconModule | None) -> CoilMaps:
    """Return where coil maps come from; what doesn't go with model or masks is a problem.

    Args:
        cfg: the run's; one from before there was such a key leaves maps to the model.
        found: collects problems.
        module: its model may read maps, need them, or learn them; None where it has a problem.
    """
    node = cfg.get("maps")
    maps = found.build("maps", node, CoilMaps) if node else FROM_MODEL
    if maps is None or module is None:
        return FROM_MODEL
    found.problems += find_maps_problems(maps, module.model)
    maps = choose_maps(maps, module.model)
    if needs_center(maps, module.model):
        who = type(module.model).__name__ if maps.from_model else f"maps={maps.word}"
        found.problems += _find_center_problems(who, cfg)
    return maps


def choose_maps(maps: CoilMaps, model: Reconstructor) -> CoilMaps:
    """Return the maps, but adaptive ones where they are left to a model that has no way to any."""
    left = maps.from_model and model.needs_maps and not model.learns_maps
    return Adaptive() if left else maps


def needs_center(maps: CoilMaps, model: Reconstructor) -> bool:
    """Return whether maps come from a fully sampled centre, and can't from anything else."""
    return maps.needs_center or (maps.from_model and model.learns_maps)


def find_maps_problems(maps: CoilMaps, model: Reconstructor) -> list[str]:
    """Return a line where the model can't do with such maps."""
    name, takes = type(model).__name__, model.reads_maps or model.needs_maps
    if isinstance(maps, SenseNet) and not model.learns_maps:
        return [
            f"maps=sense_net: {name} has no network for coil maps; use model=varnet, or "
            f"{'maps=adaptive, espirit or file' if takes else 'leave maps=auto'}."
        ]
    if not maps.from_model and not takes:
        return [
            f"maps={maps.word}: {name} reads no coil maps; leave maps=auto, or use a model on "
            "k-space, such as model=varnet or model=cascade."
        ]
    return []


def _find_center_problems(who: str, cfg: DictConfig) -> list[str]:
    """Return a line for each mask that leaves no centre, from which coil maps come."""
    masks = {"mask": cfg.get("mask")}
    if cfg.get("sites"):
        masks |= {f"sites.{n}.mask": node.get("mask") for n, node in list_site_nodes(cfg).items()}
    return [
        f"{key}.center_fractions={node.center_fractions}: {who} estimates coil maps from a fully "
        "sampled centre; leave one, such as 0.08."
        for key, node in masks.items()
        if node and 0 in (node.get("center_fractions") or ())
    ]
