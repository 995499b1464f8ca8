"""Maps of latents are the same each time, and keep apart what lies apart."""

import numpy as np
import pytest

from flmrcm.reports.figures.latents import embed_latents


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(0, 1, (20, 60)), rng.normal(8, 1, (20, 60))]).astype("f4")


def test_the_same_latents_give_the_same_points(points):
    first, second = embed_latents(points), embed_latents(points.copy())
    assert np.array_equal(first.pca, second.pca)
    assert np.array_equal(first.tsne, second.tsne)


@pytest.mark.parametrize("kind", ["pca", "tsne"])
def test_groups_that_lie_apart_stay_apart(points, kind):
    result = getattr(embed_latents(points), kind)
    assert result.shape == (40, 2)
    a, b = result[:20], result[20:]
    gap = np.linalg.norm(a.mean(0) - b.mean(0))
    assert gap > 2 * max(a.std(0).max(), b.std(0).max())


def test_shares_of_the_variance_descend_and_do_not_exceed_all_of_it(points):
    first, second = embed_latents(points).shares
    assert first > second > 0
    assert first + second <= 1


def test_four_points_are_enough(points):
    assert embed_latents(points[:4]).tsne.shape == (4, 2)


def test_equal_latents_stay_in_one_place():
    assert not embed_latents(np.ones((5, 60), np.float32)).tsne.any()
