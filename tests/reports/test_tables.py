"""Tables: every volume counts once, the best is marked, runs that differ stand apart."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from flmrcm.reports.runs import differences, finished_runs
from flmrcm.reports.tables import markdown_table, method_by_site, read_scores


def scores(**psnr):
    rows = [
        (method, "here", volume, "psnr", "fastmri", value, 3)
        for method, values in psnr.items()
        for volume, value in values
    ]
    columns = ["method", "site", "volume", "metric", "convention", "value", "slices"]
    return pd.DataFrame(rows, columns=columns)


def write_run(folder: Path, name: str, seed: int, value: float, done: bool = True, **more):
    folder.mkdir(parents=True)
    scores(**{name: [("a", value)]}).to_csv(folder / "scores.csv", index=False)
    config = {"strategy": {"name": name}, "seed": seed, **more}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    if done:
        (folder / "done").touch()


def test_each_volume_counts_once_however_many_runs_judged_it():
    table = method_by_site(scores(FL=[("a", 10.0), ("a", 20.0), ("b", 30.0)]), "psnr")
    assert table.loc["FL", "here"] == pytest.approx((15 + 30) / 2)


def test_the_best_of_each_site_is_marked():
    rows = pd.concat([
        scores(worse=[("a", 10.0)], better=[("a", 11.0)]).assign(metric=metric)
        for metric in ("psnr", "ssim", "nmse")
    ])  # fmt: skip
    text = markdown_table(rows)
    assert "**11.00**" in text
    assert "**10.0000**" in text  # of NMSE, the lower one


def test_only_finished_runs_are_read(tmp_path):
    write_run(tmp_path / "one", "FL", 1, 10.0)
    write_run(tmp_path / "two", "FL", 2, 20.0, done=False)
    assert finished_runs([tmp_path]) == [tmp_path / "one"]


def test_runs_that_differ_in_their_seed_alone_are_one_method(tmp_path):
    write_run(tmp_path / "one", "FL", 1, 10.0)
    write_run(tmp_path / "two", "FL", 2, 20.0)
    assert set(read_scores(finished_runs([tmp_path])).method) == {"FL"}


def test_runs_that_differ_in_more_say_in_what(tmp_path):
    write_run(tmp_path / "one", "FL", 1, 10.0, target="north")
    write_run(tmp_path / "two", "FL", 1, 20.0, target="south")
    methods = set(read_scores(finished_runs([tmp_path])).method)
    assert methods == {"FL (target=north)", "FL (target=south)"}


def test_long_lists_of_differences_are_cut():
    one, two = Path("one"), Path("two")
    told = differences({one: dict.fromkeys("abcde", 1), two: dict.fromkeys("abcde", 2)})
    assert told[one] == "a=1, b=1, c=1 and 2 more"
