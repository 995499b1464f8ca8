"""Numbers for how far sites lie apart: 0 and chance for equals, much for others."""

import numpy as np
import pytest

from flmrcm.reports.numbers.latent_distance import (
    compute_domain_accuracy,
    compute_median_distance,
    compute_pairwise_mmd,
    squared_mmd,
)

VOLUMES, SLICES, SIZE = 12, 5, 20


def latents(shift=0.0, sites=("a", "b"), seed=0, volumes=VOLUMES):
    """Points of several sites, each moved by `shift` from the one before."""
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((len(sites), volumes, SLICES, SIZE))
    points += shift * np.arange(len(sites))[:, None, None, None]
    owners = [site for site in sites for _ in range(volumes * SLICES)]
    ids = [f"{s}/{v}" for s in sites for v in range(volumes) for _ in range(SLICES)]
    return points.reshape(-1, SIZE), owners, ids


def test_sites_that_are_alike_are_told_apart_by_chance():
    accuracies = [compute_domain_accuracy(*latents(seed=seed)) for seed in range(5)]
    assert np.mean(accuracies) == pytest.approx(0.5, abs=0.1)


def test_sites_that_differ_are_told_apart():
    assert compute_domain_accuracy(*latents(shift=2)) > 0.98


def test_chance_depends_on_the_number_of_sites_not_on_their_sizes():
    points, owners, ids = latents(sites=("a", "b", "c"))
    few = [n for n, site in enumerate(owners) if site != "c" or n % 3]
    taken = points[few], [owners[n] for n in few], [ids[n] for n in few]
    assert compute_domain_accuracy(*taken) == pytest.approx(1 / 3, abs=0.12)


def test_recognising_a_volume_is_not_recognising_its_site():
    rng = np.random.default_rng(1)
    _, owners, ids = latents()
    signature = {volume: rng.standard_normal(SIZE) for volume in dict.fromkeys(ids)}
    points = np.stack([signature[volume] for volume in ids])
    assert compute_domain_accuracy(points, owners, ids) < 0.75, (
        "1.0 if slices of a volume were dealt out"
    )


def test_a_site_with_a_single_volume_has_no_accuracy():
    assert compute_domain_accuracy(*latents(volumes=1)) is None
    assert compute_domain_accuracy(*latents(sites=("a",))) is None


def test_equal_distributions_have_no_mmd_and_shifted_ones_do():
    alike = [compute_pairwise_mmd(*latents(seed=seed)[:2])["a", "b"] for seed in range(10)]
    assert np.mean(alike) == pytest.approx(0, abs=0.005)
    assert min(alike) < 0, "unbiased: it's on both sides of 0"
    assert compute_pairwise_mmd(*latents(shift=2)[:2])["a", "b"] > 0.3


def test_mmd_is_the_formula():
    x, y = np.array([[0.0], [1.0]]), np.array([[2.0], [4.0], [5.0]])

    def k(a, b):
        return float(np.exp(-((a - b) ** 2) / (2 * 1.5**2))[0])

    xx = sum(k(x[i], x[j]) for i in range(2) for j in range(2) if i != j) / 2
    yy = sum(k(y[i], y[j]) for i in range(3) for j in range(3) if i != j) / 6
    xy = sum(k(a, b) for a in x for b in y) / 6
    assert squared_mmd(x, y, 1.5) == pytest.approx(xx + yy - 2 * xy)


def test_mmd_does_not_depend_on_the_latents_scale():
    points, owners, _ = latents(shift=0.5)
    assert compute_pairwise_mmd(points, owners) == pytest.approx(
        compute_pairwise_mmd(100 * points + 3, owners)
    )


def test_the_width_is_the_median_distance():
    assert compute_median_distance(np.array([[0.0], [1.0], [5.0]])) == 4


def test_latents_that_are_all_equal_have_no_mmd():
    assert compute_pairwise_mmd(np.ones((6, 3)), list("aaabbb")) == {("a", "b"): 0}
