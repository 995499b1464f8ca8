"""Site inference: sites that differ are told apart; of equal ones, the guess is chance."""

import numpy as np
import pytest
import torch
from kits.attacked import EASY, attack_on, ignore_steps, write_alike

from flmrcm.attacks.site_inference import SiteInference, compare_updates
from flmrcm.errors import FlmrcmError
from flmrcm.mri.masks import Random


def guesses_on(root, blurs, seeds, volumes, mask=EASY):
    splits = {"train": volumes, "val": volumes}
    sites = [
        write_alike(root / name, seed, splits, coarse=blur, mask=mask)
        for name, seed, blur in zip(("a", "b", "c"), seeds, blurs, strict=True)
    ]
    return SiteInference(rounds=2).run(attack_on(sites), ignore_steps)


def test_sites_whose_scanners_differ_are_told_apart(tmp_path):
    found = guesses_on(tmp_path, blurs=(0, 1.5, 4), seeds=(0, 1, 2), volumes=8)
    assert found.describe()["accuracy"] == 1
    assert found.summarise() == ["6 of 6 updates ascribed to the right site: 100% (guessing: 33%)"]


def test_sites_with_the_same_images_are_not(tmp_path):
    whole = Random((1,), (1,))  # masks of their own would make them differ
    found = guesses_on(tmp_path, blurs=(0, 0, 0), seeds=(0, 0, 0), volumes=1, mask=whole)
    assert found.accuracy == pytest.approx(1 / 3)
    np.testing.assert_array_equal(found.counts.sum(1), [2, 2, 2])


def test_what_all_updates_have_in_common_does_not_count():
    rng = torch.Generator().manual_seed(0)
    own, common = torch.randn(3, 50, generator=rng), 100 * torch.randn(50, generator=rng)
    table = compare_updates(list(own + common), list(2 * own - common))
    np.testing.assert_allclose(np.diag(table), 1, atol=1e-4)
    assert (table.argmax(1) == [0, 1, 2]).all()


def test_what_cannot_be_attacked_is_said(tmp_path):
    site, other = (write_alike(tmp_path / name, 0, {"train": 2}) for name in "ab")
    (line,) = SiteInference().find_problems(attack_on([site]))
    assert "nothing to tell apart" in line
    with pytest.raises(FlmrcmError, match="site a: has no volume in val"):
        SiteInference().run(attack_on([site, other]), ignore_steps)
