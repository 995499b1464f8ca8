"""Which volumes are shown."""

import pytest

from flmrcm.reports.figures.volumes import select_volumes


def shown(comparison, site="east"):
    rows = comparison.sections[0].select_scores("psnr")
    return select_volumes(rows[rows["site"] == site], comparison.runs, site)


def test_median_best_and_worst_are_by_psnr(runs):
    result = shown(runs({"volumes": 5, "saved": 5}))
    assert result.examples == {"median": "v2", "best": "v4", "worst": "v0"}
    assert not result.note


@pytest.mark.parametrize(
    ("saved", "names"),
    [(0, []), (1, ["only"]), (2, ["best", "worst"]), (4, ["median", "best", "worst"])],
)
def test_each_volume_is_shown_once(runs, saved, names):
    result = shown(runs({"volumes": 4, "saved": saved})).examples
    assert list(result) == names
    assert len(set(result.values())) == len(result)


def test_volumes_are_saved_by_all_who_saved_any(runs):
    result = shown(runs({"method": "A", "saved": 3}, {"method": "B", "saved": 2}, {"method": "C"}))
    assert result.volumes == ["v1", "v0"]
    assert set(result.images) == {"zero-filled", "A", "B"}
    assert (
        result.note
        == "east: all shown methods saved only 2 of 3 volumes; not shown, saved none: C."
    )


def test_a_volume_whose_score_is_not_finite_is_the_worst_and_not_missing(runs):
    comparison = runs({"volumes": 3, "saved": 3})
    rows = comparison.results
    own = rows["name"] == "FL-MR"
    rows.loc[own & (rows["volume"] == "east/v1"), "value"] = float("nan")
    result = shown(comparison)
    assert result.examples == {"median": "v0", "best": "v2", "worst": "v1"}
    assert not result.note


def test_a_volume_on_which_one_of_two_methods_failed_is_the_worst(runs):
    comparison = runs(*({"volumes": 3, "saved": 3, "method": method} for method in "AB"))
    rows = comparison.results
    rows.loc[(rows["name"] == "B") & (rows["volume"] == "east/v2"), "value"] = float("nan")
    assert shown(comparison).examples == {"median": "v0", "best": "v1", "worst": "v2"}


def test_a_method_without_finite_scores_leaves_the_order_to_the_others(runs):
    broken = {"method": "B", "psnr": float("nan")}
    comparison = runs(*({"volumes": 3, "saved": 3, **more} for more in ({}, broken)))
    assert shown(comparison).examples == {"median": "v1", "best": "v2", "worst": "v0"}


def test_no_method_is_favoured(runs):
    """Every method counts once, however many seeds it has."""
    comparison = runs(*({"method": "A", "seed": n, "saved": 2, "volumes": 2} for n in range(9)),
                      {"method": "B", "saved": 2, "volumes": 2})  # fmt: skip
    rows = comparison.results
    worse = (rows["name"] == "B") & (rows["volume"] == "east/v1") & (rows["metric"] == "psnr")
    rows.loc[worse, "value"] = 0.0
    assert shown(comparison).volumes == ["v0", "v1"], "one bad B outweighs nine slightly better As"


def test_zero_filled_images_do_not_rank(runs):
    comparison = runs({"saved": 2, "volumes": 2})
    rows = comparison.results
    rows.loc[(rows["name"] == "zero-filled") & (rows["volume"] == "east/v0"), "value"] = 99.0
    assert shown(comparison).volumes == ["v1", "v0"]


def test_the_first_seed_that_saved_is_shown_with_its_own_psnr(runs):
    seeds = [{"seed": 1, "psnr": 30.0}, {"seed": 3, "psnr": 33.0, "saved": 1}]
    result = shown(runs(*seeds, {"seed": 2, "psnr": 32.0, "saved": 1})).images["FL-MR"]
    assert result.psnr["v0"] == 32
    assert "run_2" in str(result.files["v0"])


def test_zero_filled_images_are_inputs(runs):
    result = shown(runs({"saved": 1})).images
    assert {method: images.kind for method, images in result.items()} == {
        "zero-filled": "input",
        "FL-MR": "reconstruction",
    }
