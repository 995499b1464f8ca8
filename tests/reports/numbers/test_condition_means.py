"""Conditions: a column for what differs, a row for each, every site beside its zero-filled."""

import re
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from flmrcm.learning.records import SCORE_COLUMNS
from flmrcm.reports.collected.finished_runs import Run
from flmrcm.reports.numbers.condition_means import average_by_condition, build_condition_table


def build_run(name, rates, values=(30.0, 32.0), **config):
    rows = [
        (method, "east", str(volume), "psnr", "fastmri", value - 10 * (method != "FL"), 3, weights)
        for method, weights in (("FL", "global"), ("zero-filled", "none"))
        for volume, value in enumerate(values)
    ]
    config = {"strategy": {"name": "FL"}, "mask": {"_target_": "a.Random", "rates": rates}} | config
    return Run(Path(name), config, pd.DataFrame(rows, columns=list(SCORE_COLUMNS)))


def test_what_differs_is_a_column_and_nothing_else_is():
    means = average_by_condition([build_run("1", [2]), build_run("2", [4])])
    always = {"run", "model", "method", "site", "metric", "convention", "weights"}
    assert set(means.columns) - always == {"mask.rates", "value", "volumes"}


def test_a_mean_is_over_volumes():
    means = average_by_condition([build_run("1", [2], values=(30.0, 34.0))])
    model = means[means["method"] == "FL"].iloc[0]
    assert (model["value"], model["volumes"]) == (pytest.approx(32.0), 2)


def test_the_table_shows_each_condition_beside_its_zero_filled():
    console = Console(record=True, width=100)
    console.print(
        build_condition_table(
            average_by_condition([build_run("1", [2]), build_run("2", [4], (20.0, 20.0))])
        )
    )
    text = console.export_text()
    assert all(value in text for value in ("31.00", "21.00", "20.00", "10.00"))


def test_the_table_tells_the_worst_site_the_spread_and_whose_weights_they_are():
    east, west = build_run("1", [2], (30.0, 32.0)), build_run("1", [2], (20.0, 20.0))
    other = west.scores.assign(site="west")
    other["weights"] = other["weights"].replace("global", "personal")
    scores = pd.concat([east.scores, other])
    run = Run(east.folder, east.config, scores)
    console = Console(record=True, width=100)
    console.print(build_condition_table(average_by_condition([run])))
    text = console.export_text()
    assert re.search(r"31\.00 +│ +20\.00 P +│ +20\.00 │ +7\.78", text)
    assert re.search(r"21\.00 +│ +10\.00 +│ +west │ +7\.78", text)
    assert "P: a site's own weights" in text


def test_a_score_that_is_not_finite_leaves_no_mean_and_says_so():
    means = average_by_condition([build_run("1", [2], (30.0, float("nan")))])
    console = Console(record=True, width=100)
    console.print(build_condition_table(means))
    text = console.export_text()
    assert "not finite" in text
    assert "nan" not in text


def test_runs_alike_are_told_apart_by_their_folder():
    means = average_by_condition([build_run("1", [2]), build_run("2", [2])])
    assert list(means["run"].unique()) == ["1", "2"]


def test_networks_of_other_classes_are_a_condition_beside_its_name():
    models = {"1": {"_target_": "a.UNet"}, "2": {"_target_": "a.VarNet"}}
    means = average_by_condition([build_run(name, [2], model=m) for name, m in models.items()])
    assert dict(zip(means["run"], means["model.class"], strict=True)) == {
        "1": "UNet",
        "2": "VarNet",
    }
    assert set(means["model"]) == {"FL"}


def test_splits_and_checkpoints_are_conditions():
    asked = ({"split": "val", "checkpoint": "a/last.pt"}, {"split": "test", "checkpoint": "a/x.pt"})
    means = average_by_condition([build_run(o["split"], [2], evaluate=o) for o in asked])
    own = means.drop_duplicates("run")
    assert list(zip(own["test.split"], own["test.checkpoint"], strict=True)) == [
        ("val", "last"), ("test", "x"),
    ]  # fmt: skip
