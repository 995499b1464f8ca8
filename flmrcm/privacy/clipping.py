"""Gradients of single slices, clipped: what bounds the influence of a volume on a step.

DP-SGD, Abadi et al., Deep Learning with Differential Privacy, CCS 2016, algorithm 1.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap

from flmrcm.errors import FlmrcmError
from flmrcm.types import Batch, Reconstruction, Weights


class DividingLoss(Protocol):
    """A loss as training uses it; see `learning.losses.Loss`."""

    def divide(self, batch: Batch) -> tuple[Batch, Batch]:
        """Return what the model may see of a training batch, and the goal."""
        ...

    def __call__(self, found: Reconstruction, goal: Batch) -> Tensor:
        """Return the loss, a scalar."""
        ...


def sum_clipped(
    model: nn.Module, loss: DividingLoss, batches: Iterable[Batch], clip: float, chunk: int
) -> tuple[Weights, Tensor]:
    """Return Σ g·min(1, C/‖g‖) over slices, by parameter, and the mean loss, 0 of no slice.

    A slice is seen alone, as a batch of one; its norm is that over all parameters that train.

    Args:
        model: in training mode.
        loss: of a batch of one.
        batches: any number of them, of any sizes.
        clip: C > 0.
        chunk: slices at once; so many sets of gradients are in memory. 1 takes no `vmap`.

    Raises:
        FlmrcmError: `vmap` can't work through the model.
    """
    weights = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}
    sums = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    losses: list[Tensor] = []
    for batch in batches:
        seen, goal = (_select_tensors(part) for part in loss.divide(batch))
        for start in range(0, len(batch.volume), chunk):
            part = [{k: t[start : start + chunk] for k, t in x.items()} for x in (seen, goal)]
            gradients, values = compute_each(model, loss, *part, by_vmap=chunk > 1)
            norms = torch.stack([g.flatten(1).norm(dim=1) for g in gradients.values()]).norm(dim=0)
            factors = (clip / norms).clamp(max=1)
            for name, gradient in gradients.items():
                sums[name] += torch.tensordot(factors.to(gradient), gradient, 1)
            losses.append(values.detach())
    return sums, torch.cat(losses).mean() if losses else next(iter(sums.values())).new_zeros(())


def compute_each(
    model: nn.Module, loss: DividingLoss, seen: Weights, goal: Weights, *, by_vmap: bool
) -> tuple[Weights, Tensor]:
    """Return each slice's gradient, (slices, …) by parameter, and its loss, (slices,).

    Args:
        model: in training mode.
        loss: of a batch of one.
        seen: tensors of a batch that the model sees, by field.
        goal: tensors of the batch that the loss compares with.
        by_vmap: all at once; else the one slice that there is, by plain backpropagation.
    """
    weights: Weights = {name: p for name, p in model.named_parameters() if p.requires_grad}

    def compute_loss(weights: Weights, seen: Weights, goal: Weights) -> Tensor:
        found = functional_call(model, weights, (_build_single(seen),))
        return loss(found, _build_single(goal))

    if by_vmap:
        detached = {name: weight.detach() for name, weight in weights.items()}
        return _map(grad_and_value(compute_loss), detached, seen, goal)
    value = compute_loss(weights, *({k: t[0] for k, t in x.items()} for x in (seen, goal)))
    found = torch.autograd.grad(
        value, list(weights.values()), allow_unused=True, materialize_grads=True
    )
    return {n: g[None] for n, g in zip(weights, found, strict=True)}, value.detach()[None]


def find_mixing_layer(model: nn.Module) -> str | None:
    """Return a layer whose statistics are over a batch's samples, or kept of them, in words."""
    for name, layer in model.named_modules():
        if isinstance(layer, nn.modules.batchnorm._NormBase) and layer.track_running_stats:  # pyright: ignore[reportPrivateUsage]
            return f"{name} is a {type(layer).__name__}"
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):  # pyright: ignore[reportPrivateUsage]
            return f"{name} is a {type(layer).__name__}"
    return None


def _map(
    compute: Callable[..., tuple[Weights, Tensor]], *inputs: Weights
) -> tuple[Weights, Tensor]:
    try:
        return vmap(compute, in_dims=(None, 0, 0), randomness="different")(*inputs)
    except RuntimeError as error:
        if not any(word in str(error) for word in ("vmap", "torch.func")):
            raise
        raise FlmrcmError(
            "the gradients of single slices can't be computed at once for this model "
            f"({str(error).splitlines()[0][:100]}…); use privacy.chunk=1."
        ) from None


def _select_tensors(batch: Batch) -> Weights:
    """Return a batch's tensors by field, each with a row for each slice."""
    n = len(batch.volume)
    fields = batch._asdict().items()
    return {k: t.expand(n, *t.shape[1:]) for k, t in fields if isinstance(t, Tensor)}


def _build_single(tensors: Weights) -> Batch:
    """Return a batch of one slice; its tensors come without the batch's axis."""
    nothing = dict.fromkeys(Batch._fields)
    fields = {name: tensor.unsqueeze(0) for name, tensor in tensors.items()}
    return Batch(**{**nothing, **fields, "volume": [""]})  # pyright: ignore[reportArgumentType]
