"""Scaling images for a network, and back."""

import torch
from torch.testing import assert_close

from flmrcm.mri.normalisation import denormalise, normalise


def test_denormalise_undoes_normalise() -> None:
    image = torch.rand(2, 1, 5, 4)
    mean, std = torch.tensor([1.0, 5.0]), torch.tensor([0.5, 3.0])
    assert_close(denormalise(normalise(image, mean, std), mean, std), image)
    assert_close(normalise(image, mean, std)[1], (image[1] - 5) / 3)
