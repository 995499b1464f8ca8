"""How a scanner turns an image into measured k-space, and the adjoint way back.

y = M F S x: coil sensitivities S, centred orthonormal Fourier transform F, sampling mask M.
Whatever undersamples, transforms or combines coils goes through one of these objects, so that
another trajectory is another class.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from flmrcm.mri.coils import rss
from flmrcm.mri.fourier import fft2c, ifft2c


class Acquisition(ABC):
    """A linear map from images to measured k-space, with its adjoint.

    Law: ⟨A x, y⟩ = ⟨x, Aᴴ y⟩ for every image x and every k-space y.
    """

    @abstractmethod
    def forward(self, image: Tensor) -> Tensor:
        """Return A x, complex, (batch, coils, rows, columns), zero where nothing is measured.

        Args:
            image: complex, (batch, rows, columns); without coil maps the coil images, (batch,
                coils, rows, columns).
        """

    @abstractmethod
    def adjoint(self, kspace: Tensor) -> Tensor:
        """Return Aᴴ y, complex, shaped as `forward` takes it.

        Args:
            kspace: complex, (batch, coils, rows, columns); what is not measured does not count.
        """

    @abstractmethod
    def undersample(self, kspace: Tensor) -> Tensor:
        """Return what the acquisition would have measured of fully sampled k-space, same shape."""

    def normal(self, image: Tensor) -> Tensor:
        """Return Aᴴ A x, shaped as the image."""
        return self.adjoint(self.forward(image))

    def solve(
        self, image: Tensor, weight: Tensor | float, steps: int = 10, tolerance: float = 1e-5
    ) -> Tensor:
        """Return (AᴴA + λI)⁻¹ x by conjugate gradients, differentiable in x, λ and the maps.

        Args:
            image: x, shaped as `forward` takes it.
            weight: λ > 0, a scalar.
            steps: the most that are taken.
            tolerance: a sample of the batch is done once its residual is at most this share of x.
        """

        def apply(direction: Tensor) -> Tensor:
            return self.normal(direction) + weight * direction

        return solve_by_conjugate_gradients(apply, image, steps, tolerance)

    def reconstruct_magnitude(self, kspace: Tensor) -> Tensor:
        """Return the zero-filled magnitude image, (batch, rows, columns), ≥ 0.

        Without coil maps it is the root sum of squares over coils.

        Args:
            kspace: complex, (batch, coils, rows, columns).
        """
        image = self.adjoint(kspace)
        if image.ndim == kspace.ndim:
            return image.abs().squeeze(1) if image.shape[1] == 1 else rss(image)
        return image.abs()


@dataclass(frozen=True)
class Cartesian(Acquisition):
    """Samples on a Cartesian grid.

    Args:
        mask: bool, broadcastable to (batch, coils, rows, columns), True where measured.
        maps: coil sensitivities, complex, (batch, coils, rows, columns); None keeps coil images
            apart.
    """

    mask: Tensor
    maps: Tensor | None = None

    def forward(self, image: Tensor) -> Tensor:
        """Return M F S x; see `Acquisition.forward`."""
        return self.undersample(self.expand(image))

    def adjoint(self, kspace: Tensor) -> Tensor:
        """Return Sᴴ F⁻¹ M y; see `Acquisition.adjoint`."""
        return self.reduce(self.undersample(kspace))

    def undersample(self, kspace: Tensor) -> Tensor:
        """Return M y."""
        return kspace * self.mask

    def expand(self, image: Tensor) -> Tensor:
        """Return F S x, the k-space before it is sampled; shapes as in `Acquisition.forward`."""
        return fft2c(image if self.maps is None else image.unsqueeze(1) * self.maps)

    def reduce(self, kspace: Tensor) -> Tensor:
        """Return Sᴴ F⁻¹ k, every sample counted; shapes as in `Acquisition.adjoint`."""
        coils = ifft2c(kspace)
        return coils if self.maps is None else (coils * self.maps.conj()).sum(1)

    def replace_measured(
        self, kspace: Tensor, measured: Tensor, weight: float | None = None
    ) -> Tensor:
        """Return k-space that agrees with the measurement where there is one.

        There it is k₀ to the bit, or with a weight v, for noisy data, (k + v·k₀)/(1 + v)
        (Schlemper et al. 2018, arXiv 1704.02422, equation 6); elsewhere it is k.

        Args:
            kspace: k, complex, (batch, coils, rows, columns), an estimate.
            measured: k₀, same shape.
            weight: v ≥ 0; None is v → ∞.
        """
        known = measured if weight is None else (kspace + weight * measured) / (1 + weight)
        return torch.where(self.mask, known, kspace)

    def measure_error(self, kspace: Tensor, measured: Tensor) -> Tensor:
        """Return M (k − k₀): the gradient of ½‖M (k − k₀)‖², by which soft data consistency steps.

        Args:
            kspace: k, complex, (batch, coils, rows, columns), an estimate.
            measured: k₀, same shape.
        """
        return self.undersample(kspace - measured)


def center_crop(image: Tensor, height: int, width: int) -> Tensor:
    """Return the central part, (…, height, width), as fastMRI cuts it."""
    top, left = (image.shape[-2] - height) // 2, (image.shape[-1] - width) // 2
    return image[..., top : top + height, left : left + width]


def keep_center(kspace: Tensor, center: Tensor) -> Tensor:
    """Return k-space that is zero outside of the fully sampled centre, same shape.

    Args:
        kspace: complex, (batch, coils, rows, columns).
        center: int, (batch, 2), its rows and columns, of each slice its own; one at least is kept.
    """
    rows, columns = (
        _is_central(kspace.shape[axis], count)
        for axis, count in zip((-2, -1), center.T, strict=True)
    )
    return kspace * (rows.unsqueeze(-1) & columns.unsqueeze(-2)).unsqueeze(1)


def solve_by_conjugate_gradients(
    operator: Callable[[Tensor], Tensor], right: Tensor, steps: int, tolerance: float
) -> Tensor:
    """Return x with B x = b for a Hermitian positive definite B (Hestenes and Stiefel 1952).

    Args:
        operator: B, from and to tensors shaped as b; its samples do not mix.
        right: b, complex, (batch, …); all-zero samples give zero.
        steps: the most that are taken.
        tolerance: a sample is done once ‖b − B x‖ ≤ tolerance · ‖b‖.
    """
    solution, residual, direction = torch.zeros_like(right), right, right
    energy = _sum_products(residual, residual)
    enough = tolerance**2 * energy
    for _ in range(steps):
        active = energy > enough
        image = operator(direction)
        step = _divide(energy, _sum_products(direction, image), active)
        solution = solution + step * direction
        residual = residual - step * image
        renewed = _sum_products(residual, residual)
        direction = residual + _divide(renewed, energy, active) * direction
        energy = renewed
    return solution


def stack_masks(masks: list[Tensor], device: torch.device) -> Tensor:
    """Return masks, each (rows, columns) or (1, columns), as (batch, 1, rows or 1, columns)."""
    return torch.stack(torch.broadcast_tensors(*masks)).unsqueeze(1).to(device)


def _is_central(size: int, count: Tensor) -> Tensor:
    """Return whether each index lies in the centre of an axis, bool, (batch, size)."""
    count = count.clamp(min=1).unsqueeze(-1)
    start = (size - count + 1) // 2  # as the masks place it
    index = torch.arange(size, device=count.device)
    return (index >= start) & (index < start + count)


def _sum_products(x: Tensor, y: Tensor) -> Tensor:
    """Return Re⟨x, y⟩ of each sample, real, (batch, 1, …)."""
    return (x.conj() * y).real.sum(tuple(range(1, x.ndim)), keepdim=True)


def _divide(x: Tensor, y: Tensor, where: Tensor) -> Tensor:
    """Return x/y, and 0 elsewhere; a division that is not wanted must give no gradient either."""
    return torch.where(where, x / torch.where(where, y, 1), 0)
