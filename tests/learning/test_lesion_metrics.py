"""Metrics of a lesion: perfect images, erased lesions, and whom they say nothing about."""

from collections.abc import Callable

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from flmrcm.errors import ConfigErrors
from flmrcm.learning.lesion_metrics import LesionContrast, LesionPSNR, LesionSSIM
from flmrcm.learning.metrics import (
    CONVENTIONS,
    DEFAULT_METRICS,
    METRICS,
    LesionMetric,
    describe_metrics,
    psnr,
    score_volume,
)

ALL: dict[str, LesionMetric] = {
    "lesion_psnr": LesionPSNR(), "lesion_ssim": LesionSSIM(), "lesion_contrast": LesionContrast(),
}  # fmt: skip
PERFECT: dict[str, Callable[[float], bool]] = {
    "lesion_psnr": lambda value: value > 1000,
    "lesion_ssim": lambda value: value == pytest.approx(1),
    "lesion_contrast": lambda value: value == 0,
}
SHAPE = (4, 32, 28)


@pytest.fixture
def lesion() -> np.ndarray:
    inside = np.zeros(SHAPE, bool)
    inside[1, 10:16, 9:15] = inside[2, 11:14, 10:12] = True
    return inside


@pytest.fixture
def target(lesion: np.ndarray) -> np.ndarray:
    """A head of brightness about 1 with a lesion of about 1.5, and air around it."""
    image = 1 + 0.1 * np.random.default_rng(0).standard_normal(SHAPE)
    image[:, :3] = image[:, -3:] = 0.001
    return (image + 0.5 * lesion).astype(np.float32)


@pytest.mark.parametrize("name", ALL)
def test_a_perfect_image_is_perfect(name: str, target: np.ndarray, lesion: np.ndarray) -> None:
    assert PERFECT[name](ALL[name](target, target, float(target.max()), lesion))


@pytest.mark.parametrize("name", ALL)
def test_what_happens_far_from_the_lesion_changes_nothing(
    name: str, target: np.ndarray, lesion: np.ndarray
) -> None:
    image, peak = target.copy(), float(target.max())
    image[0] = image[3] = 0
    image[:, :, -3:] *= 3
    assert ALL[name](image, target, peak, lesion) == ALL[name](target, target, peak, lesion)


def test_an_erased_lesion_has_lost_all_contrast(target: np.ndarray, lesion: np.ndarray) -> None:
    metric = LesionContrast(ring=4)
    around = target[1, 6:20, 5:19].mean()
    flat = np.where(lesion, around, np.full_like(target, around))
    assert metric(flat, target, 1.0, lesion) == pytest.approx(1)
    opposite = 2 * around - target
    assert metric(opposite, target, 1.0, lesion) == pytest.approx(2)
    half = (target + around) / 2
    assert metric(half, target, 1.0, lesion) == pytest.approx(0.5)
    assert metric(target + 7, target, 1.0, lesion) == pytest.approx(0, abs=1e-5)
    assert metric(1.2 * target, target, 1.0, lesion) == pytest.approx(0.2, rel=1e-3)


def test_a_dark_lesion_counts_as_a_bright_one(target: np.ndarray, lesion: np.ndarray) -> None:
    dark = (target - lesion).astype(np.float32)
    erased = (dark + 0.5 * lesion).astype(np.float32)
    assert LesionContrast()(erased, dark, 1.0, lesion) == pytest.approx(1, abs=0.1)


def test_air_is_no_surroundings(target: np.ndarray, lesion: np.ndarray) -> None:
    at_the_edge = np.roll(lesion, -7, 1)
    image = np.where(target < 0.1, np.float32(0.3), target)  # the air alone is wrong
    assert LesionContrast()(image, target, 1.0, at_the_edge) == 0


def test_a_lesion_like_its_surroundings_divides_by_no_more_than_it_should(
    lesion: np.ndarray,
) -> None:
    plain = np.ones(SHAPE, np.float32)
    image = plain + 0.1 * lesion.astype(np.float32)
    assert LesionContrast(least=0.05)(image, plain, 1.0, lesion) == pytest.approx(2, rel=1e-4)
    assert LesionContrast(least=0.5)(image, plain, 1.0, lesion) == pytest.approx(0.2, rel=1e-4)


def test_a_lesion_everywhere_is_the_whole_image(target: np.ndarray) -> None:
    image, peak, everywhere = target + 0.1, float(target.max()), np.ones(SHAPE, bool)
    assert LesionPSNR()(image, target, peak, everywhere) == psnr(image, target, peak)
    assert LesionPSNR()(image, target, peak) == pytest.approx(psnr(image, target, peak))
    maps = [
        structural_similarity(t, i, data_range=peak, full=True)[1].mean()
        for t, i in zip(target, image, strict=True)
    ]
    assert LesionSSIM()(image, target, peak, everywhere) == pytest.approx(np.mean(maps))
    assert np.isnan(LesionContrast()(image, target, peak, everywhere))


def test_every_pixel_of_the_lesion_counts_once(target: np.ndarray, lesion: np.ndarray) -> None:
    image, peak = target + 0.1 * (np.arange(4)[:, None, None] == 2), float(target.max())
    share = lesion[2].sum() / lesion.sum()
    expected = 20 * np.log10(peak) - 10 * np.log10(0.01 * share)
    assert LesionPSNR()(image, target, peak, lesion) == pytest.approx(expected, rel=1e-4)


def test_a_volume_has_them_beside_the_others_over_the_slices_that_show_it(
    target: np.ndarray, lesion: np.ndarray
) -> None:
    metrics = {**DEFAULT_METRICS, **ALL}
    rows = list(score_volume(target, target, target, metrics, lesion))
    assert {(m, c) for m, c, _, _ in rows} == {(m, c) for m in metrics for c in CONVENTIONS}
    assert {(m in ALL, n) for m, _, _, n in rows} == {(True, 2), (False, 4)}


@pytest.mark.parametrize("nothing", [None, np.zeros(SHAPE, bool)], ids=["no mask", "empty mask"])
def test_a_volume_without_a_lesion_has_none_of_them(
    target: np.ndarray, nothing: np.ndarray | None
) -> None:
    rows = list(score_volume(target, target, target, {**DEFAULT_METRICS, **ALL}, nothing))
    assert {m for m, *_ in rows} == set(METRICS)
    assert rows == list(score_volume(target, target, target))


def test_a_clamped_target_is_compared_with_where_the_convention_says_so(
    target: np.ndarray, lesion: np.ndarray
) -> None:
    clamped = np.minimum(target, 1.2)
    rows = score_volume(target, target, clamped, {"contrast": LesionContrast()}, lesion)
    found = {convention: value for _, convention, value, _ in rows}
    assert found["fastmri"] == 0
    assert found["published"] > 0.1


def test_reports_are_told_that_not_every_volume_has_them() -> None:
    told = describe_metrics(ALL)
    assert all(about["in_every_volume"] is False for about in told.values())
    assert [about["higher_is_better"] for about in told.values()] == [True, True, False]


@pytest.mark.parametrize(
    ("make", "key"),
    [(lambda: LesionContrast(ring=0), "ring"), (lambda: LesionContrast(least=0), "least")],
)
def test_values_out_of_range_are_refused(make: Callable[[], object], key: str) -> None:
    with pytest.raises(ConfigErrors, match=f"metrics.lesion_contrast.{key}"):
        make()
