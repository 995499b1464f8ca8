"""What a site reads in a round, and the target's beside it; it's counted before any is read."""

import threading
from itertools import islice

import pytest
import torch
from kits.factories import make_site, write_scan

from flmrcm.data.prefetch import Prefetch
from flmrcm.data.site import Site
from flmrcm.federation.accumulation import group_batches
from flmrcm.federation.batches import SiteBatches
from flmrcm.federation.workload import CallWork, Workload

CPU = torch.device("cpu")


def name_slices(batches):
    return [p for b in batches for p in zip(b.volume, b.slice.tolist(), strict=True)]


def read(site, round_, epochs=2, steps=None):
    return SiteBatches(site, CPU, Workload(epochs, steps), round_)


def read_epoch(site, epoch):
    loader = site.train_dataloader()
    loader.sampler.set_epoch(epoch)
    return name_slices(site.prepare_batch(raw, CPU) for raw in loader)


def test_a_round_reads_its_own_epochs(sites):
    east = sites["east"]
    assert name_slices(read(east, 1).train()) == read_epoch(east, 2) + read_epoch(east, 3)


def test_a_survey_reads_what_training_would_read_first(sites):
    east = sites["east"]
    assert name_slices(read(east, 3).survey()) == read_epoch(east, 6)


@pytest.mark.parametrize("sampling", ["shuffled", "published"])
def test_the_targets_slices_of_a_round_follow_on_those_of_the_round_before(sites, sampling):
    east, south = sites["east"], sites["south"]

    def accompany(round_):
        companions = read(east, round_).accompany(south, sampling)
        return name_slices(islice(companions, 2 * east.n_batches))

    def draw(epoch):
        raws = south.target_batches(east.n_examples, sampling, epoch, "east")
        return name_slices(south.prepare_batch(raw, CPU) for raw in raws)

    assert accompany(0) == draw(0) + draw(1)
    assert accompany(1) == draw(2) + draw(3)
    assert accompany(0) != accompany(1)


def test_companions_follow_the_runs_seed(sites):
    root = sites["south"].sources[0].folder
    east = read(sites["east"], 0)
    one, two = (
        name_slices(islice(east.accompany(make_site(root, seed=seed), "shuffled"), 4))
        for seed in (1, 2)
    )
    assert one != two


def test_batches_made_ahead_are_the_same_and_are_made_in_another_thread(sites, monkeypatch):
    east, south, apart = sites["east"], sites["south"], set()
    prepare = Site.prepare_batch

    def watch(site, raw, device):
        apart.add(threading.current_thread().name.startswith("prefetch"))
        return prepare(site, raw, device)

    def read_all(ahead):
        batches = SiteBatches(east, CPU, Workload(2), 1, ahead=ahead)
        companions = batches.accompany(south, "shuffled")
        pairs = [(own.image, next(companions).image) for own in batches.train()]
        alone = [*batches.take(Workload(1)).train(), *batches.survey()]
        return [*pairs, *((batch.image, batch.image) for batch in alone)]

    monkeypatch.setattr(Site, "prepare_batch", watch)
    asked_for = read_all(None)
    assert apart == {False}
    apart.clear()
    with Prefetch() as ahead:
        made_ahead = read_all(ahead)
    assert apart == {True}
    assert len(made_ahead) == len(asked_for)
    for one, other in zip(made_ahead, asked_for, strict=True):
        assert all(map(torch.equal, one, other))


def test_reading_draws_nothing_from_the_run_s_generator(sites):
    before = torch.get_rng_state()
    assert list(read(sites["east"], 0).train())  # in whatever thread
    assert torch.equal(torch.get_rng_state(), before)


def count(site, workload):
    return SiteBatches(site, CPU, workload, 0).count_work(0.1)


def test_whole_epochs_go_through_every_slice(sites):
    site = sites["east"]
    assert count(site, Workload(3)) == CallWork(site.n_examples, 3 * site.n_batches, 0.1)


def test_one_step_goes_through_one_batch_however_many_epochs_are_named(sites):
    site = sites["east"]
    assert site.n_examples > site.loading.batch_size
    assert count(site, Workload(3, 1)) == CallWork(site.loading.batch_size, 1, 0.1)


@pytest.mark.parametrize("accumulate", [1, 2, 3, 100])
def test_what_is_counted_is_what_accumulated_batches_go_through(sites, accumulate):
    for steps in (None, 1, 3):
        batches = SiteBatches(sites["east"], CPU, Workload(2, steps), 0, accumulate)
        groups = list(group_batches(batches.train(), accumulate))
        work = batches.count_work(0.1)
        assert work.steps == len(groups)
        seen = {place for group in groups for place in name_slices(group.batches)}
        assert len(seen) == work.slices


def test_small_batches_of_many_sizes_count_for_what_they_hold(tmp_path):
    for n, size in enumerate(((16, 16), (16, 18), (18, 16), (18, 18)), start=1):
        write_scan(tmp_path / "T1" / "train" / f"{n}.h5", n, size)
    site = make_site(tmp_path, batch_size=16)
    counted = set()
    for round_ in range(6):
        batches = read(site, round_, epochs=1, steps=2)
        counted.add(slices := batches.count_work(0.1).slices)
        assert slices == len(name_slices(batches.train())) <= 7
    assert len(counted) > 1  # the order of the pass decides
