"""Judging through Lightning's Trainer says what plain calls say."""

import signal
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
import torch
from kits.factories import make_learner, make_site, write_scan, write_site
from torch import Tensor

from flmrcm.data.site import Site
from flmrcm.learning.compute import Compute
from flmrcm.learning.score_state import VolumeScores
from flmrcm.learning.scoring import Evaluator
from flmrcm.signals import Stopped
from flmrcm.types import Batch

CPU = torch.device("cpu")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(write_site(tmp_path / "here", {"train": (3,), "val": (3, 2), "test": (4,)}))


@pytest.fixture(scope="module")
def judge() -> Evaluator:
    return Evaluator(Compute("cpu"))


def batches(site: Site, split: str) -> Iterator[Batch]:
    return (site.prepare_batch(raw, CPU) for raw in site.dataloader(split))


@torch.no_grad()
def by_hand(site: Site, split: str) -> tuple[VolumeScores, VolumeScores]:
    learner = make_learner().eval()
    scores, zero_filled = VolumeScores(), VolumeScores()
    for batch in batches(site, split):
        scores.update(learner(batch), batch)
        zero_filled.update(batch.image, batch)
    return scores, zero_filled


def test_validation_scores_the_validation_volumes(judge: Evaluator, site: Site) -> None:
    found = judge.validate(make_learner(), site)
    assert found == by_hand(site, "val")[0].compute()
    assert {score.volume for score in found} == {"here/val_0", "here/val_1"}


@pytest.mark.parametrize("split", ["test", "val", "train"])
def test_testing_scores_input_and_reconstruction_on_any_split(
    judge: Evaluator, site: Site, split: str
) -> None:
    found = judge.test(make_learner(), site, split)
    assert found == tuple(scores.compute() for scores in by_hand(site, split))


def test_one_judge_judges_many_times(judge: Evaluator, site: Site) -> None:
    learner = make_learner()
    first = judge.validate(learner, site)
    judge.test(learner, site)
    assert judge.validate(learner, site) == first


def test_judging_changes_no_weight_and_leaves_gradients_possible(
    judge: Evaluator, site: Site
) -> None:
    learner = make_learner()
    before = {k: v.clone() for k, v in learner.state_dict().items()}
    judge.validate(learner, site)
    judge.test(learner, site)
    list(judge.predict(learner, site))
    assert all(torch.equal(v, before[k]) for k, v in learner.state_dict().items())
    learner.train()
    raw = next(iter(site.train_dataloader()))
    learner.training_step(site.prepare_batch(raw, CPU))["loss"].backward()


def test_predictions_are_in_file_order(judge: Evaluator, site: Site) -> None:
    learner = make_learner()
    found = list(judge.predict(learner, site, "val"))
    volumes = list(chain.from_iterable(p.volume for p in found))
    assert volumes == ["here/val_0"] * 3 + ["here/val_1"] * 2
    with torch.no_grad():
        for prediction, batch in zip(found, batches(site, "val"), strict=True):
            expected = learner.eval().predict_step(batch)
            same = zip(prediction, expected, strict=True)
            assert all(torch.equal(a, b) if isinstance(a, Tensor) else a == b for a, b in same)


def test_every_volume_is_scored_once_where_sizes_differ(judge: Evaluator, tmp_path: Path) -> None:
    """Two matrices, cropped to the same image size."""
    for name, size in (("a", (16, 16)), ("b", (16, 20)), ("c", (16, 16))):
        write_scan(tmp_path / "here" / "T1" / "val" / f"{name}.h5", size=size, target=(16, 12))
    found = judge.validate(make_learner(), make_site(tmp_path / "here"))
    counted = [(s.volume, s.slices) for s in found if s[1:3] == ("psnr", "fastmri")]
    assert counted == [("here/a", 3), ("here/b", 3), ("here/c", 3)]


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), Stopped(signal.SIGTERM)])
def test_who_stops_a_test_is_told_as_it_was(
    judge: Evaluator, site: Site, monkeypatch: pytest.MonkeyPatch, stop: KeyboardInterrupt
) -> None:
    def validate(*_: object) -> None:
        raise stop

    heeded, learner = signal.getsignal(signal.SIGINT), make_learner()
    monkeypatch.setattr(learner, "validation_step", validate)
    with pytest.raises(KeyboardInterrupt) as told:
        judge.validate(learner, site)
    assert told.value is stop
    assert signal.getsignal(signal.SIGINT) is heeded
