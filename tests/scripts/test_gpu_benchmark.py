"""What is measured of a GPU, and of the way to a score, can be measured without one."""

import math
from importlib import import_module

import torch

from flmrcm.federation.batches import SiteBatches
from flmrcm.federation.workload import Workload
from flmrcm.learning.precision import has_bfloat16


def test_what_is_asked_of_a_gpu_can_be_measured_without_one(tmp_path):
    gpu = import_module("measured.gpu")
    busy, waits, *steps = gpu.measure_gpu(tmp_path, quick=True)
    assert 0 < waits.value < 1
    assert busy.value > 0
    assert [step.name.partition(", ")[2] for step in steps] == ["float32", "bf16"]
    assert {step.target for step in (busy, waits, *steps)} <= {"", "≥ 0.9", "≤ 0.05"}


def test_waiting_for_batches_is_counted_and_changes_none(pair):
    gpu, site = import_module("measured.gpu"), pair.parts.sites["source"]
    batches = SiteBatches(site, torch.device("cpu"), Workload(1), 0)
    with gpu.watch_batches() as waited:
        watched = list(batches.train())
    assert len(waited) == 2  # the end is asked for, too
    (batch,) = batches.train()
    assert torch.equal(watched[0].image, batch.image)
    assert len(waited) == 2


def test_the_time_to_a_score_is_the_first_round_s_that_reaches_it():
    curve = import_module("measured.time_to_score").Curve([1.0, 2.0, 3.0], [20.0, 25.0, 24.0])
    assert [curve.find_time(score) for score in (20, 21, 25, 25.1)] == [1.0, 2.0, 2.0, math.inf]


def test_ours_is_timed_until_it_scores_as_the_published_arithmetic(tmp_path, monkeypatch):
    monkeypatch.setenv("FLMRCM_CACHE", str(tmp_path / "cache"))
    ways = import_module("measured.time_to_score").measure_time_to_score(tmp_path, quick=True)
    images, latents = (way.raw for way in ways)
    # on a processor without bfloat16 both compute the same, but for what is thrown away
    if not has_bfloat16(on_gpu=False):
        assert images["ours"] == images["published"] == latents["published"]
    for way in (images, latents):
        assert len(way["ours"]) == len(way["published"]) == 2
        first, second = way["our seconds"]
        assert first == 0 < second
