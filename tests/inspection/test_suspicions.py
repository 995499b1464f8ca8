"""Every fault that is added to a good volume is found, and nothing is found in a clean site."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from kits.factories import scanned, write_plain, write_site
from kits.raw_files import plain_kspace, write_kspace

from flmrcm.data.h5 import write_volume
from flmrcm.inspection.suspicions import find_suspicions
from flmrcm.inspection.volume_facts import examine
from flmrcm.inspection.volume_places import find_volume_places
from flmrcm.mri.fourier import fft2c, ifft2c


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return write_site(tmp_path / "site", {"train": (3,) * 8, "val": (3, 3), "test": (3, 3)})


def volume(site: Path, name: str = "train_0") -> Path:
    (path,) = site.rglob(f"{name}.h5")
    return path


def inspect(*folders: Path) -> dict[str, dict[str, str]]:
    """Return file name → kind → text of the suspicious volumes."""
    facts = [examine(place) for folder in folders for place in find_volume_places(folder)]
    pairs = zip(facts, find_suspicions(facts), strict=True)
    return {facts.place.path.stem: dict(kinds) for facts, kinds in pairs if kinds}


def the_text(site: Path, kind: str, name: str = "train_0") -> str:
    """Return the text of the only suspicion about a site."""
    ((volume_name, kinds),) = inspect(site).items()
    assert (volume_name, list(kinds)) == (name, [kind])
    return kinds[kind]


def edit(path: Path, change: Callable[[h5py.File], object]) -> None:
    with h5py.File(path, "r+") as file:
        change(file)


def scale(factor: float, *keys: str) -> Callable[[h5py.File], None]:
    """Return a change of a file that multiplies these data sets."""

    def change(file: h5py.File) -> None:
        for key in keys:
            file[key][...] = file[key][...] * factor

    return change


BOTH = ("kspace", "reconstruction_esc")


@pytest.mark.parametrize("coils", [1, 3])
def test_a_clean_site_has_no_suspicions(tmp_path: Path, coils: int) -> None:
    assert inspect(write_site(tmp_path / "site", coils=coils)) == {}


def test_a_clean_site_of_the_published_layout_has_no_suspicions(tmp_path: Path) -> None:
    assert inspect(write_site(tmp_path / "site", attributes=False)) == {}


def test_an_empty_volume(site: Path) -> None:
    edit(volume(site), scale(0, *BOTH))
    assert the_text(site, "empty") == "every pixel is zero"


def test_a_constant_volume(site: Path) -> None:
    write_plain(
        volume(site), kspace=np.zeros((2, 16, 16), np.complex64),
        reconstruction_esc=np.full((2, 16, 16), 7.0),
    )  # fmt: skip
    assert inspect(site)["train_0"]["constant"] == "every pixel is 7"


@pytest.mark.parametrize("key", BOTH)
def test_a_single_value_that_is_not_a_number(site: Path, key: str) -> None:
    def add_nan(file: h5py.File) -> None:
        file[key][1, 2, 3] = np.nan

    edit(volume(site), add_nan)
    assert the_text(site, "NaN or infinity") == "NaN or infinity in 1 of its values"


def test_a_clipped_volume(site: Path) -> None:
    def clip(file: h5py.File) -> None:
        target = file["reconstruction_esc"]
        target[...] = np.minimum(target[...], 0.5 * target[...].max())

    edit(volume(site), clip)
    assert "% of the pixels are the maximum" in inspect(site)["train_0"]["clipped"]


def test_a_volume_with_a_hot_pixel(tmp_path: Path) -> None:
    # large enough that the 99.9th percentile isn't the maximum
    site = write_site(tmp_path / "site", {"train": (8,) * 3}, size=(48, 48))
    assert inspect(site) == {}
    kspace, image = scanned(8, (48, 48), seed=9)
    hot = ifft2c(torch.from_numpy(kspace)).numpy()
    hot[4, 10, 10] = 10 * image.max()
    write_volume(volume(site), fft2c(torch.from_numpy(hot)).numpy(), np.abs(hot), {})
    assert "times the 99.9th percentile: a few hot pixels" in inspect(site)["train_0"]["hot pixels"]


def test_a_volume_of_which_the_preparation_left_out_much(site: Path) -> None:
    edit(volume(site), lambda file: file.attrs.update(inside_cut=1 / 3))
    assert inspect(site) == {}
    edit(volume(site), lambda file: file.attrs.update(inside_cut=0.9))
    text = the_text(site, "slices left out")
    assert text == "the preparation left out 90% of the slices inside the patient"


def test_a_target_that_is_not_the_image_of_its_kspace(site: Path) -> None:
    def flip(file: h5py.File) -> None:
        file["reconstruction_esc"][...] = file["reconstruction_esc"][...][:, ::-1]

    edit(volume(site), flip)
    assert "they differ by" in the_text(site, "other target")


def test_a_target_in_other_units(site: Path) -> None:
    edit(volume(site), scale(4, "reconstruction_esc"))
    assert "4 times its k-space's image" in the_text(site, "other target")


def test_a_volume_without_target(site: Path) -> None:
    edit(volume(site), lambda file: file.pop("reconstruction_esc"))
    the_text(site, "no target")


def test_padded_kspace_is_not_suspicious(site: Path) -> None:
    write_kspace(volume(site), plain_kspace() * (abs(np.arange(32) - 16) < 12))
    assert inspect(site) == {}


@pytest.mark.parametrize("phase", ["columns", "rows"])
def test_a_peak_off_the_centre_of_the_phase_encoding(site: Path, phase: str) -> None:
    axis = {"columns": -1, "rows": -2}[phase]
    write_kspace(volume(site), np.roll(plain_kspace(), 5, axis), phase_encoding=phase)
    assert "is 5 columns off the centre" in the_text(site, "off centre")
    write_kspace(volume(site), np.roll(plain_kspace(), 5, -3 - axis), phase_encoding=phase)
    assert inspect(site) == {}, "along the readout it does no harm"


def test_a_truncated_file(site: Path) -> None:
    content = volume(site).read_bytes()
    volume(site).write_bytes(content[: len(content) // 2])
    assert "truncated" in the_text(site, "unreadable")


@pytest.mark.parametrize(("factor", "text"), [(1000, " times as bright"), (1e-3, "1/")])
def test_a_volume_on_another_brightness_scale(site: Path, factor: float, text: str) -> None:
    edit(volume(site), scale(factor, *BOTH))
    assert text in the_text(site, "brightness")


def test_a_volume_of_another_orientation_than_most(site: Path) -> None:
    for path in site.rglob("*.h5"):
        edit(path, lambda file: file.attrs.update(orientation="SPL"))
    assert inspect(site) == {}
    edit(volume(site), lambda file: file.attrs.update(orientation="SAL"))
    assert "SAL, most others here have SPL" in the_text(site, "orientation")


def test_a_volume_whose_matrix_is_transposed(tmp_path: Path) -> None:
    site = write_site(tmp_path / "site", {"train": (3, 3, 3)}, size=(20, 16))
    kspace, image = scanned(3, (16, 20), seed=9)
    write_volume(site / "T1" / "train" / "turned.h5", kspace, image, {})
    assert the_text(site, "transposed", "turned").startswith("16 × 20, most others here 20 × 16")
    kspace, image = scanned(3, (18, 16), seed=10)
    write_volume(site / "T1" / "train" / "other.h5", kspace, image, {})
    assert "other" not in inspect(site), "sizes may vary"


def test_a_renamed_copy_in_another_split_and_site(site: Path, tmp_path: Path) -> None:
    copy = tmp_path / "other" / "T1" / "test" / "renamed.h5"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(volume(site).read_bytes())
    edit(copy, lambda file: file.attrs.update(site="elsewhere", patient_id="another"))
    duplicates = inspect(site, copy.parents[2])
    assert duplicates["renamed"]["duplicate"] == (
        "the same images as site/T1/train/train_0.h5: another split!"
    )
    assert set(duplicates) == {"renamed", "train_0"}


def test_a_copy_in_the_same_split_is_found_too(site: Path) -> None:
    volume(site).with_name("copy.h5").write_bytes(volume(site).read_bytes())
    assert inspect(site)["copy"] == {"duplicate": "the same images as site/T1/train/train_0.h5"}


def test_two_empty_volumes_are_no_duplicates(site: Path) -> None:
    for name in ("train_0", "train_1"):
        edit(volume(site, name), scale(0, *BOTH))
    assert all(list(kinds) == ["empty"] for kinds in inspect(site).values())


def set_patient(site: Path, patient: str, *names: str) -> None:
    for name in names:
        edit(volume(site, name), lambda file: file.attrs.update(patient_id=patient))


def test_a_patient_in_two_splits(site: Path) -> None:
    set_patient(site, "007", "train_0", "train_1", "val_1")
    suspicions = inspect(site)
    assert set(suspicions) == {"train_0", "train_1", "val_1"}
    text = suspicions["val_1"]["patient in two splits"]
    assert text == "the same patient_id as site/T1/train/train_0.h5 and 1 more: another split!"


def test_a_patient_in_one_split_only_is_not_suspicious(site: Path) -> None:
    set_patient(site, "007", "train_0", "train_1")
    assert inspect(site) == {}


@pytest.mark.parametrize(("patient", "n_suspicious"), [("007", 0), ("8d2f00c1ab34", 2)])
def test_only_ids_that_are_hashes_are_compared_between_sites(
    site: Path, tmp_path: Path, patient: str, n_suspicious: int
) -> None:
    other = write_site(tmp_path / "other")
    set_patient(site, patient, "train_0")
    set_patient(other, patient, "test_0")
    assert len(inspect(site, other)) == n_suspicious


def test_a_quick_inspection_only_compares_what_it_read(tmp_path: Path) -> None:
    site = write_site(tmp_path / "site", {"train": (9,)})
    volume(site).with_name("copy.h5").write_bytes(volume(site).read_bytes())
    facts = [examine(place, quick=True) for place in find_volume_places(site)]
    ((copy,), _) = find_suspicions(facts)
    assert copy.text == "the slices that were read are the same as in site/T1/train/train_0.h5"
