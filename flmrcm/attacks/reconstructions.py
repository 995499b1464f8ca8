"""Images that an attack made of a message, each beside the image that was behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from torch import Tensor

from flmrcm.attacks.attacked_run import Finding
from flmrcm.attacks.scoring import Array, Likeness, fit_affine, score_images

STARTED = "before"
"""The way that uses no message: what the attacker had before."""


@dataclass(frozen=True)
class Reconstructed:
    """One image, made in one way.

    Attributes:
        name: `site/volume/slice` of the image behind it.
        image: (height, width), fitted to that.
        likeness: to it, and to the others of its site.
    """

    name: str
    image: Array
    likeness: Likeness


@dataclass(frozen=True)
class Reconstructions(Finding):
    """Images made in one or several ways of the same messages.

    Attributes:
        names: `site/volume/slice` of every image of the site.
        pool: these images as the network saw them, normalised, (images, height, width).
        ways: what each way of attacking made.
        about: whatever else is to be told.
    """

    names: Sequence[str]
    pool: Array
    ways: Mapping[str, Sequence[Reconstructed]]
    about: Mapping[str, Any]

    def describe(self) -> dict[str, Any]:
        """Return means and every image's scores, by way."""
        return {
            **self.about,
            "images_of_the_site": len(self.pool),
            "ways": {way: self._describe(found) for way, found in self.ways.items()},
        }

    def summarise(self) -> list[str]:
        """Return a line for each way."""
        return [_format_line(way, self._describe(found)) for way, found in self.ways.items()]

    def _describe(self, found: Sequence[Reconstructed]) -> dict[str, Any]:
        like = [one.likeness for one in found]
        keys = ("ssim", "psnr", "wrong_ssim", "rank")
        return {
            **{key: float(np.mean([getattr(one, key) for one in like])) for key in keys},
            "recognised": float(np.mean([one.is_recognised for one in like])),
            "recognised_by_chance": 1 / len(self.pool),
            "images": [
                {"name": one.name, "nearest_wrong": self.names[one.likeness.wrong]}
                | {key: asdict(one.likeness)[key] for key in keys}
                for one in found
            ],
        }


def rate_images(
    images: Tensor, truths: Sequence[int], names: Sequence[str], pool: Array
) -> list[Reconstructed]:
    """Return reconstructions with their scores.

    Args:
        images: (n, 1, height, width), in any order and scale.
        truths: numbers of the images behind them, at least n.
        names: of all images of the site.
        pool: these, (images, height, width).
    """
    made = images[:, 0].double().cpu().numpy()
    found = score_images(made, truths, pool)
    return [
        Reconstructed(names[like.truth], fit_affine(image, pool[like.truth]), like)
        for image, like in zip(made, found, strict=True)
    ]


def _format_line(way: str, found: Mapping[str, Any]) -> str:
    n = len(found["images"])
    return (
        f"{way}: SSIM {found['ssim']:.2f}, nearest wrong image {found['wrong_ssim']:.2f}; "
        f"PSNR {found['psnr']:.1f} dB; recognised {found['recognised']:.0%} of {n} "
        f"(guessing: {found['recognised_by_chance']:.0%})"
    )
