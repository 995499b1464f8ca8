"""Two machines' volumes: whether they are equal, and about how much they differ."""

import h5py
import numpy as np
import pytest

from flmrcm.data.digest import (
    EQUAL,
    N_MARKS,
    OTHER,
    ROUNDED,
    VolumeDigest,
    compare_digests,
    digest_volume,
    estimate_difference,
)


@pytest.fixture
def write(tmp_path):
    """Writes a volume and gives its digest; `noise` is relative to the k-space's norm."""
    count = iter(range(100))

    def write(noise=0.0, scale=1.0, seed=0, **more):
        path = tmp_path / f"{next(count)}.h5"
        draw = np.random.default_rng(seed)
        kspace = draw.normal(size=(2, 8, 8)) + 1j * draw.normal(size=(2, 8, 8))
        change = np.random.default_rng(99).normal(size=kspace.shape) + 0j
        kspace += noise * change * np.linalg.norm(kspace) / np.linalg.norm(change)
        with h5py.File(path, "w") as file:
            file["kspace"] = (scale * kspace).astype(np.complex64)
            file["target"] = np.abs(kspace).astype(np.float32)
            for name, values in more.items():
                file[name] = values
            file.attrs["made"] = str(path)
        return digest_volume(path)

    return write


def test_equal_arrays_have_equal_digests_whatever_the_attributes(write):
    assert write() == write()
    assert estimate_difference(write(), write()) == 0


@pytest.mark.parametrize("noise", [1e-6, 1e-3, 1e-1])
def test_the_estimate_has_the_size_of_the_difference(write, noise):
    assert noise / 4 < estimate_difference(write(noise), write()) < 4 * noise


def test_a_change_of_scale_is_seen_though_marks_are_relative(write):
    assert estimate_difference(write(scale=1.01), write()) > 1e-3


def test_every_data_set_counts_and_one_of_zeros_does_no_harm(write):
    lesion = np.zeros((2, 8, 8), bool)
    one = write(lesion=lesion)
    assert one.sha256 != write().sha256
    lesion[0, 1, 1] = True
    assert estimate_difference(write(lesion=lesion), one) > 1e-3


def test_signs_are_the_same_on_every_machine(write, tmp_path):
    with h5py.File(tmp_path / "ones.h5", "w") as file:
        file["x"] = np.ones(256, np.float32)
    marks = digest_volume(tmp_path / "ones.h5").marks
    assert marks == pytest.approx([-0.625, -1.75, -0.875, 0.875])


def explain(known, found):
    return compare_digests({"s/a": known, "s/b": known}, found)


def test_rounding_is_told_from_another_generator_and_the_first_difference_is_named(write):
    one, rounded, other = write(), write(1e-6), write(seed=1)
    assert explain(one, {"s/a": one, "s/b": one}).kind == EQUAL
    found = explain(one, {"s/a": one, "s/b": rounded})
    assert found.kind == ROUNDED
    assert "1 of 2 volumes differ; the first, s/b, by a relative" in found.text
    assert "rounding" in found.text
    found = explain(one, {"s/a": rounded, "s/b": other})
    assert found.kind == OTHER
    assert "s/b" in found.text
    assert "another generator" in found.text
    assert 0.3 < found.largest < 5


@pytest.mark.parametrize(
    ("found", "said"), [(["s/a"], "s/b isn't there"), (["s/a", "s/b", "s/c"], "s/c isn't part")]
)
def test_a_volume_too_few_or_too_many_is_another_set(write, found, said):
    one = write()
    difference = explain(one, dict.fromkeys(found, one))
    assert difference.kind == OTHER
    assert said in difference.text


def test_values_that_are_not_finite_are_never_rounding():
    nan = VolumeDigest("b", float("nan"), (float("nan"),) * N_MARKS)
    one = VolumeDigest("a", 1.0, (0.0,) * N_MARKS)
    assert explain(one, {"s/a": nan, "s/b": one}).kind == OTHER
