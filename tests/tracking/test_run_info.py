import pytest

from flmrcm.tracking.run_info import headline, key, scalars_by_round
from flmrcm.types import Row


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (Row(0, "train", "brats", "loss", "", 1.0), "train/loss/brats"),
        (Row(0, "val", "brats", "psnr", "fastmri", 1.0), "val/psnr/brats"),
        (Row(0, "val", "brats", "psnr", "slice_max", 1.0), "val/psnr_slice_max/brats"),
        (Row(0, "wire", "ixi", "bytes_sent/latents", "", 1.0), "wire/bytes_sent/latents/ixi"),
        (Row(0, "train", "", "seconds", "", 1.0), "train/seconds"),
    ],
)
def test_a_key_is_split_metric_site(row, expected):
    assert key(row) == expected


def test_different_measurements_of_a_round_have_different_keys(rounds):
    assert len({key(row) for row in rounds[0]}) == len(rounds[0])


def test_every_row_lands_in_its_round(rounds):
    by_round = scalars_by_round(row for rows in rounds for row in rows)
    assert list(by_round) == [0, 1, 2]
    assert [len(scalars) for scalars in by_round.values()] == [len(rows) for rows in rounds]


def test_headline_means_leave_out_sites_that_only_were_judged(history, judged):
    numbers = headline([*history, *judged])
    assert numbers["last/psnr"] == pytest.approx((29 + 31) / 2)
    assert numbers["best/psnr"] == pytest.approx((30 + 32) / 2)
    assert numbers["test/psnr"] == pytest.approx((28 + 30) / 2)


def test_best_is_the_smallest_nmse_and_the_largest_ssim(history):
    numbers = headline(history)
    assert numbers["best/nmse"] < numbers["last/nmse"]
    assert numbers["best/ssim"] > numbers["last/ssim"]


def test_headline_of_nothing_is_empty():
    assert headline([]) == {}
