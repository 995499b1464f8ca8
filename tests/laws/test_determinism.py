"""Randomness has an address: what else happens changes nothing."""

import random

import numpy as np
import torch
from kits.factories import make_site, make_source
from kits.laws import equal, fl_mrcm

from flmrcm.data.site import Loading, Site
from flmrcm.federation.memory import MemoryStore
from flmrcm.strategies.fedavg import FedAvg


def test_the_same_run_twice_is_the_same_run(run):
    assert equal(run(fl_mrcm()).weights, run(fl_mrcm()).weights)


def test_draws_elsewhere_change_nothing(run):
    first = run(fl_mrcm())
    torch.manual_seed(99)
    random.seed(99)
    np.random.seed(99)  # noqa: NPY002  the very state that must not matter
    assert equal(run(fl_mrcm()).weights, first.weights)


def test_a_run_leaves_the_global_generators_as_they_were(run):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run(fl_mrcm())
    assert torch.equal(torch.rand(3), expected)


def test_the_order_in_which_sites_are_named_changes_nothing(run):
    forward, backward = ("east", "north", "south"), ("south", "north", "east")
    one, other = (run(fl_mrcm(), participants=order) for order in (forward, backward))
    assert equal(one.weights, other.weights)


def test_workers_and_cache_change_nothing(run, sites):
    def reloaded(**loading):
        return {
            name: Site(name, site.sources, Loading(batch_size=2, seed=site.loading.seed, **loading))
            for name, site in sites.items()
        }

    plain = run(fl_mrcm(), rounds=1)
    assert equal(run(fl_mrcm(), rounds=1, sites=reloaded(cache="ram")).weights, plain.weights)
    assert equal(run(fl_mrcm(), rounds=1, sites=reloaded(workers=1)).weights, plain.weights)


def test_a_bystander_site_changes_nothing(run, sites, tmp_path):
    from kits.factories import write_site

    more = {**sites, "west": make_site(write_site(tmp_path / "west"))}
    pair = {"participants": ("east", "north")}
    assert equal(run(FedAvg(), **pair).weights, run(FedAvg(), sites=more, **pair).weights)


def test_memory_on_disk_equals_memory_in_ram(setting):
    in_ram, on_disk = setting().federation(fl_mrcm()), setting().federation(fl_mrcm())
    in_ram.engine.store = MemoryStore(None)
    on_disk.engine.store.budget = 0
    initial = setting().module().model.state_dict()
    assert equal(in_ram.run(initial).weights, on_disk.run(initial).weights)


def test_run_seeds_change_training_but_never_the_test(sites):
    def batches(seed):
        source = make_source(sites["east"].sources[0].folder)
        site = Site("east", [source], Loading(batch_size=2, seed=seed))
        device = torch.device("cpu")
        train = [site.prepare_batch(raw, device) for raw in site.train_dataloader()]
        test = [site.prepare_batch(raw, device) for raw in site.test_dataloader()]
        return torch.cat([b.image for b in train]), torch.cat([b.image for b in test])

    (train_1, test_1), (train_2, test_2) = batches(1), batches(2)
    assert not torch.equal(train_1, train_2)
    assert torch.equal(test_1, test_2)
