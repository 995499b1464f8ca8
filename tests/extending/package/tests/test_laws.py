"""What has to hold, whatever the data."""

import numpy as np
import pytest
import torch
from mymri.charbonnier import Charbonnier
from mymri.clip import CLIPPED, Clip
from mymri.cnn import CNN
from mymri.heavy_ball import HeavyBall
from mymri.hfen import HFEN
from mymri.plane_mask import PlaneMask

from flmrcm import FedAvg, Federation, open_site
from flmrcm.data.h5 import write_volume
from flmrcm.errors import ConfigErrors
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.learning.losses import L1
from flmrcm.mri.acquisition import Cartesian
from flmrcm.mri.fourier import fft2c
from flmrcm.types import Batch, Reconstruction


@pytest.fixture
def sites(tmp_path):
    """Two sites, each with three tiny volumes."""
    for name in ("north", "south"):
        for split in ("train", "val", "test"):
            path = tmp_path / name / "T1" / split / "volume.h5"
            images = np.random.default_rng(len(str(path))).random((2, 16, 16))
            kspace = fft2c(torch.from_numpy(images).to(torch.complex64))
            write_volume(path, kspace.numpy(), images.astype(np.float32), {"site": name})
    return [open_site(tmp_path / name, batch_size=2) for name in ("north", "south")]


@pytest.fixture
def run(sites, tmp_path):
    """Run a strategy and return the federation's last checkpoint."""

    def start(strategy, folder="run", rounds=2, **options):
        torch.manual_seed(0)
        where = tmp_path / "outputs" / folder
        Federation(sites, CNN(4, 3), strategy, where, rounds=rounds, **options).run()
        return read_checkpoint(where / "checkpoints" / "last.pt")

    return start


@pytest.fixture
def batch():
    image, target = torch.randn(2, 3, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    one = torch.ones(3)
    return Batch(
        image, target, one, one, one[:, None, None, None] > 0, ["a/b"] * 3, torch.arange(3)
    )


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_hfen_of_the_target_is_zero_and_of_an_empty_image_one():
    target = np.random.default_rng(0).random((16, 16))
    assert HFEN()(target, target, target.max()) == 0
    assert HFEN()(0 * target, target, target.max()) == pytest.approx(1)


def test_charbonnier_is_l1_where_epsilon_is_small_and_smooth_at_its_minimum(batch):
    found = Reconstruction(batch.image)
    assert Charbonnier(1e-9)(found, batch) == pytest.approx(L1()(found, batch))
    image = batch.get_target().clone().requires_grad_()
    Charbonnier(0.1)(Reconstruction(image), batch).backward()
    assert image.grad.abs().max() == 0


@pytest.mark.parametrize("shape", [(16, 16), (31, 20)])
@pytest.mark.parametrize("acceleration", [2, 5])
def test_a_plane_has_as_many_samples_as_asked_and_a_full_centre(shape, acceleration):
    mask, center = PlaneMask([acceleration], [0.1])(shape, seed=1)
    assert mask.shape == shape
    assert mask.sum() == round(shape[0] * shape[1] / acceleration)
    starts = [(n - c + 1) // 2 for n, c in zip(shape, center, strict=True)]
    assert mask[starts[0] : starts[0] + center[0], starts[1] : starts[1] + center[1]].all()
    assert not mask.all(0).any()  # no column is whole: the mask depends on rows as well


def test_a_plane_is_drawn_by_its_seed():
    masks = [PlaneMask()((16, 16), seed).mask for seed in (1, 1, 2)]
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


def test_what_a_plane_measures_has_its_adjoint():
    mask = PlaneMask()((16, 16), 1).mask
    scan, (x, y) = Cartesian(mask), torch.randn(2, 1, 1, 16, 16, dtype=torch.complex128)
    one, other = (scan.forward(x).conj() * y).sum(), (x.conj() * scan.adjoint(y)).sum()
    torch.testing.assert_close(one, other)


def test_a_cnn_gives_an_image_of_its_inputs_size_and_no_latent(batch):
    image, latent, _ = CNN(4, 3)(batch)
    assert image.shape == batch.image.shape
    assert latent is None


def test_heavy_ball_without_momentum_is_fl_mr_and_with_it_from_the_second_round_on_is_not(run):
    assert equal(run(HeavyBall(beta=0.0), "none").weights, run(FedAvg(), "plain").weights)
    assert equal(run(HeavyBall(), "first", 1).weights, run(FedAvg(), "plain_first", 1).weights)
    assert not equal(run(HeavyBall(), "second").weights, run(FedAvg(), "plain").weights)


def test_an_update_that_is_short_enough_passes_bit_for_bit(run):
    clipped = run(FedAvg(), "clipped", middleware={"clip": Clip(longest=1e9)})
    assert equal(clipped.weights, run(FedAvg(), "plain").weights)
    assert equal(clipped.extras[CLIPPED], dict.fromkeys(("north", "south"), torch.tensor(0)))


def test_no_update_is_longer_than_the_bound_and_every_clipping_is_counted(run):
    torch.manual_seed(0)
    before, clip = CNN(4, 3).state_dict(), {"clip": Clip(longest=1e-3)}
    after = run(FedAvg(), rounds=1, middleware=clip)
    update = torch.stack([(after.weights[k] - before[k]).norm() for k in before]).norm()
    assert 0 < update <= 1.001e-3
    assert equal(after.extras[CLIPPED], dict.fromkeys(("north", "south"), torch.tensor(1)))


def test_a_resumed_run_ends_bit_for_bit_where_the_whole_one_ends(run):
    options = {"middleware": {"clip": Clip(longest=1e-3)}}
    whole = run(HeavyBall(), "whole", 3, **options)
    run(HeavyBall(), "parts", 1, **options)
    parts = run(HeavyBall(), "parts", 3, **options)
    assert equal(parts.weights, whole.weights)
    assert all(equal(parts.extras[kind], whole.extras[kind]) for kind in whole.extras)


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: Charbonnier(0), "loss.epsilon"),
        (lambda: PlaneMask(power=-1), "mask.power"),
        (lambda: CNN(depth=1), "model.depth"),
        (lambda: HeavyBall(beta=1), "strategy.beta"),
        (lambda: Clip(longest=0), "middleware.clip.longest"),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_key(make, key):
    with pytest.raises(ConfigErrors, match=key):
        make()
