"""Every file of conf/ composes and builds; every experiment takes a step; typos are refused."""

import pytest
from hydra.utils import get_object, instantiate

from flmrcm.config.check import check_config
from flmrcm.config.compose import compose_config, expand_words
from flmrcm.config.conf_files import find_conf_dir, list_options
from flmrcm.errors import ConfigErrors

GROUPS = (
    "sites", "mask", "maps", "model", "strategy", "local", "loss", "metrics", "privacy",
    "augmentation", "compression", "secure_aggregation", "compute", "engine", "logger",
)  # fmt: skip
EXPERIMENTS = list_options("experiment")
NOT_EVERYWHERE = {
    "compute=gpu": "flmrcm.learning.compute.Compute",
    "engine=flower": "flmrcm.remote.flower.engine.FlowerEngine",
    "engine=nvflare": "flmrcm.remote.nvflare.engine.NVFlareEngine",
    "engine=ray": "flmrcm.engines.ray.RayActors",
}
"""Choices that need what a machine may lack."""
SOMEWHERE = ["data_dir=/data"]
BESIDE = {
    "strategy=fednova": ["local.optimizer._target_=torch.optim.SGD"],
    "strategy=fedbn": ["model.norm=instance_affine"],
    "maps=sense_net": ["model=varnet"],
    **{f"maps={name}": ["model=cascade"] for name in ("adaptive", "espirit", "file")},
    "loss=ssdu": ["model=cascade"],
    **{f"privacy={name}": ["strategy=fl_mr"] for name in ("dp_site", "dp_volume")},
    "secure_aggregation=bonawitz": ["strategy=fl_mr"],
}
"""What a choice needs beside it."""


def problems_of(*words):
    with pytest.raises(ConfigErrors) as caught:
        check_config(compose_config("train", expand_words(words)))
    return caught.value.problems


@pytest.mark.parametrize(
    "choice", [f"{group}={name}" for group in GROUPS for name in list_options(group)]
)
def test_every_choice_composes_and_builds(choice):
    if choice in NOT_EVERYWHERE:
        group = choice.split("=")[0]
        assert compose_config("train", [choice])[group]["_target_"] == NOT_EVERYWHERE[choice]
        return
    parts = check_config(compose_config("train", [choice, *BESIDE.get(choice, []), *SOMEWHERE]))
    assert parts.sites


@pytest.mark.parametrize("kind", list_options("kind"))
def test_every_attack_composes_and_builds_with_the_defaults_of_its_class(kind):
    node = compose_config("attack", [f"kind={kind}", "checkpoint=none"]).kind
    assert instantiate(node) == get_object(node._target_)()


@pytest.mark.parametrize(
    "name",
    [*EXPERIMENTS, *(f"{group}={n}" for group in ("debug", "effort") for n in list_options(group))],
)
def test_every_experiment_builds(name):
    word = name if "=" in name else f"experiment={name}"
    assert check_config(compose_config("train", [word, *SOMEWHERE])).plan.rounds >= 1


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_says_command_duration_and_expectation(name):
    text = (find_conf_dir() / "experiment" / f"{name}.yaml").read_text()
    assert all(f"# {word}:" in text for word in ("Command", "Duration", "Expected"))


def test_every_target_in_conf_is_real():
    for path in find_conf_dir().rglob("*.yaml"):
        for line in path.read_text().splitlines():
            if "_target_:" in line:
                get_object(line.split("_target_:")[1].strip(" {}").split(",")[0])


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("strategy=fl_mrc", "Did you mean 'fl_mrcm'?"),
        ("mask=randon", "Did you mean 'random'?"),
        ("sites=simulatde", "Did you mean 'simulated'?"),
        ("roundz=3", "roundz: there is no such key. Did you mean 'rounds'?"),
        ("mask.acelerations=[4]", "Did you mean 'mask.accelerations'?"),
        ("+strategy.mu=1", "strategy.mu: there is no such key."),
        ("target=sim_x", "target=sim_x: no such site"),
        ("participants=[sim_b,sim_q]", "participants=sim_q: no such site"),
        ("participants=[]", "name at least one"),
        ("target=null", "FL-MRCM aligns sites with one"),
        ("rounds=0", "rounds: at least 1; got 0."),
        ("rounds=many", "rounds=many: a whole number."),
        ("local.epochs=1.5", "local.epochs=1.5: a whole number."),
        ("local.batch_size=0", "local.batch_size: at least 1"),
        ("model.channels=none", "model.channels=none: a whole number."),
        ("strategy.weight=-1", "strategy.weight: at least 0; got -1."),
        ("strategy.alignment=images2", "Did you mean 'images'?"),
        ("strategy.weighting=exampels", "Did you mean 'examples'?"),
        ("mask.center_fractions=[0.3]", "mask.center_fractions=0.3: must lie in [0, 0.25]"),
        ("mask.center_fractions=[0.1,0.1]", "they pair one to one"),
        ("mask.accelerations=[0.5]", "an acceleration is at least 1"),
        ("mask.accelerations=[]", "give at least one acceleration"),
        ("compute.precision=16-mixed", "use bf16-mixed or 32-true"),
        ("compute.precision=64", "compute.precision=64"),
        ("data.cache=rma", "Did you mean 'ram'?"),
        ("sites.sim_b.coils=many", "coils=many: use one of single, multi, auto"),
        ("sites.sim_b.sample_rate=2", "sites.sim_b.sample_rate: give a fraction in (0, 1]; got 2."),
        ("sites.sim_b.slices=[9,3]", "sites.sim_b.slices"),
        ("participation=0", "participation: a share in (0, 1]; got 0."),
        ("local.optimizer.lr=abc", "local.optimizer.lr=abc: a finite number above 0."),
        ("local.optimizer.lr=nan", "local.optimizer.lr=nan: a finite number above 0."),
        ("local.optimizer.lr=inf", "local.optimizer.lr=inf: a finite number above 0."),
        ("local.optimizer.lr=-1", "local.optimizer.lr=-1: a finite number above 0."),
        ("local.optimizer=3", "local.optimizer=3: a node with _target_."),
        ("local.optimizer._target_=torch.optim.RMSProp", "Did you mean 'RMSprop'?"),
        ("local.optimizer._target_=torch.optim.LBFGS", "LBFGS looks at a batch more than once"),
        ("+local.optimizer.momentun=0.9", "Did you mean 'momentum'?"),
        ("+local.optimizer.momentum=-1", "local.optimizer: RMSprop can't be built: Invalid"),
        ("+strategy.discriminator_optimizer.momentum=-1", "RMSprop can't be built: Invalid"),
        ("+strategy.discriminator_optimizer.rate=1", "rate: there is no such key."),
        ("strategy.discriminator.width=abc", "strategy.discriminator.width=abc: a whole number."),
        ("model.pools=99", "model: has over 1,073,741,824 weights. Lower model.channels or"),
        ("model.channels=1000000", "model: has over 1,073,741,824 weights."),
        ("data.resolution=16", "model.pools=4 is too deep for 16×16 images"),
        ("mask._target_=nowhere.Mask", "mask._target_=nowhere.Mask: No module named 'nowhere'."),
        ("mask._target_=flmrcm.physics.masks.Random", "is called flmrcm.mri.masks.Random now."),
        ("~mask._target_", "a node with _target_ and its arguments."),
        ("engine.threads=-3", "engine.threads: at least 1; got -3."),
        ("participants=5", "participants=5: no such site"),
        ("sites.sim_b=3", "sites.sim_b=3: no site;"),
        ("test.checkpoint=first", "test.checkpoint=first: use one of last, best, last_ema."),
    ],
)
def test_a_bad_value_is_one_line_with_the_way_out(typed, said):
    problems = problems_of(typed)
    assert len(problems) == 1
    assert said in problems[0]
    assert "\n" not in problems[0]


def test_all_problems_come_together():
    problems = problems_of(
        "rounds=0", "local.epochs=0", "target=sim_x", "mask.center_fractions=[0.9]", "data.cache=x"
    )
    assert len(problems) == 5


def test_no_place_for_the_data_is_said_for_every_site():
    problems = problems_of("sites=bfhi")
    assert len(problems) == 4
    assert all("data_dir=FOLDER" in problem for problem in problems)


def test_no_gpu_is_one_line(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    (problem,) = problems_of("compute=gpu")
    assert "no GPU" in problem


def test_a_mask_per_site():
    words = ["sites=bfhi", *SOMEWHERE, "+mask@sites.ixi.mask=equispaced"]
    parts = check_config(compose_config("train", [*words, "sites.ixi.mask.accelerations=[8]"]))
    masks = {name: site.sources[0].mask for name, site in parts.sites.items()}
    assert type(masks["ixi"]).__name__ == "Equispaced"
    assert list(masks["ixi"].accelerations) == [8]
    assert type(masks["brats"]).__name__ == "Random"


def test_letters_name_sites_as_in_the_published_commands():
    parts = check_config(
        compose_config("train", ["sites=bfhi", *SOMEWHERE, "participants=BFI", "target=H"])
    )
    assert parts.plan.participants == ["brats", "fastmri", "ixi"]
    assert parts.strategy.target == "hpks"


def test_roots_come_from_data_dir_or_are_given():
    words = ["sites=bfhi", "data_dir=/data", "sites.brats.root=/elsewhere/brats"]
    sites = check_config(compose_config("train", words)).sites
    assert str(sites["brats"].sources[0].folder) == "/elsewhere/brats"
    assert str(sites["ixi"].sources[0].folder) == "/data/IXI"


def test_one_data_set_is_dealt_to_clients():
    words = expand_words(["sites=iid", "split.of=ixi", "split.count=3", *SOMEWHERE])
    parts = check_config(compose_config("train", words))
    assert list(parts.sites) == ["ixi_0", "ixi_1", "ixi_2"]
    assert parts.strategy.target == "ixi_0"
    assert {site.sources[0].name for site in parts.sites.values()} == {"ixi"}
    assert {site.sources[0].share for site in parts.sites.values()} == {(0, 3), (1, 3), (2, 3)}


def test_published_settings_are_the_published_numbers():
    parts = check_config(compose_config("train", ["experiment=published/fl_mrcm", *SOMEWHERE]))
    local, strategy = parts.local, parts.strategy
    optimizer = local.optimizer([parts.module.model.conv.layers[0].weight])
    assert type(optimizer).__name__ == "RMSprop"
    assert optimizer.defaults["lr"] == 1e-4
    assert (local.epochs, local.batch_size, local.keep_optimizer) == (2, 16, True)
    assert (local.decay_every, local.decay_factor, parts.plan.rounds) == (40, 0.1, 50)
    assert (strategy.weight, strategy.weighting, strategy.sampling) == (1.0, "uniform", "published")
    assert list(parts.sites["brats"].sources[0].slices) == [14, 135]
    assert parts.sites["ixi"].loading.clamp_target
    assert parts.sites["ixi"].sources[0].mask.seeding == "file_name"


def test_published_fl_mr_makes_a_new_optimizer_each_round():
    parts = check_config(compose_config("train", ["experiment=published/fl_mr", *SOMEWHERE]))
    assert parts.strategy.name == "FL-MR"
    assert not parts.local.keep_optimizer


@pytest.mark.parametrize(
    "line",
    [
        "",
        "strategy=fl_mr target=sim_h rounds=10 mask.accelerations=[4] mask.center_fractions=[0.08]",
        "sites=bfhi data_dir=/data participants=[brats,fastmri,ixi] target=hpks contrast=T2"
        " model.channels=32 local.epochs=2 local.batch_size=16",
        "sites=bfhi data_dir=/data sites.brats.root=/elsewhere/brats",
        "experiment=published/fl_mrcm sites=bfhi data_dir=/data",
        "sites=iid split.of=brats split.count=4 data_dir=/data",
        "sites=bfhi data_dir=/data sites.ixi.sample_rate=0.3 val_sample_rate=0.5",
        "participants=BFHI target=B",
    ],
)
def test_the_commands_of_the_manual_build_as_typed(line):
    parts = check_config(compose_config("train", expand_words(line.split())))
    assert set(parts.plan.participants) <= set(parts.sites)


def test_a_model_too_large_takes_no_memory(monkeypatch):
    monkeypatch.setattr("flmrcm.config.trial.MOST_WEIGHTS", 50_000)
    made = []
    monkeypatch.setattr("torch.nn.init.kaiming_uniform_", lambda tensor, **_: made.append(tensor))
    (problem,) = problems_of("model.channels=8")
    assert "over 50,000 weights" in problem
    assert {str(tensor.device) for tensor in made} == {"meta"}


def test_a_dealt_data_set_has_as_many_clients_as_can_be():
    words = ["sites=iid", "split.of=ixi", "split.count=1000000000", *SOMEWHERE]
    assert "split.count=1000000000: a whole number, 1 to 1000." in problems_of(*words)
