"""Scores of the end of a run: each under its own method's name."""

from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from flmrcm.federation.checkpoint import Checkpoint
from flmrcm.federation.server_chain import ServerChain
from flmrcm.federation.site_facts import SiteFacts
from flmrcm.federation.volume_scores import number_scores
from flmrcm.learning.metrics import ZERO_FILLED, VolumeScore
from flmrcm.runs.testing import (
    CheckpointTest,
    build_measurements,
    count_personal_training,
    describe_privacy,
    score_sites,
)
from flmrcm.types import Measurement, Reply

OURS, ZERO = ([VolumeScore("v", "psnr", "fastmri", value, 8)] for value in (31.0, 20.0))
CHECKPOINT = Checkpoint(4, {"w": torch.ones(1)}, {}, {"here": 3}, 31.0, 4)


class Engine:
    """One site that answers with both methods' scores."""

    data_is_local = False

    def restore(self, memory):
        self.memory = memory

    def call(self, op, messages, timeout=None):
        for site, message in messages.items():
            self.op, self.message = op, message
            yield Reply(site, 8, metrics=number_scores(OURS, ZERO))


def read_values(folder):
    return pd.read_csv(folder / "scores.csv").set_index("method")["value"].to_dict()


def test_a_runs_table_holds_each_score_under_its_method(tmp_path):
    engine = Engine()
    setup = SimpleNamespace(
        strategy=SimpleNamespace(name="FL-MR"),
        sites={"here": None},
        plan=SimpleNamespace(validation_sites=["here"]),
    )
    rounds = SimpleNamespace(engine=engine, chain=ServerChain())
    facts = {"here": SiteFacts(8, 1, ["test"])}
    scored = {
        x.method: x.scores[0].value for x in score_sites(setup, rounds, facts, CHECKPOINT, tmp_path)
    }
    assert scored == read_values(tmp_path) == {"FL-MR": 31.0, ZERO_FILLED: 20.0}
    assert (engine.op, engine.memory) == ("test", {"here": 3})
    assert engine.message.weights == CHECKPOINT.weights


def test_an_evaluations_table_holds_each_score_under_its_method(tmp_path):
    evaluator = SimpleNamespace(test=lambda *_: (OURS, ZERO))
    site = SimpleNamespace(has=lambda _: True, list_volumes=lambda *_, **__: ["v"])
    test = CheckpointTest("FL-MR")
    scored = {
        x.method: x.scores[0].value for x in test.run(evaluator, None, {"here": site}, tmp_path)
    }
    assert scored == read_values(tmp_path) == {"FL-MR": 31.0, ZERO_FILLED: 20.0}


def test_zero_filled_measurements_have_names_of_their_own():
    rows = [*build_measurements(4, "test", "FL-MR", "here", OURS)]
    rows += build_measurements(4, "test", ZERO_FILLED, "here", ZERO)
    assert {row.metric: row.value for row in rows} == {"psnr": 31.0, "zero_filled_psnr": 20.0}


def test_what_sites_trained_for_themselves_is_counted_up_to_the_tested_round():
    rows = [
        Measurement(round_, "train", site, metric, "", value)
        for round_ in range(3)
        for site in ("here", "there")
        for metric, value in (("steps", 9.0), ("personal_steps", 4.0), ("personal_volumes", 2.0))
    ]
    rows.append(Measurement(1, "train", "here", "personal_volumes", "", 5.0))
    assert count_personal_training(rows, 1, ["here"]) == {"here": {"steps": 8, "volumes": 5}}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_site_that_counts_what_is_no_number_ends_no_run(value):
    rows = [
        Measurement(0, "train", site, name, "", of_site)
        for site, of_site in (("here", 4.0), ("there", value))
        for name in ("personal_steps", "personal_volumes")
    ]
    assert count_personal_training(rows, 0, ["here", "there"]) == {
        "here": {"steps": 4, "volumes": 4}
    }


def test_an_evaluation_tests_each_site_with_what_is_loaded_for_it(tmp_path):
    loaded = []
    evaluator = SimpleNamespace(test=lambda *_: (OURS, ZERO))
    site = SimpleNamespace(has=lambda _: True, list_volumes=lambda *_, **__: ["v"])
    test, sites = CheckpointTest("FL"), {"here": site, "there": site}
    kinds = {"here": "personal", "there": "global"}
    load = lambda name: loaded.append(name) or kinds[name]  # noqa: E731
    found = list(test.run(evaluator, None, sites, tmp_path, load))
    assert loaded == ["here", "there"]
    assert [(x.method, x.site, x.weights) for x in found] == [
        ("FL", "here", "personal"), (ZERO_FILLED, "here", "none"),
        ("FL", "there", "global"), (ZERO_FILLED, "there", "none"),
    ]  # fmt: skip
    table = pd.read_csv(tmp_path / "scores.csv")
    assert table["weights"].tolist() == ["personal", "none", "global", "none"]


def test_what_was_spent_is_that_of_each_sites_last_round():
    def tell(round_, site, epsilon):
        values = {"epsilon": epsilon, "delta": 0.025}.items()
        return [Measurement(round_, "train", site, name, "", value) for name, value in values]

    rows = [*tell(0, "north", 1.5), *tell(0, "south", 2.0), *tell(1, "north", 2.5)]
    assert describe_privacy(rows, "volume") == {
        "north": "ε=2.5 at δ=0.025 of each volume", "south": "ε=2 at δ=0.025 of each volume",
    }  # fmt: skip
    assert describe_privacy([], "") == {}
