"""Every suspicion is found in a volume it was planted in, and nothing in a clean site."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from kits.factories import scanned, write_plain, write_site

from flmrcm.data.h5 import write_volume
from flmrcm.inspection.suspicions import find_suspicions
from flmrcm.inspection.volume_facts import examine
from flmrcm.inspection.volume_places import find_volume_places


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return write_site(tmp_path / "site", {"train": (3,) * 8, "val": (3, 3), "test": (3, 3)})


def volume(site: Path, name: str = "train_0") -> Path:
    (path,) = site.rglob(f"{name}.h5")
    return path


def found(*folders: Path) -> dict[str, dict[str, str]]:
    """File name → kind → text, of the suspicious volumes."""
    facts = [examine(place) for folder in folders for place in find_volume_places(folder)]
    pairs = zip(facts, find_suspicions(facts), strict=True)
    return {facts.place.path.stem: dict(kinds) for facts, kinds in pairs if kinds}


def only(site: Path, kind: str, name: str = "train_0") -> str:
    """The text of the one suspicion there is."""
    ((volume_name, kinds),) = found(site).items()
    assert (volume_name, list(kinds)) == (name, [kind])
    return kinds[kind]


def changed(path: Path, change: Callable[[h5py.File], object]) -> None:
    with h5py.File(path, "r+") as file:
        change(file)


def scaled(factor: float, *keys: str) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        for key in keys:
            file[key][...] = file[key][...] * factor

    return change


BOTH = ("kspace", "reconstruction_esc")


@pytest.mark.parametrize("coils", [1, 3])
def test_a_clean_site_gives_none(tmp_path: Path, coils: int) -> None:
    assert found(write_site(tmp_path / "site", coils=coils)) == {}


def test_a_clean_site_of_the_published_layout_gives_none(tmp_path: Path) -> None:
    assert found(write_site(tmp_path / "site", attributes=False)) == {}


def test_an_empty_volume(site: Path) -> None:
    changed(volume(site), scaled(0, *BOTH))
    assert only(site, "empty") == "every pixel is zero"


def test_a_constant_volume(site: Path) -> None:
    write_plain(
        volume(site), kspace=np.zeros((2, 16, 16), np.complex64),
        reconstruction_esc=np.full((2, 16, 16), 7.0),
    )  # fmt: skip
    assert found(site)["train_0"]["constant"] == "every pixel is 7"


@pytest.mark.parametrize("key", BOTH)
def test_a_single_value_that_is_not_a_number(site: Path, key: str) -> None:
    def plant(file: h5py.File) -> None:
        file[key][1, 2, 3] = np.nan

    changed(volume(site), plant)
    assert only(site, "NaN or infinity") == "NaN or infinity in 1 of its values"


def test_a_clipped_volume(site: Path) -> None:
    def clip(file: h5py.File) -> None:
        target = file["reconstruction_esc"]
        target[...] = np.minimum(target[...], 0.5 * target[...].max())

    changed(volume(site), clip)
    assert "% of the pixels are the maximum" in found(site)["train_0"]["clipped"]


def test_a_target_that_is_not_its_k_spaces_image(site: Path) -> None:
    def flip(file: h5py.File) -> None:
        file["reconstruction_esc"][...] = file["reconstruction_esc"][...][:, ::-1]

    changed(volume(site), flip)
    assert "they differ by" in only(site, "other target")


def test_a_target_in_other_units_is_told_by_its_factor(site: Path) -> None:
    changed(volume(site), scaled(4, "reconstruction_esc"))
    assert "4 times its k-space's image" in only(site, "other target")


def test_a_volume_without_target(site: Path) -> None:
    changed(volume(site), lambda file: file.pop("reconstruction_esc"))
    only(site, "no target")


def test_a_truncated_file(site: Path) -> None:
    content = volume(site).read_bytes()
    volume(site).write_bytes(content[: len(content) // 2])
    assert "truncated" in only(site, "unreadable")


@pytest.mark.parametrize(("factor", "text"), [(1000, " times as bright"), (1e-3, "1/")])
def test_a_volume_on_another_brightness_scale(site: Path, factor: float, text: str) -> None:
    changed(volume(site), scaled(factor, *BOTH))
    assert text in only(site, "brightness")


def test_a_volume_of_another_orientation_than_most(site: Path) -> None:
    for path in site.rglob("*.h5"):
        changed(path, lambda file: file.attrs.update(orientation="SPL"))
    assert found(site) == {}
    changed(volume(site), lambda file: file.attrs.update(orientation="SAL"))
    assert "SAL, of most others here SPL" in only(site, "orientation")


def test_a_volume_whose_matrix_is_transposed(tmp_path: Path) -> None:
    site = write_site(tmp_path / "site", {"train": (3, 3, 3)}, size=(20, 16))
    kspace, image = scanned(3, (16, 20), seed=9)
    write_volume(site / "T1" / "train" / "turned.h5", kspace, image, {})
    assert only(site, "transposed", "turned").startswith("16 × 20, most others here 20 × 16")
    kspace, image = scanned(3, (18, 16), seed=10)
    write_volume(site / "T1" / "train" / "other.h5", kspace, image, {})
    assert "other" not in found(site), "sizes may vary"


def test_a_renamed_copy_in_another_split_and_site(site: Path, tmp_path: Path) -> None:
    copy = tmp_path / "other" / "T1" / "test" / "renamed.h5"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(volume(site).read_bytes())
    changed(copy, lambda file: file.attrs.update(site="elsewhere", patient_id="another"))
    twins = found(site, copy.parents[2])
    assert twins["renamed"]["duplicate"] == (
        "the same images as site/T1/train/train_0.h5: another split!"
    )
    assert set(twins) == {"renamed", "train_0"}


def test_a_copy_in_the_same_split_is_found_too(site: Path) -> None:
    volume(site).with_name("copy.h5").write_bytes(volume(site).read_bytes())
    assert found(site)["copy"] == {"duplicate": "the same images as site/T1/train/train_0.h5"}


def test_two_empty_volumes_are_no_duplicates(site: Path) -> None:
    for name in ("train_0", "train_1"):
        changed(volume(site, name), scaled(0, *BOTH))
    assert all(list(kinds) == ["empty"] for kinds in found(site).values())


def named(site: Path, patient: str, *names: str) -> None:
    for name in names:
        changed(volume(site, name), lambda file: file.attrs.update(patient_id=patient))


def test_a_patient_in_two_splits(site: Path) -> None:
    named(site, "007", "train_0", "train_1", "val_1")
    leaks = found(site)
    assert set(leaks) == {"train_0", "train_1", "val_1"}
    text = leaks["val_1"]["patient in two splits"]
    assert text == "the same patient_id as site/T1/train/train_0.h5 and 1 more: another split!"


def test_a_patient_in_one_split_only_is_no_leak(site: Path) -> None:
    named(site, "007", "train_0", "train_1")
    assert found(site) == {}


@pytest.mark.parametrize(("patient", "leaks"), [("007", 0), ("8d2f00c1ab34", 2)])
def test_only_ids_that_are_hashes_are_compared_between_sites(
    site: Path, tmp_path: Path, patient: str, leaks: int
) -> None:
    other = write_site(tmp_path / "other")
    named(site, patient, "train_0")
    named(other, patient, "test_0")
    assert len(found(site, other)) == leaks
