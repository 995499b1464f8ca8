"""Latent inversion: features that hold an image give it away; under noise they don't."""

from dataclasses import replace

import pytest
import torch.nn.functional as F
from kits.attacked import PlainMessages, attack_on, ignore_steps, write_alike
from kits.factories import make_context, make_fl_mrcm, make_learner

from flmrcm.attacks.latents import DECODED, REFINED, LatentInversion
from flmrcm.attacks.reconstructions import STARTED
from flmrcm.errors import ConfigErrors
from flmrcm.federation.batches import SiteBatches
from flmrcm.federation.workload import Workload
from flmrcm.models.unet import UNet
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.types import Reply

QUICK = {"decoder_steps": 60, "iterations": 150, "rate": 0.1, "images": 3}


class Transparent(UNet):
    """A network whose latent is a small copy of the image."""

    latent_size = 64

    def encode(self, batch):
        return F.adaptive_avg_pool2d(batch.image, 8).flatten(1)


class Survey(PlainMessages):
    """The target's answers, as its site makes them."""

    def send(self, op, round_, sites, work=None):
        run = self.run
        work = self.divide()[run.site]
        batches = SiteBatches(run.attacked, run.fabric.device, work, round_).survey()
        extras = run.strategy.answer_survey(make_context(run.module), batches)
        return {run.site: Reply(run.site, extras=extras)}


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    root = tmp_path_factory.mktemp("alike")
    return [write_alike(root / name, n, {"train": 6}) for n, name in enumerate(("t", "north"))]


def found_by(sites, works=None, round_=0, **strategy):
    module = make_learner()
    module.model = Transparent(2, 2)
    rule = make_fl_mrcm(alignment="latents", **strategy)
    run = attack_on(sites, rule, module, Survey(works=works or {}), round=round_)
    return LatentInversion(**QUICK).run(run, ignore_steps).describe()


def test_a_latent_that_holds_the_image_gives_it_away(sites):
    found = found_by(sites)
    ways = found["ways"]
    assert found["latents_sent"] == 6
    assert len(ways[REFINED]["images"]) == 3
    assert ways[REFINED]["recognised"] == 1
    assert ways[REFINED]["ssim"] > ways[STARTED]["ssim"] + 0.3
    assert ways[REFINED]["ssim"] > ways[DECODED]["ssim"]


def test_images_are_those_of_the_passes_that_the_run_makes(sites):
    """Another pass has another order: latents would be held to be of other images."""
    found = found_by(sites, works={"t": Workload(3)}, round_=1)
    assert found["ways"][REFINED]["recognised"] == 1


def test_under_noise_it_tells_no_more_than_was_known_before(sites):
    ways = found_by(sites, latent_noise=30.0)["ways"]
    assert ways[REFINED]["ssim"] < ways[STARTED]["ssim"] + 0.05
    assert ways[DECODED]["ssim"] < ways[STARTED]["ssim"] + 0.05


def test_no_more_images_are_found_than_latents_were_sent(sites):
    found = found_by(sites, max_latents=2)
    assert found["latents_sent"] == 2
    assert len(found["ways"][REFINED]["images"]) == 2


def test_what_cannot_be_attacked_is_said(sites):
    attack = LatentInversion()
    lines = attack.find_problems(attack_on(sites, FedAvg(name="fl_mr")))
    assert lines == [
        "kind=latent_inversion: fl_mr has site t send no latents; strategy=fl_mrcm_latent does, "
        "of its target."
    ]
    assert attack.find_problems(attack_on(sites, make_fl_mrcm(alignment="latents"))) == []
    assert attack.choose_site(make_fl_mrcm(), ["north", "t"]) == "t"
    for key in ("passes", "rate", "iterations"):
        with pytest.raises(ConfigErrors, match=f"kind.{key}"):
            replace(attack, **{key: -1})
