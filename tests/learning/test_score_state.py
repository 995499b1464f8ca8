"""The state of a test: slices in, scores of whole volumes out, however they're batched."""

from itertools import chain
from typing import Any

import numpy as np
import pytest
import torch
from kits.factories import make_noisy_volume as volume
from torch import Tensor

from flmrcm.learning.lesion_metrics import LesionPSNR
from flmrcm.learning.metrics import DEFAULT_METRICS, VolumeScore, score_volume
from flmrcm.learning.score_state import VolumeScores
from flmrcm.mri.normalisation import CLAMP, normalise
from flmrcm.types import Batch


def scored(image: np.ndarray, target: np.ndarray, clamped: np.ndarray) -> dict[Any, Any]:
    return {tuple(row[:2]): tuple(row[2:]) for row in score_volume(image, target, clamped)}


def batches_of_volume(
    name: str, image: np.ndarray, target: np.ndarray, batch_size: int, std: float = 0.4
) -> list[tuple[Tensor, Batch]]:
    """A volume as a site's loaders give it: normalised, a few slices at a time."""
    found = []
    for first in range(0, len(target), batch_size):
        part = slice(first, first + batch_size)
        n = len(target[part])
        mean, stds = torch.full((n,), 1.0), torch.full((n,), std)
        x, y = (normalise(torch.from_numpy(a[part])[:, None], mean, stds) for a in (image, target))
        mask = torch.ones(n, 1, 1, 1, dtype=torch.bool)
        index = torch.arange(first, first + n)
        found.append((x, Batch(x, y, mean, stds, mask, [name] * n, index)))
    return found


def joined(ones: list[tuple[Tensor, Batch]]) -> tuple[Tensor, Batch]:
    """Several batches of one size as one."""
    images, batches = zip(*ones, strict=True)
    columns = zip(*(batch[:7] for batch in batches), strict=True)
    fields = ([*chain(*x)] if isinstance(x[0], list) else torch.cat(x) for x in columns)
    return torch.cat(images), Batch(*fields)


def through(steps: list[tuple[Tensor, Batch]]) -> list[VolumeScore]:
    scores = VolumeScores()
    for image, batch in steps:
        scores.update(image, batch)
    return scores.compute()


def values(scores: list[VolumeScore]) -> dict[tuple[str, str, str], Any]:
    assert len({score[:3] for score in scores}) == len(scores)
    return {score[:3]: (pytest.approx(score.value, rel=1e-6), score.slices) for score in scores}


def test_a_volume_is_scored_in_its_own_units() -> None:
    image, target = volume()
    expected = scored(image, target, target)
    for _, metric, convention, value, slices in through(batches_of_volume("a/v", image, target, 3)):
        if convention != "published":
            assert (pytest.approx(value, rel=1e-4), slices) == expected[metric, convention]


def test_the_published_convention_clamps_the_target() -> None:
    image, target = volume()
    std = (target.max() - 1.0) / (2 * CLAMP)  # half of the brightest pixel's way up is 6 σ
    found = {s[1:3]: s.value for s in through(batches_of_volume("a/v", image, target, 4, std))}
    clamped = np.clip(target, 1 - CLAMP * std, 1 + CLAMP * std)
    assert clamped.max() < 0.9 * target.max()
    expected = scored(image, target, clamped)
    for key, value in found.items():
        assert value == pytest.approx(expected[key][0], rel=1e-4)


@pytest.mark.parametrize("batch_size", [1, 3, 4, 16])
def test_how_slices_are_batched_changes_no_score(batch_size: int) -> None:
    whole = values(through(batches_of_volume("a/v", *volume(), 99)))
    assert values(through(batches_of_volume("a/v", *volume(), batch_size))) == whole


def test_volumes_that_share_batches_are_told_apart() -> None:
    (a1, a2), (b1, b2) = (
        batches_of_volume(name, *volume(seed=s), 2) for s, name in ((1, "s/a"), (2, "s/b"))
    )
    apart = values(through([a1, a2, b1, b2]))
    assert values(through([a1, joined([a2, b1]), b2])) == apart
    assert {name for name, *_ in apart} == {"s/a", "s/b"}


def test_sizes_that_take_turns_change_no_score() -> None:
    a1, a2 = batches_of_volume("s/a", *volume(seed=1), 2)
    b1, b2 = batches_of_volume("s/b", *volume(size=(9, 12), seed=2), 2)
    assert values(through([a1, b1, a2, b2])) == values(through([a1, a2, b1, b2]))


def test_a_volume_is_let_go_once_it_is_whole() -> None:
    scores = VolumeScores()
    for name in ("s/a", "s/b", "s/c"):
        for image, batch in batches_of_volume(name, *volume(), 2):
            scores.update(image, batch)
    assert list(scores._unfinished) == ["s/c"]


def test_scores_are_forgotten_on_reset() -> None:
    scores = VolumeScores()
    for name in ("s/a", "s/b"):
        scores.reset()
        for image, batch in batches_of_volume(name, *volume(), 2):
            scores.update(image, batch)
        assert {score.volume for score in scores.compute()} == {name}


def test_a_volume_without_a_target_leaves_the_others_scores_as_they_are() -> None:
    one, other = (
        batches_of_volume(name, *volume(seed=seed), 2) for name, seed in (("a", 0), ("b", 1))
    )
    blind = [(image, batch._replace(target=None)) for image, batch in other]
    assert through([one[0], blind[0], one[1], blind[1]]) == through(one)
    assert through(blind) == []


def test_a_volume_without_a_lesion_has_no_score_of_lesions_however_slices_are_batched() -> None:
    image, target = volume()
    lesion = torch.zeros(target.shape, dtype=torch.bool)[:, None]
    lesion[1, :, 8:12, 5:9] = True

    def scored_in(batch_size: int) -> dict[Any, Any]:
        scores = VolumeScores({**DEFAULT_METRICS, "lesion": LesionPSNR()})
        for name in ("ill", "well"):
            for x, batch in batches_of_volume(name, image, target, batch_size):
                mask = lesion[batch.slice] if name == "ill" else None
                scores.update(x, batch._replace(lesion=mask))
        return values(scores.compute())

    found = scored_in(2)
    assert {name for name, metric, _ in found if metric == "lesion"} == {"ill"}
    assert {name for name, metric, _ in found if metric == "psnr"} == {"ill", "well"}
    assert scored_in(1) == scored_in(99) == found
    value, slices = found["ill", "lesion", "fastmri"]
    assert (value, slices) == (LesionPSNR()(image, target, target.max(), lesion[:, 0].numpy()), 1)
