from dataclasses import replace

import numpy as np
import pytest

from flmrcm.errors import ConfigErrors
from flmrcm.learning.metrics import DEFAULT_METRICS
from flmrcm.tracking.run_info import build_key, compute_headline, group_scalars
from flmrcm.tracking.scalars import MOST_SCALARS, Scalars
from flmrcm.types import Measurement

CONVENTIONS = ("fastmri", "published", "slice_volume_max", "slice_max")
FEW = Scalars(
    "few", ["brats", "ixi"], "hpks", {n: m.higher_is_better for n, m in DEFAULT_METRICS.items()}
)
ALL = replace(FEW, choice="all")


def round_of(sites: int, metrics: list[str], target: bool = True) -> list[Measurement]:
    """All that a round may leave behind, of many sites; some of them were absent."""
    names = [f"site_{number}" for number in range(sites)]
    rows = [
        Measurement(0, split, name, metric, "", 1.0)
        for name in names
        for split, metric in (
            ("train", "loss"), ("train", "penalty"), ("train", "seconds"), ("wire", "bytes_sent/w"),
            ("wire", "bytes_received/w"), ("participation", "failed"),
        )
    ]  # fmt: skip
    validated = [*names, *(["target"] if target else [])]
    return rows + [
        Measurement(0, "val", name, metric, convention, 1.0)
        for name in validated for metric in metrics for convention in CONVENTIONS
    ]  # fmt: skip


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("n_metrics", [1, 3, 12])
@pytest.mark.parametrize("sites", [1, 2, 4, 5, 6, 9, 30])
def test_few_are_at_most_twenty_however_many_sites_and_metrics(sites, n_metrics, pooled):
    metrics = ["psnr", *(f"m{number}" for number in range(n_metrics - 1))]
    names = [f"site_{number}" for number in range(sites)]
    few = Scalars("few", names, "target", dict.fromkeys(metrics, True), pooled)
    rows = round_of(sites, metrics)
    shown = few.select(
        row for row in rows if row.split == "val" or not pooled or row.site == names[0]
    )
    keys = {build_key(row) for row in shown}
    assert len(keys) == len(shown) <= MOST_SCALARS
    assert {"val/psnr_mean", "val/psnr_worst", "train/loss_mean", "wire/bytes"} <= keys


def test_four_sites_have_a_curve_of_psnr_and_of_loss_each():
    names = [f"site_{number}" for number in range(4)]
    keys = {
        build_key(row)
        for row in replace(FEW, participants=names, target=None).select(
            round_of(4, list(DEFAULT_METRICS), target=False)
        )
    }
    assert {f"{series}/{name}" for series in ("val/psnr", "train/loss") for name in names} <= keys


def test_all_are_all_rows_of_the_journal_and_the_means(history, tested):
    shown = ALL.select([*history, *tested])
    assert {*history, *tested} <= set(shown)
    assert "val/nmse_worst" in {build_key(row) for row in shown}


def test_a_curve_of_a_site_has_no_gaps(rounds):
    keys = [{build_key(row) for row in FEW.select(rows)} for rows in rounds]
    assert keys[0] == keys[1] == keys[2]
    without_validation = [row for row in rounds[0] if row.split != "val"]
    left = {build_key(row) for row in FEW.select(without_validation)}
    assert left == {key for key in keys[0] if not key.startswith("val/")}


@pytest.mark.parametrize("scalars", [FEW, ALL], ids=["few", "all"])
def test_the_mean_is_that_of_the_headline_and_the_worst_is_the_worst(scalars, history):
    shown = group_scalars(scalars.select(history))
    headline = compute_headline(history)
    for metric, find in (("psnr", min), ("ssim", min), ("nmse", max)):
        assert shown[2][f"val/{metric}_mean"] == pytest.approx(headline[f"last/{metric}"])
        of_those_that_train = [
            row.value for row in history
            if (row.round, row.split, row.metric, row.convention) == (2, "val", metric, "fastmri")
            and row.site != "hpks"
        ]  # fmt: skip
        assert shown[2][f"val/{metric}_worst"] == find(of_those_that_train)


def test_rows_of_several_rounds_are_summed_up_round_by_round(rounds, history):
    whole = group_scalars(FEW.select(history))
    assert [whole[n] for n in range(3)] == [
        group_scalars(FEW.select(r))[n] for n, r in enumerate(rounds)
    ]
    assert whole[1]["wire/bytes"] == 2 * 1024
    assert whole[1]["train/loss_mean"] == 0.25


@pytest.mark.parametrize("scalars", [FEW, ALL], ids=["few", "all"])
@pytest.mark.parametrize(("site", "shown"), [("brats", False), ("ixi", False), ("hpks", True)])
def test_a_round_in_which_a_site_that_trains_was_absent_has_no_mean(rounds, scalars, site, shown):
    rows = [row for row in rounds[1] if row.site != site]
    rows += [Measurement(1, "participation", site, "failed", "", 1.0)]
    keys = {build_key(row) for row in scalars.select(rows)}
    assert {"val/psnr_mean" in keys, "val/ssim_worst" in keys} == {shown}


def test_who_failed_and_was_scored_all_the_same_leaves_no_gap(rounds):
    rows = [*rounds[1], Measurement(1, "participation", "ixi", "failed", "", 1.0)]
    assert "val/psnr_mean" in {build_key(row) for row in FEW.select(rows)}


def test_a_site_that_is_not_a_number_is_the_worst():
    rows = [
        Measurement(0, "val", s, "psnr", "fastmri", v) for s, v in (("brats", np.nan), ("ixi", 3))
    ]
    assert np.isnan(group_scalars(FEW.select(rows))[0]["val/psnr_worst"])


def test_of_the_test_the_default_convention_is_shown_at_every_site():
    rows = [
        Measurement(2, "test", site, metric, convention, 1.0)
        for site in ("brats", "hpks", "elsewhere")
        for metric in ("psnr", "zero_filled_psnr")
        for convention in CONVENTIONS
    ]
    assert FEW.select(rows) == [row for row in rows if row.convention == "fastmri"]


def test_another_choice_is_refused_with_its_key():
    with pytest.raises(ConfigErrors, match=r"logger\.scalars=al: .*'all'"):
        replace(FEW, choice="al")


def test_of_private_training_the_most_that_a_site_has_spent_is_shown():
    rows = [Measurement(0, "train", s, "epsilon", "", e) for s, e in (("brats", 2.0), ("ixi", 3.0))]
    assert Measurement(0, "train", "", "epsilon", "", 3.0) in FEW.select(rows)
