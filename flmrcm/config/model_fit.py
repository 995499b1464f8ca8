"""Whether what a strategy needs of weights and latents suits the model."""

from collections.abc import Mapping, Sequence
from fnmatch import filter as match_names

import torch
from omegaconf import DictConfig
from torch import nn

from flmrcm.config.travelling import has_remote_sites
from flmrcm.data.site import Site
from flmrcm.federation.local_training import LocalTraining
from flmrcm.federation.middleware import Middleware
from flmrcm.learning.losses import Loss
from flmrcm.learning.module import ReconModule
from flmrcm.models.reconstructor import HasLatent
from flmrcm.models.unrolled import Cascaded
from flmrcm.strategies.aggregation import FAIR
from flmrcm.strategies.base import VOLUME, Strategy


def find_model_problems(strategy: Strategy, module: ReconModule, cfg: DictConfig) -> list[str]:
    """Return a line for each way in which the strategy does not work with the run's model."""
    names = list(module.model.state_dict())
    stays = [name for name in names if not strategy.is_shared(name)]
    problems = [
        f"strategy.private={pattern}: fits no weight of the model, whose weights are called "
        f"{names[0]}, …, {names[-1]}."
        for pattern in strategy.private
        if not match_names(names, pattern)
    ]
    if strategy.needs_latents and not isinstance(module.model, HasLatent):
        problems.append(
            f"strategy: {strategy.name} aligns latents, and {type(module.model).__name__} has "
            "none; use a model with `encode`, such as model=unet, or another strategy."
        )
    if problem := _find_optimizer_problem(strategy, module):
        problems.append(f"strategy: {problem}")
    checkpoints = (cfg.get("compute") or {}).get("checkpoint_cascades")
    if checkpoints and not isinstance(module.model, Cascaded):
        problems.append(
            f"compute.checkpoint_cascades=true: {type(module.model).__name__} is no row of "
            "cascades; use model=varnet or model=cascade, or leave it false."
        )
    problems += _find_complex_weights(module.model)
    if len(stays) == len(names):
        problems.append("strategy.private: keeps every weight at its site; leave some to share.")
    if stays and cfg.get("init_from") and has_remote_sites(cfg):
        problems.append(
            "init_from: sites elsewhere start their private weights from the run's seed and cannot "
            "read this file; leave it null, or take a strategy that shares every weight."
        )
    return problems


def _find_complex_weights(model: nn.Module) -> list[str]:
    """Return a line where weights aren't real: a mean of them would have no imaginary part."""
    odd = [name for name, tensor in model.state_dict().items() if tensor.is_complex()]
    return [
        f"model: {name} of {type(model).__name__} is complex, and sites' weights are averaged as "
        "real numbers; keep the parts of a parameter (torch.view_as_real), and register a buffer "
        "with persistent=False."
        for name in odd[:1]
    ]


def find_loss_problems(
    module: ReconModule, losses: Mapping[str, Loss], pool: Sequence[str] = ()
) -> list[str]:
    """Return a line for each loss that compares what the model doesn't give, or isn't the pool's.

    Args:
        module: the model and the run's loss.
        losses: of sites that have one of their own, by name.
        pool: sites whose data are pooled.
    """
    problems = [
        f"sites.{name}.loss: a pool has one loss for all; leave it null."
        for name in sorted(losses.keys() & {*pool})
    ]
    if module.model.predicts_kspace:
        return problems
    all_losses = {"loss": module.loss} | {f"sites.{name}.loss": x for name, x in losses.items()}
    return problems + [
        f"{key}: {type(loss).__name__} compares k-space, of which {type(module.model).__name__} "
        "says nothing; use model=unet_complex, cascade, varnet or modl."
        for key, loss in all_losses.items()
        if loss.needs_kspace
    ]


def find_weighting_problems(strategy: Strategy, losses: Mapping[str, Loss]) -> list[str]:
    """Return a line for each loss of a site's own where losses weigh the sites."""
    return [
        f"sites.{name}.loss: strategy.weighting=fair compares the losses of sites; leave it null, "
        "or use strategy.weighting=uniform."
        for name in sorted(losses)
        if strategy.weighting == FAIR
    ]


def find_training_problems(
    local: LocalTraining | None, sites: Mapping[str, Site], members: Mapping[str, Middleware]
) -> list[str]:
    """Return a line for each way in which sites can't train as they are asked to."""
    return _find_augmentation_problems(sites) + _find_accumulation_problems(local, members)


def _find_augmentation_problems(sites: Mapping[str, Site]) -> list[str]:
    """Return a line for each reason for which training slices can't be moved."""
    moving = {name: site for name, site in sites.items() if site.loading.augmentation is not None}
    problems = [
        f"sites.{name}.mask: was measured undersampled, and only fully sampled k-space can be "
        "moved; use augmentation=none."
        for name, site in sorted(moving.items())
        if site.reads_masks
    ]
    slow = {site.loading.maps.word for site in moving.values() if site.loading.maps.takes_long}
    problems += [
        f"augmentation: maps={word} would be computed anew for each moved slice; use maps=auto, "
        "adaptive or file."
        for word in sorted(slow)
    ]
    return problems


def _find_accumulation_problems(
    local: LocalTraining | None, members: Mapping[str, Middleware]
) -> list[str]:
    """Return a line where batches are to be accumulated by a site whose steps draw volumes."""
    draws = getattr(members.get("privacy"), "unit", "") == VOLUME
    if local is None or local.accumulate == 1 or not draws:
        return []
    return [
        f"local.accumulate={local.accumulate}: a step of privacy=dp_volume draws its own volumes; "
        "leave it 1, and lower privacy.chunk where memory is short."
    ]


def _find_optimizer_problem(strategy: Strategy, module: ReconModule) -> str | None:
    try:
        optimizer = module.make_optimizer([nn.Parameter(torch.zeros(1, 1))])
    except Exception:  # told where each optimizer of the config is tried
        return None
    return strategy.find_optimizer_problem(optimizer)
