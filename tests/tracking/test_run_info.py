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


CONFIG = {
    "name": "demo", "strategy": {"name": "FL-MR"}, "target": "ixi", "contrast": "T1", "seed": 2,
    "mask": {"accelerations": [4]}, "method": None, "sites": {"brats": {}, "hpks": {}, "ixi": {}},
}  # fmt: skip


@pytest.mark.parametrize(("rates", "trait", "tag"), [([4], 4.0, "4x"), ([4, 8], "4x+8x", "4x+8x")])
def test_a_training_run_is_told_by_its_traits(tmp_path, rates, trait, tag):
    info = describe_training(tmp_path / "run", {**CONFIG, "mask": {"accelerations": rates}})
    assert (info.name, info.group) == (f"FL-MR · ixi · {tag} · seed 2", "demo")
    assert info.traits["acceleration"] == trait
    assert (info.traits["method"], info.traits["folder"]) == ("FL-MR", "run")
    assert info.tags == ["FL-MR", "target ixi", tag, "T1", "seed 2"]


@pytest.mark.parametrize("target", [None, "ixi"])
@pytest.mark.parametrize("participants", [["brats", "ixi"], ["brats", "hpks", "ixi"]])
def test_a_run_that_no_target_changes_is_found_beside_the_runs_of_each(
    tmp_path, target, participants
):
    config = {**CONFIG, "target": target, "participants": participants}
    info = describe_training(tmp_path, config, needs_target=False)
    assert info.traits["target"] == "any"
    assert {f"target {site}" for site in ("any", *config["sites"])} <= set(info.tags)
    assert info.name == "FL-MR · any target · 4x · seed 2"


@pytest.mark.parametrize(
    ("participants", "needs_target"),
    [
        (["brats", "ixi"], True),  # aligned with it
        (["brats", "hpks"], False),  # all but the target
        (["ixi"], False),  # the target alone
    ],
)
def test_a_run_that_its_target_changes_is_found_beside_that_targets_only(
    tmp_path, participants, needs_target
):
    info = describe_training(tmp_path, {**CONFIG, "participants": participants}, needs_target)
    assert info.traits["target"] == "ixi"
    assert [tag for tag in info.tags if tag.startswith("target")] == ["target ixi"]


def test_a_method_of_ones_own_name_is_called_by_it(tmp_path):
    info = describe_training(tmp_path, {**CONFIG, "method": "fused"})
    assert info.name.startswith("fused · ixi")


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
    assert numbers["test/psnr_worst"] == 28


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


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_a_round_that_lacks_a_site_is_neither_the_best_nor_the_last(broken):
    rows = [
        Measurement(number, "val", site, "psnr", "fastmri", value + number)
        for number in range(3)
        for site, value in (("easy", 34.0), ("hard", 24.0))
        if (number, site) != (broken, "hard")
    ]
    last = 29.0 + max({0, 1, 2} - {broken})
    assert compute_headline(rows, ["easy", "hard"]) == {"best/psnr": last, "last/psnr": last}


def test_a_site_that_is_never_validated_takes_no_round_away(history):
    assert compute_headline(history, ["brats", "elsewhere", "ixi"]) == compute_headline(history)


def test_a_test_that_was_cut_off_has_no_numbers(history, tested):
    cut = compute_headline([*history, *tested[:1]], finished=False)
    assert cut == compute_headline(history)


def test_headline_of_a_pool_is_that_of_the_sites_it_came_from(history):
    pooled = [row._replace(site="pooled") if row.split == "train" else row for row in history]
    assert compute_headline(pooled, ["brats", "ixi"]) == compute_headline(history)


def test_headline_of_nothing_is_empty():
    assert compute_headline([]) == {}
