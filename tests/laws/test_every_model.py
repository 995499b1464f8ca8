"""Every strategy takes a step with every model; FL-MRCM aligns unrolled networks in both forms."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from kits.factories import make_context, make_site, write_site
from kits.laws import SEED, Setting, equal, fl_mrcm
from torch.testing import assert_close

from flmrcm.data.coil_maps import Adaptive
from flmrcm.data.site import Site
from flmrcm.errors import ConfigErrors
from flmrcm.federation.journal import Journal
from flmrcm.learning.module import ReconModule
from flmrcm.models.cascade import Cascade
from flmrcm.models.modl import MoDL
from flmrcm.models.reconstructor import Reconstructor
from flmrcm.models.unet import UNet
from flmrcm.models.unet_complex import ComplexUNet
from flmrcm.models.varnet import VarNet
from flmrcm.seeding import seeded
from flmrcm.strategies.base import Strategy
from flmrcm.strategies.ditto import Ditto
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.fedbn import FedBN
from flmrcm.strategies.feddyn import FedDyn
from flmrcm.strategies.fedmri import FedMRI
from flmrcm.strategies.fednova import FedNova
from flmrcm.strategies.fedper import DECODER, FedPer, LGFedAvg
from flmrcm.strategies.fedprox import FedProx
from flmrcm.strategies.finetune import FineTune
from flmrcm.strategies.moon import PREVIOUS, Moon
from flmrcm.strategies.scaffold import Scaffold
from flmrcm.strategies.server_optimizer import FedAdagrad, FedAdam, FedAvgM, FedYogi
from flmrcm.types import Memory, ServerState

MODELS: dict[str, Callable[[], Reconstructor]] = {
    "unet": partial(UNet, 2, 2),
    "unet_complex": partial(ComplexUNet, 2, 2),
    "cascade": partial(Cascade, 2, 2, 4),
    "varnet": partial(VarNet, 2, 2, 2, 2, 2),
    "modl": partial(MoDL, 2, 2, 4, cg_steps=2),
    "unet, batch": partial(UNet, 2, 2, norm="batch"),
    "varnet, batch": partial(VarNet, 2, 2, 2, 2, 2, "batch"),
}
STRATEGIES: dict[str, Callable[[str], Strategy]] = {
    "fl_mr": lambda _: FedAvg(),
    "fl_mrcm": lambda _: fl_mrcm(),
    "fl_mrcm_latent": lambda _: fl_mrcm(alignment="latents"),
    "fedprox": lambda _: FedProx(),
    "scaffold": lambda _: Scaffold(),
    "fedavgm": lambda _: FedAvgM(),
    "fedadagrad": lambda _: FedAdagrad(),
    "fedadam": lambda _: FedAdam(),
    "fedyogi": lambda _: FedYogi(),
    "fednova": lambda _: FedNova(any_optimizer=True),
    "feddyn": lambda _: FedDyn(),
    "moon": lambda _: Moon(),
    "ditto": lambda _: Ditto(),
    "finetune": lambda _: FineTune(steps=2),
    "fedbn": lambda _: FedBN(),
    "fedmri": lambda model: FedMRI(private=PRIVATE.get(model, DECODER)),
    "fedper": lambda model: FedPer(private=PRIVATE.get(model, DECODER)),
    "lg_fedavg": lambda model: LGFedAvg(**({"private": FIRST[model]} if model in FIRST else {})),
}
WITHOUT_NORM_WEIGHTS = ("unet", "unet_complex", "cascade", "varnet")
FIRST = {"cascade": ["cascades.0.*"], "modl": ["denoiser.features.0.*"]}
PRIVATE = {"cascade": ["cascades.1.*"], "modl": ["denoiser.last.*"]}
"""Of a network that is no U-Net, what stays at the sites has to be named."""


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, Site]]:
    """Two hospitals with one slice for training, with one coil and with three."""
    rooms: dict[int, dict[str, Site]] = {}
    for coils in (1, 3):
        root = tmp_path_factory.mktemp(f"coils_{coils}")
        for name in ("north", "south"):
            write_site(root / name, {"train": (2,), "val": (1,), "test": (1,)}, coils=coils)
        rooms[coils] = {
            name: make_site(root / name, seed=SEED, needs_kspace=True)
            for name in ("north", "south")
        }
    return rooms


def train(
    sites: dict[str, Site], folder: Path, model: str, strategy: Strategy, wire: str = "fp32"
) -> ServerState:
    here = Setting(sites, folder, rounds=1, participants=("north", "south"), wire=wire)
    with seeded("every model"):
        net = MODELS[model]()
    strategy = strategy.suit(net)
    optimizer = partial(torch.optim.RMSprop, lr=1e-3)
    initial = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    state = here.federation(strategy, ReconModule(net, optimizer)).run(initial)
    for name, tensor in state.weights.items():
        assert tensor.isfinite().all(), name
    assert any(not torch.equal(state.weights[name], initial[name]) for name in state.weights)
    values = [row.value for row in Journal(folder / "journal.csv").read()]
    assert torch.tensor(values).isfinite().all()
    return state


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_trains_every_model_or_says_why_not(
    rooms: dict[int, dict[str, Site]], tmp_path: Path, strategy: str, model: str
) -> None:
    refused = strategy == "fedbn" and model in WITHOUT_NORM_WEIGHTS
    with pytest.raises(ConfigErrors, match=r"model\.norm=") if refused else nullcontext():
        train(rooms[1], tmp_path, model, STRATEGIES[strategy](model))


@pytest.mark.parametrize("model", ["unet_complex", "cascade", "varnet", "modl", "varnet, batch"])
@pytest.mark.parametrize("strategy", ["fl_mrcm", "fl_mrcm_latent"])
def test_fl_mrcm_aligns_unrolled_networks_on_several_coils(
    rooms: dict[int, dict[str, Site]], tmp_path: Path, strategy: str, model: str
) -> None:
    aligned = train(rooms[3], tmp_path / "aligned", model, STRATEGIES[strategy](model))
    plain = train(rooms[3], tmp_path / "plain", model, replace(fl_mrcm(), weight=0.0))
    encoder = [name for name in aligned.weights if "down_" in name or "features" in name]
    assert encoder
    assert any(not torch.equal(aligned.weights[name], plain.weights[name]) for name in encoder)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_network_for_maps_rests_where_the_data_have_some(
    rooms: dict[int, dict[str, Site]], tmp_path: Path, strategy: str
) -> None:
    loading = {"seed": SEED, "needs_kspace": True, "maps": Adaptive()}
    sites = {n: make_site(site.sources[0].folder, **loading) for n, site in rooms[3].items()}
    model = "varnet, batch" if strategy == "fedbn" else "varnet"
    state = train(sites, tmp_path, model, STRATEGIES[strategy](model))
    with seeded("every model"):
        initial = MODELS[model]().state_dict()
    rests = [name for name in state.weights if name.startswith("sens_net.")]
    assert all(torch.equal(state.weights[name], initial[name]) for name in rests)
    assert rests


@pytest.mark.parametrize("model", MODELS)
def test_from_equal_weights_moon_s_latents_are_equal_whatever_the_model(
    rooms: dict[int, dict[str, Site]], model: str
) -> None:
    site = rooms[1]["north"]
    batch = site.prepare_batch(next(iter(site.train_dataloader())), torch.device("cpu"))
    with seeded("every model"):
        module = ReconModule(MODELS[model](), partial(torch.optim.RMSprop, lr=1e-3)).train()
    rule = Moon().local_rule(
        make_context(module, memory=Memory({PREVIOUS: module.model.state_dict()}))
    )
    latent = module.training_step(batch)["latent"]
    for older in rule.older:
        assert_close(older.encode(batch), latent)


@pytest.mark.parametrize("model", MODELS)
def test_alignment_of_no_weight_is_federated_averaging_bit_for_bit(
    rooms: dict[int, dict[str, Site]], tmp_path: Path, model: str
) -> None:
    one = train(rooms[1], tmp_path / "averaged", model, FedAvg())
    other = train(rooms[1], tmp_path / "aligned", model, fl_mrcm(weight=0.0))
    assert equal(dict(one.weights), dict(other.weights))


def test_the_journal_counts_the_target_s_kspace_that_others_looked_at(
    rooms: dict[int, dict[str, Site]], tmp_path: Path
) -> None:
    train(rooms[3], tmp_path, "cascade", fl_mrcm())
    rows = Journal(tmp_path / "journal.csv").read()
    seen = {row.site: row.value for row in rows if row.metric == "bytes_seen/target_images"}
    assert seen == {"north": 2 * 3 * 16 * 16 * 8}  # two slices, three coils, complex64


@pytest.mark.parametrize("aggregation", ["median", "trimmed_mean"])
@pytest.mark.parametrize("wire", ["fp32", "bf16"])
@pytest.mark.parametrize("model", ["modl", "unet, batch", "varnet, batch"])
def test_a_batch_norm_s_count_is_aggregated_and_sent_like_a_weight(
    rooms: dict[int, dict[str, Site]], tmp_path: Path, aggregation: str, wire: str, model: str
) -> None:
    strategy = FedAvg(aggregation=aggregation, faulty=0)
    state = train(rooms[1], tmp_path, model, strategy, wire=wire)
    counts = [v for k, v in state.weights.items() if k.endswith("num_batches_tracked")]
    assert all(count.dtype == torch.int64 and count > 0 for count in counts)
    assert counts
