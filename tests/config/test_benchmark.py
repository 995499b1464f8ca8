"""A benchmark's protocol, and that the one we ship is what its page says."""

import pytest
import yaml
from kits.benchmark import TINY, read_tiny

from flmrcm.config.benchmark import Cell, identify, read_protocol
from flmrcm.config.check import check_config
from flmrcm.errors import ConfigErrors
from flmrcm.strategies.fedprox import FedProx

V1 = read_protocol("v1")


def compose_all(model, seed=1):
    cells = [c for c in V1.list_cells() if c.seed == seed and not V1.tasks[c.task].evaluates]
    return {cell: V1.compose(cell, model, "fl_mr") for cell in cells}


CONFIGS = compose_all("unet")


def test_every_run_stands_in_one_chain_behind_the_one_it_goes_on_from():
    chains = V1.list_chains()
    cells = [cell for chain in chains for cell in chain]
    assert sorted(cells) == sorted(V1.list_cells())
    for first, *others in chains:
        assert V1.find_start(first) is None
        assert {V1.find_start(cell) for cell in others} <= {first}


def test_a_real_head_is_judged_by_the_run_that_never_saw_one():
    cell = Cell("real_head", "t1_real", "sim_h", 2)
    assert V1.find_start(cell) == Cell("participating", "t1_single", "sim_h", 2)
    assert "sites=real_heads" in V1.list_test_words(cell)
    shifted = Cell("acceleration_shift", "t1_single", "sim_h", 2)
    assert V1.find_start(shifted) == shifted._replace(task="participating")
    assert V1.list_test_words(shifted) == [*V1.tasks["acceleration_shift"].words]


@pytest.mark.parametrize("n_parts", [2, 3, 5])
def test_parts_share_all_chains_and_no_run_twice(n_parts):
    chains = V1.list_chains()
    parts = [chains[number::n_parts] for number in range(n_parts)]
    assert sorted(c for part in parts for c in part) == sorted(chains)
    assert all(parts)


def test_the_chosen_seeds_alone_are_listed():
    assert {cell.seed for chain in V1.list_chains([2]) for cell in chain} == {2}


def test_the_chosen_tasks_are_listed_with_the_runs_that_they_go_on_from():
    chains = V1.list_chains([1], ["real_head", "uneven"])
    assert [[cell.task for cell in chain] for chain in chains] == [
        ["participating", "real_head"], ["uneven"]
    ]  # fmt: skip
    assert {cell.setting for cell in chains[0]} == {"t1_single", "t1_real"}
    assert V1.list_chains([], [*V1.tasks]) == V1.list_chains()


def test_v1_has_all_that_its_page_promises():
    assert [*V1.tasks] == [
        "participating", "acceleration_shift", "real_head", "unseen", "few_shot", "uneven"
    ]  # fmt: skip
    assert len(V1.seeds) == 3
    assert [*V1.compose_data("t1_real").sites] == ["mni152"]
    configs = [V1.compose_data(setting) for setting in V1.settings if setting != "t1_real"]
    assert {c.contrast for c in configs} == {"T1", "T2"}
    assert {c.data.simulated.coils for c in configs} == {1, 4}
    assert all(len(c.sites) == 4 and c.data.simulated.subjects.test >= 12 for c in configs)
    for cell, config in CONFIGS.items():
        assert config.compute.precision == "32-true"
        assert (config.budget == "steps") == (cell.task != "few_shot")
        assert config.seed == cell.seed


def test_every_run_of_v1_builds():
    for config in CONFIGS.values():
        assert check_config(config)


def test_a_method_takes_half_an_hour_at_most():
    """One step takes 0.08 s of a core; 400 s are left for tests, starts and data."""
    per_round = 4 * 8 * 6 / 4  # sites, people, slices, batch
    steps = {
        cell: config.rounds * (per_round if config.budget == "steps" else 3)
        for cell, config in CONFIGS.items()
    }
    assert 0.08 * sum(steps.values()) * len(V1.seeds) <= 1400


def test_an_unseen_site_takes_no_part_and_few_shots_are_two_of_its_volumes():
    unseen, few = (V1.compose(Cell(task, "t1_single", "sim_b", 1), "unet", "fl_mr")
                   for task in ("unseen", "few_shot"))  # fmt: skip
    assert check_config(unseen).plan.participants == ["sim_f", "sim_h", "sim_i"]
    assert check_config(few).plan.participants == ["sim_b"]
    assert few.sites.sim_b.sample_rate * few.data.simulated.subjects.train == 2


def test_the_method_trains_but_where_the_task_says_what_does():
    tiny = read_tiny()
    unseen, few = (Cell(task, "t1_single", "sim_b", 1) for task in ("unseen", "few_shot"))
    assert tiny.compose(unseen, "unet", "fedprox").strategy.name == "FedProx"
    assert tiny.compose(few, "unet", "fedprox").strategy.name == "FL-MR"
    node = dict(tiny.compose(unseen, "unet", "fedprox").strategy) | {"mu": 0.5}
    built = check_config(tiny.compose(unseen, "unet", node)).strategy
    assert isinstance(built, FedProx)
    assert built.mu == 0.5
    assert tiny.compose(few, "unet", node).strategy.name == "FL-MR"


def test_the_identity_of_a_run_is_in_its_numbers_not_in_its_files(tmp_path):
    cell = Cell("few_shot", "t1_single", "sim_b", 1)
    plain = V1.compose(cell, "unet", "fl_mr")
    begun = V1.compose(cell, "unet", "fl_mr", [f"init_from={tmp_path / 'last.pt'}"])
    assert identify(plain) == identify(begun)
    assert begun.init_from == str(tmp_path / "last.pt")
    assert identify(V1.compose(cell._replace(seed=2), "unet", "fl_mr")) != identify(plain)


@pytest.fixture
def change(tmp_path):
    """Writes the tiny protocol with something changed, and reads it."""

    def change(before="", after="", **keys):
        text = TINY.read_text().replace(before, after)
        (tmp_path / "tiny_volumes.csv").write_text(TINY.with_name("tiny_volumes.csv").read_text())
        (tmp_path / "tiny.yaml").write_text(text)
        if keys:
            content = yaml.safe_load(text) | keys
            (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(content))
        return read_protocol(str(tmp_path / "tiny.yaml"))

    return change


def test_the_digest_is_of_what_changes_results(change, tmp_path):
    digest = read_tiny().digest
    assert change("# A protocol", "# Some protocol").digest == digest
    assert change(status="final").digest == digest
    assert change("budget=steps", "budget=epochs").digest != digest
    change()
    (tmp_path / "tiny_volumes.csv").write_text("volume\n")
    assert read_protocol(str(tmp_path / "tiny.yaml")).digest != digest


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"sedes": [1]}, "sedes: Extra inputs are not permitted"),
        ({"seeds": ["one"]}, "seeds.0: Input should be a valid integer"),
        ({"status": "done"}, "status: Input should be 'draft' or 'final'"),
        ({"settings": {}}, "tasks.participating.settings=t1_single: use one of"),
        ({"tasks": {"a": {"title": "", "settings": [], "targets": [], "after": "b"}}}, "after=b"),
        ({"tasks": {"a": {"title": "", "settings": [], "targets": [], "evaluates": True}}},
         "tasks.a.after="),
        ({"tasks": {"a": {"title": "", "settings": [], "targets": [], "after_setting": "b"}}},
         "tasks.a.after_setting=b"),
        ({"volumes": None}, "volumes: Input should be a valid string"),
    ],
)  # fmt: skip
def test_a_protocol_that_is_none_is_refused_with_its_key(change, keys, said):
    with pytest.raises(ConfigErrors) as caught:
        change(**keys)
    assert said in str(caught.value)


def test_a_protocol_based_on_another_says_only_what_is_otherwise(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("based_on: v1\nseeds: [7]")
    protocol = read_protocol(str(own))
    about = {"name", "digest", "lender", "seeds"}
    assert protocol.model_dump(exclude=about) == V1.model_dump(exclude=about)
    assert protocol.seeds == [7]
    assert protocol.digest not in ("", V1.digest)
    assert (protocol.table, protocol.lender) == (V1.table, "v1")
    (tmp_path / "own2.yaml").write_text("based_on: own.yaml\nvolumes: mine.csv")
    with pytest.raises(ConfigErrors, match=r"own\.yaml is based on another one; name that"):
        read_protocol(str(tmp_path / "own2.yaml"))


def test_a_protocol_with_volumes_of_its_own_has_them_beside_it(tmp_path):
    (tmp_path / "own.yaml").write_text("based_on: v1\nvolumes: mine.csv")
    protocol = read_protocol(str(tmp_path / "own.yaml"))
    assert (protocol.table, protocol.lender) == (tmp_path / "mine.csv", "")


def test_fedbn_has_a_protocol_whose_model_suits_it():
    affine = read_protocol("v1_affine")
    cell = next(affine.list_cells())
    assert check_config(affine.compose(cell, "unet_affine", "fedbn")).strategy.name == "FedBN"
    with pytest.raises(ConfigErrors, match="FedBN keeps the weights of norm layers"):
        check_config(V1.compose(cell, "unet", "fedbn"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("v11", "benchmark=v11: use one of v1, v1_affine. Did you mean 'v1'?"),
        ("no.yaml", "use one of v1, v1_affine"),
    ],
)
def test_an_unknown_protocol_is_refused_with_those_there_are(name, said):
    with pytest.raises(ConfigErrors, match=said.replace("?", r"\?")):
        read_protocol(name)


@pytest.mark.parametrize("text", ["", "- 1", "a: [", "a: 1"])
def test_a_file_of_something_else_is_one_line(tmp_path, text):
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(ConfigErrors) as caught:
        read_protocol(str(tmp_path / "x.yaml"))
    assert "x.yaml" in caught.value.problems[0]
