"""On a GPU a round ends where it ends on a processor; skipped where there is none.

`make test-gpu` on a machine with one: nothing else of the tests computes there.
"""

from functools import partial
from pathlib import Path

import pandas as pd
import pytest
import torch
from kits.factories import make_site, write_site
from kits.laws import SEED, Setting
from laws.test_every_model import MODELS, STRATEGIES, WITHOUT_NORM_WEIGHTS
from torch import Tensor
from torch.testing import assert_close

from flmrcm.app import main
from flmrcm.data.site import Site
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.learning.compute import Compute
from flmrcm.learning.module import ReconModule
from flmrcm.seeding import seeded
from flmrcm.strategies.base import Strategy
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.types import Weights

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")

GPU = "gpu"
PAIRS = [
    (strategy, model)
    for strategy in STRATEGIES
    for model in MODELS
    if strategy != "fedbn" or model not in WITHOUT_NORM_WEIGHTS
]


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Site]:
    """Two hospitals of three coils."""
    root = tmp_path_factory.mktemp("rooms")
    for name in ("north", "south"):
        write_site(root / name, {"train": (4,), "val": (1,), "test": (1,)}, coils=3)
    return {
        name: make_site(root / name, seed=SEED, needs_kspace=True) for name in ("north", "south")
    }


def train(
    sites: dict[str, Site], folder: Path, model: str, strategy: Strategy, **changes: str
) -> tuple[Weights, Weights]:
    """Return the weights before and after two rounds of plain gradient descent.

    RMSprop and Adam divide by a gradient's size: where it is all but zero, rounding decides.
    """
    here = Setting(sites, folder, participants=("north", "south"), **changes)
    with seeded("on a GPU"):
        net = MODELS[model]()
    module = ReconModule(net, partial(torch.optim.SGD, lr=1e-2))
    initial = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    return initial, here.federation(strategy.suit(net), module).run(initial).weights


def find_distance(initial: Weights, one: Weights, other: Weights) -> float:
    """Return how far two ends lie apart, as a share of the way to the first."""
    shared = [name for name, tensor in one.items() if tensor.is_floating_point()]
    apart = sum(float((one[k] - other[k]).double().square().sum()) for k in shared)
    way = sum(float((one[k] - initial[k]).double().square().sum()) for k in shared)
    return (apart / way) ** 0.5


@pytest.mark.parametrize(("strategy", "model"), PAIRS)
def test_rounds_end_where_they_end_on_a_processor(
    rooms: dict[str, Site], tmp_path: Path, strategy: str, model: str
) -> None:
    ends: list[Weights] = []
    initial: Weights = {}
    for accelerator in ("cpu", GPU):
        chosen = STRATEGIES[strategy](model)
        folder = tmp_path / accelerator
        initial, end = train(rooms, folder, model, chosen, accelerator=accelerator)
        ends.append(end)
    assert find_distance(initial, *ends) < 1e-3


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("precision", "most"), [("tf32", 0.05), ("bf16-mixed", 0.6)])
def test_fewer_bits_change_little(
    rooms: dict[str, Site], tmp_path: Path, model: str, precision: str, most: float
) -> None:
    initial, exact = train(rooms, tmp_path / "exact", model, FedAvg(), accelerator=GPU)
    folder = tmp_path / "fewer"
    fewer = train(rooms, folder, model, FedAvg(), accelerator=GPU, precision=precision)[1]
    assert 0 < find_distance(initial, exact, fewer) < most


def test_float32_is_float32() -> None:
    with seeded("a product"):
        image, kernel = torch.randn(1, 64, 32, 32), torch.randn(64, 64, 3, 3)
    exact = torch.conv2d(image.double(), kernel.double())
    errors: dict[str, float] = {}
    for precision in ("tf32", "32-true"):
        Compute(GPU, precision=precision).build_fabric()
        there = torch.conv2d(image.cuda(), kernel.cuda()).cpu().double()
        errors[precision] = float((there - exact).norm() / exact.norm())
    assert errors["32-true"] < 1e-5 < errors["tf32"]


def list_tensors(value: object) -> list[Tensor]:
    """Return all tensors in nested dictionaries and lists."""
    if isinstance(value, Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [tensor for part in parts for tensor in list_tensors(part)]


TYPED = {
    "FL-MRCM": ["strategy=fl_mrcm"],
    "latents, bf16": ["strategy=fl_mrcm_latent", "compute.precision=bf16-mixed"],
    "channels last, loaders": ["compute.channels_last=true", "compute.workers=2"],
    "VarNet, coils": ["model=varnet", "data.simulated.coils=4", "contrast=T2"],
    "computed again": ["model=cascade", "compute.checkpoint_cascades=true"],
    "private weights": ["strategy=fedper"],
    "personal weights": ["strategy=ditto"],
    "private volumes": ["privacy=dp_volume", "strategy=fl_mr", "privacy.noise=1"],
    "private sites": ["privacy=dp_site", "strategy=fl_mr", "privacy.noise=0.1"],
    "masked sums": ["secure_aggregation=bonawitz", "strategy=fl_mr", "sites=simulated"],
    "int8": ["compression=int8", "strategy=fl_mr"],
    "top_k": ["compression=top_k", "strategy=fl_mr"],
    "powersgd": ["compression=powersgd", "strategy=fl_mr"],
    "augmented": ["augmentation=flips_rotations", "strategy=fl_mr"],
    "self-supervised": ["loss=ssdu", "strategy=fl_mr", "model=cascade"],
    "several losses": ["loss=l1_ssim", "strategy=fl_mr"],
    "processes": ["engine=processes", "strategy=fl_mr"],
}


@pytest.mark.parametrize("words", TYPED.values(), ids=TYPED)
def test_a_run_on_a_gpu_scores_as_on_a_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, simulated_cache: Path, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLMRCM_CACHE", str(simulated_cache))
    for name in ("cpu", GPU):
        main(["train", "debug=tiny", "logger=csv", "rounds=2", *words, f"compute={name}",
              f"name={name}", *(w for w in words if w.startswith("compute."))])  # fmt: skip
    runs = {name: next((tmp_path / "outputs" / name).iterdir()) for name in ("cpu", GPU)}
    one, other = (pd.read_csv(run / "scores.csv") for run in runs.values())
    psnr = one.metric == "psnr"
    assert psnr.any()
    assert_close(
        torch.tensor(other.value[psnr].values), torch.tensor(one.value[psnr].values),
        atol=0.3, rtol=0,
    )  # fmt: skip
    kept = read_checkpoint(runs[GPU] / "checkpoints" / "last.pt")
    assert all(not tensor.is_cuda for tensor in list_tensors(vars(kept)))
