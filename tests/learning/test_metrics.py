"""NMSE, PSNR and SSIM, under each convention."""

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from kits.factories import make_noisy_volume as volume
from numpy.lib.stride_tricks import sliding_window_view
from skimage import metrics as skimage

from flmrcm.learning.metrics import (
    CONVENTIONS,
    METRICS,
    Metric,
    VolumeScore,
    average_scores,
    describe_metrics,
    nmse,
    psnr,
    score_volume,
    ssim,
)

Key = tuple[str, str]
SIZE = (20, 16)


def naive_ssim(image: np.ndarray, target: np.ndarray, peak: float) -> float:
    """Wang et al. 2004, equation 13, window by window, sample covariance."""
    ones, twos = (
        sliding_window_view(x.astype(float), (7, 7)).reshape(-1, 49) for x in (image, target)
    )
    mean1, mean2 = ones.mean(1), twos.mean(1)
    cov = ((ones.T - mean1) * (twos.T - mean2)).sum(0) / 48
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    top = (2 * mean1 * mean2 + c1) * (2 * cov + c2)
    bottom = (mean1**2 + mean2**2 + c1) * (ones.var(1, ddof=1) + twos.var(1, ddof=1) + c2)
    return float((top / bottom).mean())


def naive_psnr(image: np.ndarray, target: np.ndarray, peak: float) -> float:
    return float(10 * np.log10(peak**2 / ((image.astype(float) - target) ** 2).mean()))


def scored(image: np.ndarray, target: np.ndarray, clamped: np.ndarray) -> dict[Key, Any]:
    return {
        (metric, convention): (value, slices)
        for metric, convention, value, slices in score_volume(image, target, clamped)
    }


def test_the_definitions_are_scikit_images() -> None:
    image, target = volume()
    peak = float(target.max())
    expected = skimage.peak_signal_noise_ratio(target, image, data_range=peak)
    assert psnr(image, target, peak) == pytest.approx(expected, rel=1e-6)
    expected = skimage.normalized_root_mse(target, image, normalization="euclidean") ** 2
    assert nmse(image, target) == pytest.approx(expected, rel=1e-5)
    expected = skimage.structural_similarity(target[0], image[0], data_range=peak)
    assert ssim(image[0], target[0], peak) == expected


@pytest.mark.filterwarnings("ignore")  # fastMRI's own imports
def test_the_default_convention_is_fastmris(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fastmri")
    # only its command line needs runstats
    monkeypatch.setitem(sys.modules, "runstats", SimpleNamespace(Statistics=None))
    evaluate = pytest.importorskip("fastmri.evaluate")
    image, target = volume()
    found = scored(image, target, target)
    for metric in METRICS:
        expected = float(np.squeeze(getattr(evaluate, metric)(target, image)))
        assert found[metric, "fastmri"] == (pytest.approx(expected, rel=1e-5), 4)


def test_each_convention_is_its_words() -> None:
    image, target = volume()
    clamped = np.minimum(target, 0.6 * target.max())
    top, low = target.max(), clamped.max()
    own = target.max((1, 2))

    def mean(score: Any, reference: np.ndarray, peaks: np.ndarray) -> float:
        return np.mean([score(*each) for each in zip(image, reference, peaks, strict=True)])

    expected = {
        ("nmse", "fastmri"): ((image - target) ** 2).sum() / (target**2).sum(),
        ("psnr", "fastmri"): naive_psnr(image, target, top),
        ("ssim", "fastmri"): mean(naive_ssim, target, top.repeat(4)),
        ("nmse", "published"): ((image - clamped) ** 2).sum() / (clamped**2).sum(),
        ("psnr", "published"): naive_psnr(image, clamped, low),
        ("ssim", "published"): mean(naive_ssim, clamped, low.repeat(4)),
        ("psnr", "slice_volume_max"): mean(naive_psnr, target, top.repeat(4)),
        ("psnr", "slice_max"): mean(naive_psnr, target, own),
        ("ssim", "slice_max"): mean(naive_ssim, target, own),
    }
    expected["ssim", "slice_volume_max"] = expected["ssim", "fastmri"]
    for convention in ("slice_volume_max", "slice_max"):
        expected["nmse", convention] = expected["nmse", "fastmri"]
    found = scored(image, target, clamped)
    assert set(found) == {(m, c) for m in METRICS for c in CONVENTIONS}
    for key, value in expected.items():
        assert found[key] == (pytest.approx(value, rel=1e-4), 4), key


def test_a_perfect_image_is_perfect() -> None:
    _, target = volume()
    for (metric, _), (value, _) in scored(target, target, target).items():
        assert np.isfinite(value)
        assert value > 1000 if metric == "psnr" else value == {"nmse": 0, "ssim": 1}[metric]


def test_black_slices_have_no_maximum_of_their_own() -> None:
    image, target = volume()
    blank = np.zeros((2, *SIZE), np.float32)
    with_black = np.concatenate([blank, target]), np.concatenate([blank, image])
    found = scored(with_black[1], with_black[0], with_black[0])
    lit = scored(image, target, target)
    for metric in ("psnr", "ssim"):
        assert found[metric, "slice_max"] == lit[metric, "slice_max"]
        assert found[metric, "fastmri"][1] == 6
    assert found["ssim", "fastmri"][0] > lit["ssim", "fastmri"][0]  # black counts as perfect here


def test_means_are_over_volumes_not_slices() -> None:
    rows = [
        VolumeScore("s/a", "psnr", "fastmri", 30.0, 99),
        VolumeScore("s/b", "psnr", "fastmri", 20.0, 1),
        VolumeScore("s/b", "ssim", "fastmri", 0.5, 1),
    ]
    assert average_scores(rows) == {("psnr", "fastmri"): 25.0, ("ssim", "fastmri"): 0.5}
    assert average_scores([]) == {}


class Bias(Metric):
    """A metric of somebody's own: the mean error as a share of the peak."""

    title, unit, digits, higher_is_better, over = "Bias", "%", 1, False, None

    def __call__(self, image: np.ndarray, target: np.ndarray, peak: float) -> float:
        return 100 * float((image - target).mean()) / peak


def test_a_metric_of_ones_own_is_taken_as_each_convention_says() -> None:
    image, target = volume()
    found = {c: v for m, c, v, _ in score_volume(image, target, target, {"bias": Bias()})}
    errors, top, own = (image - target).mean((1, 2)), target.max(), target.max((1, 2))
    assert found["fastmri"] == pytest.approx(100 * errors.mean() / top, rel=1e-4)
    assert found["slice_max"] == pytest.approx(100 * (errors / own).mean(), rel=1e-4)


def test_what_reports_show_of_a_metric_is_what_it_says() -> None:
    assert describe_metrics({"bias": Bias()}) == {
        "bias": {"title": "Bias", "unit": "%", "digits": 1, "higher_is_better": False}
    }
