"""Update inversion: the image behind an update is found; one that isn't behind it, is not."""

from copy import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from kits.attacked import PlainMessages, attack_on, ignore_steps, write_alike
from kits.factories import make_learner

from flmrcm.attacks.inversion import UpdateInversion
from flmrcm.attacks.reconstructions import STARTED
from flmrcm.errors import ConfigErrors
from flmrcm.federation.workload import Workload
from flmrcm.models.unet_complex import ComplexUNet
from flmrcm.strategies.fedavg import FedAvg

QUICK = {"iterations": 120, "restarts": 1, "rate": 0.1}


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    """Hospitals with one anatomy and patients of their own; the attacker knows the north's."""
    root = tmp_path_factory.mktemp("alike")
    return [
        write_alike(root / name, seed, {"train": 6})
        for seed, name in enumerate(("east", "north", "west"))
    ]


def found_by(attack, run):
    """Return what was known before the message, and what is after it."""
    ways = attack.run(run, ignore_steps).describe()["ways"]
    return ways[STARTED], ways["inversion"]


def test_the_image_of_one_step_is_found(sites):
    before, after = found_by(UpdateInversion(**QUICK), attack_on(sites[:2]))
    assert after["recognised"] == 1
    assert after["ssim"] > before["ssim"] + 0.3
    assert after["ssim"] > after["wrong_ssim"] + 0.3


def test_an_image_that_is_not_behind_the_update_is_not_found(sites):
    """The east sends an update on a patient of the west, and its own patient stays unknown."""
    messages = PlainMessages(instead={"east": sites[2]})
    before, after = found_by(UpdateInversion(**QUICK), attack_on(sites[:2], messages=messages))
    assert after["ssim"] < before["ssim"] + 0.1
    assert after["recognised"] == 0


def test_an_attacker_begins_with_images_of_another_site_only(sites):
    run = attack_on(sites[:2])
    attack = UpdateInversion(iterations=1, restarts=1)
    (begun,) = attack.run(run, ignore_steps).ways[STARTED]
    (batch,) = run.read_training(sites[1], Workload(1), run.round)
    common = batch.image.mean((0, 1)).numpy()
    assert abs(np.corrcoef(begun.image.ravel(), common.ravel())[0, 1]) > 0.999


def test_what_is_seen_of_all_sites_is_the_mean_of_their_updates(sites):
    run, attack = attack_on(sites), UpdateInversion(seen="mean")
    _, work = attack.narrow(run, "east")
    alone = [UpdateInversion().intercept(attack_on(sites, site=site.name), work) for site in sites]
    for name, tensor in attack.intercept(run, work).items():
        torch.testing.assert_close(tensor, torch.stack([u[name] for u in alone]).mean(0))


def test_the_mean_is_weighed_as_the_run_does(sites):
    messages = PlainMessages(n_examples={"east": 1, "north": 2, "west": 5})
    run = attack_on(sites, FedAvg(weighting="examples"), messages=messages)
    attack = UpdateInversion(seen="mean")
    _, work = attack.narrow(run, "east")
    alone = [UpdateInversion().intercept(attack_on(sites, site=site.name), work) for site in sites]
    for name, tensor in attack.intercept(run, work).items():
        east, north, west = (update[name] for update in alone)
        torch.testing.assert_close(tensor, (east + 2 * north + 5 * west) / 8)


def test_a_whole_round_is_as_long_as_the_run_has_it(sites):
    run = attack_on(sites, messages=PlainMessages(works={"east": Workload(9, 9)}))
    for slices, n_examples in ((None, 6), (2, 2)):
        site, work = UpdateInversion(slices=slices, steps=None).narrow(run, "east")
        assert (site.n_examples, work) == (n_examples, Workload(9, 9))
    assert (run.count_steps(run.attacked), run.count_steps(sites[1])) == (9, 1)


def test_a_message_is_of_so_many_slices_and_steps(sites):
    run = attack_on(sites)
    for slices, steps, expected in ((1, 1, (1, 1)), (4, 2, (4, 2)), (None, None, (6, None))):
        site, work = UpdateInversion(slices=slices, steps=steps).narrow(run, "east")
        assert (site.n_examples, work.steps) == expected
    assert run.attacked.n_examples == 6  # the run's own site is as it was


def test_a_step_of_two_batches_counts_the_images_of_both(sites):
    east = copy(sites[0])
    east.loading = replace(east.loading, batch_size=1)
    run = attack_on([east, *sites[1:]])
    twice = replace(run, local=replace(run.local, accumulate=2))
    for accumulating, steps, expected in ((run, 2, 2), (twice, 2, 4), (twice, 3, 6)):
        site, work = UpdateInversion(slices=None, steps=steps).narrow(accumulating, "east")
        assert len(list(accumulating.read_training(site, work, 0))) == expected
    assert (run.count_steps(run.attacked), twice.count_steps(run.attacked)) == (6, 3)


def test_what_cannot_be_attacked_is_said_before_anything_is_computed(sites):
    module = make_learner()
    module.model = ComplexUNet(channels=2, pools=1)
    (line,) = UpdateInversion().find_problems(attack_on(sites, module=module))
    assert "ComplexUNet reads k-space" in line
    alone = attack_on(sites[:1])
    (line,) = UpdateInversion().find_problems(alone)
    assert "use kind.start=noise" in line
    assert UpdateInversion(start="noise").find_problems(alone) == []
    (line,) = UpdateInversion().find_problems(attack_on(sites, participants=["north", "west"]))
    assert "site=east: doesn't train" in line


@pytest.mark.parametrize(
    "wrong",
    [{"seen": "sum"}, {"start": "zeros"}, {"slices": 0}, {"restarts": 0}, {"variation": -1.0}],
)
def test_values_outside_their_range_are_refused(wrong):
    with pytest.raises(ConfigErrors, match=f"kind.{next(iter(wrong))}"):
        UpdateInversion(**wrong)
