"""What a round's training rests on is known before a slice is read."""

import torch

from flmrcm.federation.batches import SiteBatches
from flmrcm.federation.middleware import CallWork
from flmrcm.federation.workload import Workload


def count(site, workload):
    return SiteBatches(site, torch.device("cpu"), workload, 0).count_work(0.1)


def test_whole_epochs_go_through_every_slice(sites):
    site = sites["east"]
    assert count(site, Workload(3)) == CallWork(site.n_examples, 3 * site.n_batches, 0.1)


def test_one_step_goes_through_one_batch_however_many_epochs_are_named(sites):
    site = sites["east"]
    assert site.n_examples > site.loading.batch_size
    assert count(site, Workload(3, 1)) == CallWork(site.loading.batch_size, 1, 0.1)
