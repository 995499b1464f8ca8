"""Laws of the cells: means, spreads and ranks."""

from math import isnan

import pandas as pd
import pytest
from kits.reports import rows_of

from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.reports.metric_info import metric_info
from flmrcm.reports.numbers.score_cells import (
    ALL_SITES,
    SITE_SPREAD,
    WORST_SITE,
    average_per_volume,
    compute_cells,
    rank_cells,
    sort_methods,
)

TWO = {"north": (20.0, 22.0), "south": (30.0, 34.0, 35.0)}


def cells(*frames, sites=("north",), metric="psnr"):
    higher_is_better = metric_info(metric).higher_is_better
    result = compute_cells(pd.concat(frames), sites)
    return rank_cells(result, [*sites, ALL_SITES], higher_is_better)


def test_a_volume_counts_once_however_many_seeds_tested_it():
    once = [rows_of("FL", TWO)]
    thrice = [rows_of("FL", TWO, seed) for seed in (1, 2, 3)]
    one, three = (cells(*frames)["FL", "north"] for frames in (once, thrice))
    assert (one.mean, one.volumes) == (three.mean, three.volumes) == (21.0, 2)
    assert one.sd == three.sd == pytest.approx(2**0.5)
    assert (one.seeds, three.seeds) == (1, 3)


def test_a_seed_counts_once_however_many_runs_it_had():
    frames = rows_of("FL", {"north": [10]}, 1), rows_of("FL", {"north": [20]}, 2)
    again = rows_of("FL", {"north": [10]}, 1).assign(run="again")
    assert average_per_volume(pd.concat([*frames, again])).tolist() == [15.0]


def test_spread_over_seeds_is_that_of_the_seeds_means():
    frames = [rows_of("FL", {"north": (a, a + 2)}, seed) for seed, a in enumerate((9.0, 11.0))]
    assert cells(*frames)["FL", "north"].seed_sd == pytest.approx(2**0.5)


def test_what_cannot_spread_has_no_spread():
    alone = cells(rows_of("FL", {"north": [9.0]}))["FL", "north"]
    assert isnan(alone.sd)
    assert isnan(alone.seed_sd)
    start = [rows_of(ZERO_FILLED, TWO, seed) for seed in (1, 2)]
    assert isnan(cells(*start)[ZERO_FILLED, "north"].seed_sd)


def test_one_score_that_is_not_finite_leaves_no_mean_and_no_rank():
    broken = rows_of("b", {"north": [9.0, 1.0, 1.0]}).reset_index(drop=True)
    broken.loc[0, "value"] = float("nan")
    frames = [rows_of("a", {"north": [3.0, 3.0, 3.0]}), broken, rows_of("c", {"north": [2.0] * 3})]
    result = cells(*frames)
    assert isnan(result["b", "north"].mean)
    assert isnan(result["b", "north"].sd)
    assert (result["b", "north"].volumes, result["b", "north"].seeds) == (3, 1)
    assert [result[name, "north"].rank for name in "abc"] == [1, 0, 2]


@pytest.mark.parametrize(("metric", "ranks"), [("psnr", (1, 2, 0)), ("nmse", (0, 2, 1))])
def test_best_and_second_follow_the_metrics_direction(metric, ranks):
    frames = [rows_of(name, {"north": [value]}) for name, value in {"a": 3, "b": 2, "c": 1}.items()]
    result = cells(*frames, metric=metric)
    assert tuple(result[name, "north"].rank for name in "abc") == ranks


def test_equals_share_a_rank_and_one_alone_has_none():
    result = cells(*(rows_of(name, {"north": [5.0]}) for name in "ab"))
    assert [result[name, "north"].rank for name in "ab"] == [1, 1]
    assert cells(rows_of("a", TWO))["a", "north"].rank == 0


def test_every_site_counts_once_in_the_mean_over_all():
    result = cells(rows_of("FL", TWO), sites=("north", "south"))["FL", ALL_SITES]
    assert result.mean == pytest.approx((21 + 33) / 2)
    assert (result.volumes, isnan(result.sd)) == (5, True)


def test_who_misses_a_site_has_no_mean_over_all():
    result = cells(rows_of("FL", TWO), rows_of("cross", {"north": [9]}), sites=("north", "south"))
    assert ("cross", ALL_SITES) not in result
    assert result["FL", ALL_SITES].rank == 0


@pytest.mark.parametrize(("higher_is_better", "worst"), [(True, "north"), (False, "south")])
def test_the_worst_site_is_that_of_the_worst_mean(higher_is_better, worst):
    result = compute_cells(rows_of("FL", TWO), ("north", "south"), higher_is_better)
    assert result["FL", WORST_SITE] == result["FL", worst]._replace(at=worst)


def test_the_spread_over_sites_is_that_of_their_means():
    values = {"a": (1.0, 3.0), "b": (5.0,), "c": (6.0, 8.0)}  # means 2, 5, 7
    result = compute_cells(rows_of("FL", values), tuple(values), True)
    assert result["FL", SITE_SPREAD].mean == pytest.approx((19 / 3) ** 0.5)


def test_worst_and_spread_are_only_of_methods_tested_at_every_site_and_of_several_sites():
    frames = pd.concat([rows_of("FL", TWO), rows_of("part", {"north": [9.0]})])
    result = compute_cells(frames, ("north", "south"), True)
    assert {key[0] for key in result if key[1] in (WORST_SITE, SITE_SPREAD)} == {"FL"}
    alone = compute_cells(rows_of("FL", {"north": [9.0]}), ("north",), True)
    assert set(alone) == {("FL", "north")}
    unknown = compute_cells(rows_of("FL", TWO), ("north", "south"))
    assert ("FL", WORST_SITE) not in unknown


def test_a_site_whose_scores_are_not_finite_is_the_worst():
    rows = rows_of("FL", TWO).assign(value=lambda t: t["value"].where(t["site"] != "south"))
    result = compute_cells(rows, ("north", "south"), True)
    assert result["FL", WORST_SITE].at == "south"
    assert isnan(result["FL", WORST_SITE].mean)
    assert isnan(result["FL", SITE_SPREAD].mean)


def test_a_mean_over_global_and_personal_scores_says_so():
    rows = rows_of("FL", TWO)
    rows["weights"] = rows["weights"].where(rows["site"] != "south", "personal")
    result = compute_cells(rows, ("north", "south"), True)
    kinds = [result["FL", site].weights for site in ("north", "south", ALL_SITES)]
    assert kinds == ["global", "personal", "global+personal"]


def test_only_seeds_that_ran_for_every_site_spread_the_mean_over_all():
    whole = [rows_of("FL", {"north": [a], "south": [a + 1]}, a) for a in (1, 3)]
    part = rows_of("FL", {"north": [90.0]}, 5)
    result = cells(*whole, part, sites=("north", "south"))["FL", ALL_SITES]
    assert (result.seeds, result.seed_sd) == (2, pytest.approx(2**0.5))


def test_the_order_of_rows_changes_nothing():
    rows = pd.concat([rows_of(name, TWO, seed) for name in "ab" for seed in (1, 2)])
    shuffled = rows.sample(frac=1, random_state=0)
    result = (compute_cells(each, ("north", "south")) for each in (rows, shuffled))
    assert len({repr(sorted(each.items())) for each in result}) == 1


def test_zero_filled_comes_first_then_names():
    assert sort_methods(["b", "A", "zero-filled (x)", "a"]) == ["zero-filled (x)", "A", "a", "b"]


def test_a_mean_over_sites_that_is_not_finite_has_no_spread_over_seeds():
    broken = rows_of("FL", TWO, seed=3)
    broken.loc[broken.index[0], "value"] = float("nan")
    frames = [rows_of("FL", TWO, seed=seed) for seed in (1, 2)]
    every = cells(*frames, broken, sites=("north", "south"))["FL", ALL_SITES]
    assert (isnan(every.mean), isnan(every.seed_sd)) == (True, True)
