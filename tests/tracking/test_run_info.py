from math import isnan

import pytest

from flmrcm.tracking.run_info import (
    build_key,
    compute_headline,
    describe_training,
    group_scalars,
)
from flmrcm.types import Measurement


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (Measurement(0, "train", "brats", "loss", "", 1.0), "train/loss/brats"),
        (Measurement(0, "val", "brats", "psnr", "fastmri", 1.0), "val/psnr/brats"),
        (Measurement(0, "val", "brats", "psnr", "slice_max", 1.0), "val/psnr_slice_max/brats"),
        (
            Measurement(0, "wire", "ixi", "bytes_sent/latents", "", 1.0),
            "wire/bytes_sent/latents/ixi",
        ),
        (Measurement(0, "train", "", "seconds", "", 1.0), "train/seconds"),
    ],
)
def test_a_key_is_split_metric_site(row, expected):
    assert build_key(row) == expected


@pytest.mark.parametrize(("rates", "trait", "tag"), [([4], 4.0, "4x"), ([4, 8], "4x+8x", "4x+8x")])
def test_a_training_run_is_told_by_its_traits(tmp_path, rates, trait, tag):
    config = {
        "name": "demo", "strategy": {"name": "FL-MR"}, "target": "ixi", "contrast": "T1",
        "seed": 2, "mask": {"accelerations": rates}, "method": None,
    }  # fmt: skip
    info = describe_training(tmp_path / "run", config)
    assert (info.name, info.group, info.job_type) == ("run", "demo", "train")
    assert info.traits["acceleration"] == trait
    assert info.traits["method"] == "FL-MR"
    assert info.tags == ["FL-MR", "target ixi", tag, "T1", "seed 2"]


def test_different_measurements_of_a_round_have_different_keys(rounds):
    assert len({build_key(row) for row in rounds[0]}) == len(rounds[0])


def test_every_row_lands_in_its_round(rounds):
    by_round = group_scalars(row for rows in rounds for row in rows)
    assert list(by_round) == [0, 1, 2]
    assert [len(scalars) for scalars in by_round.values()] == [len(rows) for rows in rounds]


def test_headline_means_leave_out_sites_that_only_were_tested(history, tested):
    numbers = compute_headline([*history, *tested])
    assert numbers["last/psnr"] == pytest.approx((29 + 31) / 2)
    assert numbers["best/psnr"] == pytest.approx((30 + 32) / 2)
    assert numbers["test/psnr"] == pytest.approx((28 + 30) / 2)


def test_best_is_the_smallest_nmse_and_the_largest_ssim(history):
    numbers = compute_headline(history)
    assert numbers["best/nmse"] < numbers["last/nmse"]
    assert numbers["best/ssim"] > numbers["last/ssim"]


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_a_round_that_is_not_finite_is_never_the_best(broken):
    values = [10.0 + number for number in range(3)]
    values[broken] = float("nan")
    rows = [Measurement(n, "val", "a", "psnr", "fastmri", v) for n, v in enumerate(values)]
    numbers = compute_headline(rows, ["a"])
    assert numbers["best/psnr"] == max(v for n, v in enumerate(values) if n != broken)
    assert isnan(numbers["last/psnr"]) is (broken == 2)


def test_headline_of_a_pool_is_that_of_the_sites_it_came_from(history):
    pooled = [row._replace(site="pooled") if row.split == "train" else row for row in history]
    assert compute_headline(pooled, ["brats", "ixi"]) == compute_headline(history)


def test_headline_of_nothing_is_empty():
    assert compute_headline([]) == {}
