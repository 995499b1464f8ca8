"""Differences of low rank: a weight of a layer is a matrix, and travels as two thin ones."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from flmrcm.errors import require
from flmrcm.middleware.compression.base import Compression
from flmrcm.middleware.compression.packing import PayloadError, Shapes, flatten, split, take
from flmrcm.types import Weights

_ITERATIONS = 2


@dataclass(frozen=True)
class PowerSGD(Compression):
    """Sends the leading part of each matrix, (output channels, all else); vectors travel whole.

    Vogels, Karimireddy and Jaggi, NeurIPS 2019, algorithm 1. Theirs begins with the round before;
    this begins with a random matrix and iterates twice, so neither end has to keep one.

    Args:
        rank: r, of a matrix as it arrives.

    Raises:
        ConfigErrors: a rank below 1.
    """

    rank: int = 4

    def __post_init__(self) -> None:
        require({"compression.rank": (self.rank >= 1, f"at least 1; got {self.rank}.")})

    @property
    def feeds_back(self) -> bool:
        """Return True: what is left out is always the trailing part."""
        return True

    def shrink(self, changes: Weights, seed: int) -> Weights:
        """Return the factors of all matrices; see `Compression.shrink`."""
        draws = torch.Generator().manual_seed(seed)
        factors: Weights = {}
        with _one_thread():
            for name, change in sorted(changes.items()):
                if self._is_thin(change.shape):
                    factors[name] = change
                else:
                    matrix = change.reshape(len(change), -1)
                    factors[name] = factorise(matrix, self.rank, draws)
        return {"factors": flatten(factors)}

    def restore(self, payload: Weights, shapes: Shapes) -> Weights:
        """Return the products of factors; see `Compression.restore`."""
        if payload.keys() != {"factors"}:
            raise PayloadError("it holds more than factors, or none")
        sizes = {name: torch.Size([self._count(shape)]) for name, shape in shapes.items()}
        factors = split(take(payload["factors"], torch.float32), sizes)
        return {name: self._multiply(factors[name], shape) for name, shape in shapes.items()}

    def _multiply(self, factors: Tensor, shape: torch.Size) -> Tensor:
        """Return a tensor; one product is added at a time, so that every machine gets its bits."""
        if self._is_thin(shape):
            return factors.reshape(shape)
        height = shape[0]
        left, right = factors.split([self.rank * height, self.rank * (shape.numel() // height)])
        total = torch.zeros(height, shape.numel() // height)
        for p, q in zip(left.split(height), right.split(total.shape[1]), strict=True):
            total = total + p[:, None] * q[None, :]
        return total.reshape(shape)

    def _is_thin(self, shape: torch.Size) -> bool:
        """Return whether a tensor has no more numbers than its factors would have."""
        return len(shape) < 2 or shape.numel() <= self._count_factors(shape)

    def _count(self, shape: torch.Size) -> int:
        return shape.numel() if self._is_thin(shape) else self._count_factors(shape)

    def _count_factors(self, shape: torch.Size) -> int:
        return self.rank * (shape[0] + shape.numel() // max(shape[0], 1))


def factorise(matrix: Tensor, rank: int, draws: torch.Generator) -> Tensor:
    """Return P, (rank, height), with orthonormal rows, and Q, (rank, width), in one row of numbers.

    PᵀQ is near the matrix: the best of this rank, but for how far two iterations come.

    Args:
        matrix: (height, width).
        rank: at most its smaller side.
        draws: of the first Q.
    """
    right = torch.randn(matrix.shape[1], rank, generator=draws)
    left = matrix[:, :rank]
    for _ in range(_ITERATIONS):
        left = torch.linalg.qr(matrix @ right).Q
        right = matrix.T @ left
    return torch.cat([left.T.reshape(-1), right.T.reshape(-1)])


@contextmanager
def _one_thread() -> Generator[None]:
    """Multiply on one thread: how many there are changes the last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
