"""What a checkpoint is tested under: typed words hold for every site."""

import pytest
import torch
from kits.factories import make_unet

from flmrcm.config.compose import compose_config
from flmrcm.runs.evaluation import prepare_evaluation

WORDS = ["sites=simulated_masks", "model.channels=2", "model.pools=2", "compute=cpu"]


@pytest.fixture
def masks(tmp_path):
    """Gives each site's mask, and its accelerations, under typed words."""
    torch.save(make_unet().state_dict(), tmp_path / "theirs.ckpt")
    asked = compose_config("evaluate", [f"checkpoint={tmp_path / 'theirs.ckpt'}"])

    def find(*words):
        sites = prepare_evaluation(asked, [*WORDS, *words]).sites.values()
        found = [source.mask for site in sites for source in site.sources]
        return [(type(mask).__name__, *mask.accelerations) for mask in found]

    return find


def test_without_a_word_each_site_has_its_own_mask(masks):
    assert len(set(masks())) == 4


def test_a_typed_mask_is_every_site_s_but_where_one_is_typed_for_a_site(masks):
    typed = ["mask=radial", "mask.accelerations=[8]"]
    assert masks(*typed) == [("Radial", 8)] * 4
    own = masks(*typed, "sites.sim_b.mask.accelerations=[2]")
    assert own == [("Equispaced", 2), *[("Radial", 8)] * 3]
