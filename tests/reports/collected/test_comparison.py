"""Runs side by side: who is shown with whom, at which sites, under which name."""

from dataclasses import replace

import pandas as pd
import pytest
from kits.reports import comparison_below, comparison_of, write_run

from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.reports.collected.comparison import list_distinct, select_rows

THREE = {"east": (1.0,), "north": (2.0,), "south": (3.0,)}
UNSEEN, TAKING_PART = "unseen target", "participating target"
BOTH = {"north": (2.0,), "south": (3.0,)}


def write(folder, method="FL-MR", trained=("north", "south"), **more):
    return write_run(folder, method, THREE, participants=list(trained), **more)


def shown(comparison, section=""):
    """Return method → the sites it's shown at, in the section that starts so."""
    rows = comparison.results
    rows = rows[rows["section"].str.startswith(section) & (rows["name"] != ZERO_FILLED)]
    return {method: set(result["site"]) for method, result in rows.groupby("method")}


def test_seeds_of_one_method_share_its_name_and_keep_their_run(tmp_path):
    for seed in (1, 2):
        write_run(tmp_path / str(seed), seed=seed, name_="x", logger={"csv": seed})
    result = comparison_below(tmp_path)
    assert set(shown(result)) == {"FL-MR"}
    assert {*zip(result.results.run, result.results.seed, strict=True)} == {
        (str(tmp_path / "1"), 1), (str(tmp_path / "2"), 2),
    }  # fmt: skip


def test_what_differs_is_told_beside_the_name_and_name_stays_plain(tmp_path):
    for rounds in (10, 20):
        write_run(tmp_path / str(rounds), rounds=rounds)
    result = comparison_below(tmp_path)
    assert set(shown(result)) == {"FL-MR (rounds=10)", "FL-MR (rounds=20)"}
    assert set(result.results["name"]) == {"FL-MR", ZERO_FILLED}


def test_zero_filled_is_told_apart_only_by_how_it_was_tested(tmp_path):
    for rounds, seed in ((1, 0), (2, 0), (2, 5)):
        mask = {"accelerations": [4], "seed": seed}
        write_run(tmp_path / f"{rounds}{seed}", rounds=rounds, mask=mask)
    methods = set(comparison_below(tmp_path).results["method"])
    starts = {method for method in methods if method.startswith(ZERO_FILLED)}
    assert starts == {"zero-filled (mask.seed=0)", "zero-filled (mask.seed=5)"}


def test_without_a_scenario_all_runs_and_sites_stand_together(tmp_path):
    write(tmp_path / "a")
    result = comparison_below(tmp_path)
    assert [section.title for section in result.sections] == ["all runs"]
    assert shown(result) == {"FL-MR": set(THREE)}


@pytest.mark.parametrize(
    ("scenario", "sites"), [("unseen", {"east"}), ("participating", {"north", "south"})]
)
def test_in_a_scenario_sites_are_shown_in_its_role(tmp_path, scenario, sites):
    write(tmp_path / "a", scenario=scenario)
    assert shown(comparison_below(tmp_path)) == {"FL-MR": sites}


def test_who_aligns_counts_at_its_target_alone(tmp_path):
    write(tmp_path / "a", scenario="participating", aligned_with="south")
    assert shown(comparison_below(tmp_path)) == {"FL-MR": {"south"}}


def test_targets_and_participants_of_a_scenario_make_no_other_method(tmp_path):
    write(tmp_path / "a", scenario="unseen", target="east")
    write(tmp_path / "b", scenario="unseen", target="south", trained=("east", "north"))
    assert shown(comparison_below(tmp_path)) == {"FL-MR": {"east", "south"}}


def test_who_pools_and_who_averages_are_two_methods_in_a_scenario_too(tmp_path):
    for pooled in (True, False):
        write(tmp_path / str(pooled), scenario="participating", pooled=pooled)
    labels = {"FL-MR (pooled=True)", "FL-MR (pooled=False)"}
    assert set(shown(comparison_below(tmp_path))) == labels


def test_other_participants_are_another_method_where_both_are_shown_at_one_site(tmp_path):
    for folder, participants in (("a", ("north", "south")), ("b", ("east", "north", "south"))):
        write(tmp_path / folder, "MOON", participants, scenario="participating")
    assert shown(comparison_below(tmp_path)) == {
        "MOON (participants=north, south)": {"north", "south"},
        "MOON (participants=east, north, south)": set(THREE),
    }


@pytest.mark.parametrize("scenario", [None, "participating", "unseen"])
def test_runs_whose_sites_have_other_data_are_never_averaged(tmp_path, scenario):
    for folder, own in (("a", "10"), ("b", "100"), ("c", "100")):
        data = {"sites": {"north": {"folder": f"/data/{own}_people"}}, "scenario": scenario}
        prints = {"north": own, "south": "same", "east": "same"}
        write(tmp_path / folder, prints=prints, seed=1 + (folder == "c"), **data)
    labels = {"FL-MR (data of north at 4x=10)", "FL-MR (data of north at 4x=100)"}
    assert set(shown(comparison_below(tmp_path))) == labels


def test_the_same_data_elsewhere_and_data_that_are_not_known_make_no_other_method(tmp_path):
    for seed, prints in enumerate(({"north": "x"}, {"north": "x"}, {})):
        data = {"sites": {"north": {"folder": f"/machine_{seed}"}}}
        write(tmp_path / str(seed), prints=prints, seed=seed, **data)
    assert set(shown(comparison_below(tmp_path))) == {"FL-MR"}


def test_data_of_a_site_that_neither_trained_nor_is_shown_make_no_other_method(tmp_path):
    for seed in (1, 2):
        prints = {"east": str(seed), "north": "x", "south": "x"}
        write(tmp_path / str(seed), prints=prints, seed=seed, scenario="participating")
    assert set(shown(comparison_below(tmp_path))) == {"FL-MR"}


@pytest.mark.parametrize(
    ("first", "second", "key"),
    [
        ({"split": "val"}, {"split": "test"}, "split"),
        ({"checkpoint": "a/checkpoints/best.pt"}, {"checkpoint": "a/checkpoints/last.pt"}, "check"),
    ],
)
def test_another_split_or_checkpoint_of_one_run_is_never_averaged(tmp_path, first, second, key):
    for name, asked in (("a", first), ("b", second)):
        evaluation = {"split": "test", "checkpoint": "a/checkpoints/last.pt", **asked}
        write_run(tmp_path / name, evaluate=evaluation)
    methods = [m for m in shown(comparison_below(tmp_path)) if f"test.{key}" in m]
    assert len(methods) == 2
    starts = comparison_below(tmp_path).results["method"].str.startswith(ZERO_FILLED)
    counts = comparison_below(tmp_path).results["method"][starts].nunique()
    assert counts == (2 if key == "split" else 1)


def test_the_test_of_a_run_is_that_of_its_last_checkpoint_evaluated(tmp_path):
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", evaluate={"split": "test", "checkpoint": "a/checkpoints/last.pt"})
    assert set(shown(comparison_below(tmp_path))) == {"FL-MR"}


def test_checkpoints_of_others_are_called_as_their_files_and_never_averaged(tmp_path):
    # their config is the default's: it says FL-MRCM, which they aren't
    default = {"strategy": {"name": "FL-MRCM"}}
    for folder, path in (("a", "x/fastmri.pt"), ("b", "y/fastmri.pt"), ("c", "y/ours.pt")):
        write_run(tmp_path / folder, path[2:-3], evaluate={"checkpoint": path}, **default)
    assert set(shown(comparison_below(tmp_path))) == {
        "fastmri (test.checkpoint=x/fastmri.pt)", "fastmri (test.checkpoint=y/fastmri.pt)", "ours",
    }  # fmt: skip


def test_who_trained_alone_crosses_to_the_sites_it_never_saw(tmp_path):
    for site in THREE:
        write(tmp_path / site, "single", (site,), scenario="unseen")
    result = shown(comparison_below(tmp_path))
    assert result == {f"cross from {site}": set(THREE) - {site} for site in THREE}


def test_who_trained_alone_keeps_its_name_where_it_took_part(tmp_path):
    for site in THREE:
        write(tmp_path / site, "single", (site,), scenario="participating")
    assert shown(comparison_below(tmp_path)) == {"single": set(THREE)}


def test_scenarios_and_accelerations_have_sections_of_their_own(tmp_path):
    for rate in (4, 8):
        for scenario in ("unseen", "participating"):
            mask = {"accelerations": [rate]}
            write(tmp_path / f"{rate}{scenario}", scenario=scenario, mask=mask)
    sections = [each.title for each in comparison_below(tmp_path).sections]
    assert [title.split(":")[0] for title in sections] == [UNSEEN] * 2 + [TAKING_PART] * 2
    assert [title[-2:] for title in sections] == ["4x", "8x"] * 2


def test_a_section_is_read_by_metric_and_convention(tmp_path):
    folder = write_run(tmp_path / "a")
    result = comparison_of(folder)
    assert set(result.sections[0].select_scores("ssim")["metric"]) == {"ssim"}
    assert set(result.sections[0].select_scores()["metric"]) == {"psnr", "ssim", "nmse"}
    assert len(replace(result, convention="published").sections[0].select_scores()) == 0
    assert list(result.runs) == [str(folder)]


TABLE = pd.DataFrame({"site": ["b", "a", "b"], "metric": ["psnr", "psnr", "ssim"]})


def test_every_value_has_to_fit():
    assert list(select_rows(TABLE, site="b", metric="psnr").index) == [0]
    assert len(select_rows(TABLE)) == 3
    assert select_rows(TABLE, site="c").empty


def test_values_come_once_in_order_of_appearance():
    assert list_distinct(TABLE, "site") == ["b", "a"]


def test_global_and_personal_scores_of_one_method_are_never_averaged(tmp_path):
    write_run(tmp_path / "a", "Ditto", BOTH, own=["north", "south"])
    write_run(tmp_path / "b", "Ditto", BOTH, own=["north", "south"], seed=2)
    write_run(tmp_path / "c", "Ditto", BOTH, own=["north"], seed=3)
    write_run(tmp_path / "d", "Ditto", BOTH, seed=4)
    results = comparison_below(tmp_path).results
    ours = results[results["name"] == "Ditto"]
    assert dict(zip(ours["run"].map(lambda f: f[-1]), ours["method"], strict=True)) == {
        "a": "Ditto (personal weights at north, south)",
        "b": "Ditto (personal weights at north, south)",
        "c": "Ditto (personal weights at north)",
        "d": "Ditto (global weights)",
    }
    assert (ours.groupby(["method", "site"])["weights"].nunique() == 1).all()


def test_where_they_were_personal_is_said_only_if_that_differs(tmp_path):
    for seed, own in enumerate((["north"], ["north"], [])):
        write_run(tmp_path / f"{seed}", "Ditto", BOTH, own=own, seed=seed)
    labels = {"zero-filled", "Ditto (personal weights)", "Ditto (global weights)"}
    assert set(comparison_below(tmp_path).results["method"]) == labels


def test_sites_of_one_run_may_differ_in_whose_weights_they_use(tmp_path):
    for seed in (1, 2):
        write_run(tmp_path / f"{seed}", "Ditto", BOTH, own=["north"], seed=seed)
    assert set(comparison_below(tmp_path).results["method"]) == {"zero-filled", "Ditto"}
