"""One volume: written completely or not at all, without anything private of the original."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from kits.prepare import Heads, head, make_scan, write_nifti

from flmrcm.data.h5 import read_header
from flmrcm.mri.fourier import ifft2c
from flmrcm.prepare.nifti import NiftiSource
from flmrcm.prepare.recipe import PreparationRecipe
from flmrcm.prepare.scan import FoundVolume
from flmrcm.prepare.volume_task import Preparer, VolumeOutcome, VolumeTask, compute_checksum

ATTRIBUTES = {
    "max", "norm", "acquisition", "patient_id", "site", "subject", "contrast", "voxel_mm",
    "orientation", "native_shape", "kspace_origin", "source", "prepare_version",
}  # fmt: skip


def task(output, volume=None):
    volume = volume or FoundVolume("Jane Doe", "T1", (Path("/original/Jane_Doe_T1.nii"),))
    return VolumeTask(volume, output, "0123456789ab", "sub-0123456789ab_T1", "train", "here")


def test_a_volume_has_the_data_sets_and_attributes_of_the_format(tmp_path):
    outcome = Preparer(Heads(["Jane Doe"]), PreparationRecipe(size=[16, 16]), "heads")(
        task(tmp_path)
    )
    path = tmp_path / "T1" / "train" / "sub-0123456789ab_T1.h5"
    assert read_header(path, "here").shape[1:] == (1, 16, 16)
    with h5py.File(path) as file:
        assert set(file.attrs) >= ATTRIBUTES | {"mean", "std", "p99", "native_orientation"}
        assert file.attrs["patient_id"] == "0123456789ab"
        kspace, target = file["kspace"][()], file["reconstruction_esc"][()]
        assert file["kspace"].chunks == (1, 16, 16)
        assert list(file.attrs["voxel_mm"]) == [1, 1, 1]
    np.testing.assert_array_equal(ifft2c(torch.from_numpy(kspace)).abs().numpy(), target)
    assert outcome.row["checksum"] == compute_checksum(path)
    assert outcome.row["slices"] + outcome.row["dropped"]["foreground"] == 6


def test_a_volume_that_cannot_be_used_is_reported_with_its_path(tmp_path):
    outcome = Preparer(Heads(["Jane Doe"], broken=["Jane Doe"]), PreparationRecipe(), "heads")(
        task(tmp_path)
    )
    assert outcome.line == "/original/Jane_Doe_T1.nii: is truncated"
    assert outcome.row is None
    assert not list(tmp_path.iterdir())


def test_the_reason_in_the_manifest_holds_no_names(tmp_path):
    class Quoting(Heads):
        def read(self, volume):
            raise ValueError(f"bad magic in {volume.paths[0]}, patient Jane Doe")

    outcome = Preparer(Quoting([]), PreparationRecipe(), "heads")(task(tmp_path))
    assert "Jane_Doe_T1.nii" in outcome.line
    assert "Jane" not in outcome.reason
    assert "bad magic" in outcome.reason


def test_a_volume_of_several_files_names_the_first_and_counts_the_others():
    paths = tuple(Path(f"/original/Jane_Doe/{i}.dcm") for i in range(3))
    outcome = VolumeOutcome(
        task(Path(), FoundVolume("x", "T1", paths)), problem="a slice is missing"
    )
    assert outcome.line == "/original/Jane_Doe/0.dcm and 2 more: a slice is missing"
    assert outcome.reason == "a slice is missing"


def nifti(path):
    source = NiftiSource(str(path), ".+", {"T1": "."})
    volume = FoundVolume("x", "T1", (path,))
    return lambda output: Preparer(source, PreparationRecipe(size=None), "nifti")(
        task(output, volume)
    )


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("length", [0, 10, 200, 347, 352, 2000, -1])
def test_a_truncated_nifti_file_is_skipped(tmp_path, ending, length):
    path = write_nifti(tmp_path / f"a{ending}")
    path.write_bytes(path.read_bytes()[:length])
    assert str(path) in nifti(path)(tmp_path).line


@pytest.mark.parametrize("seed", range(8))
def test_a_nifti_header_of_random_bytes_is_never_a_traceback(tmp_path, seed):
    path = write_nifti(tmp_path / "a.nii")
    raw, rng = bytearray(path.read_bytes()), np.random.default_rng(seed)
    for place in rng.integers(4, 352, 60):
        raw[place] = rng.integers(256)
    path.write_bytes(raw)
    outcome = nifti(path)(tmp_path)
    assert bool(outcome.problem) != bool(outcome.row)


def test_names_in_the_original_are_not_in_the_output(tmp_path):
    path = tmp_path / "in" / "Mustermann^Erika" / "sub-Mustermann_T1w.nii"
    write_nifti(path, descrip=b"Mustermann", intent_name=b"Mustermann", db_name=b"Mustermann",
                aux_file=b"Mustermann")  # fmt: skip
    outcome = nifti(path)(tmp_path / "out")
    (output,) = [file for file in (tmp_path / "out").rglob("*") if file.is_file()]
    assert outcome.row
    assert b"Mustermann" not in output.read_bytes()
    assert "Mustermann" not in str(outcome.row)


def test_the_picture_is_drawn_beside_the_volume(tmp_path):
    calls = []
    Preparer(Heads(["Jane Doe"]), PreparationRecipe(), "heads", lambda *paths: calls.append(paths))(
        task(tmp_path)
    )
    ((volume, png),) = calls
    assert volume.exists()
    assert png == tmp_path / "sheets" / "sub-0123456789ab_T1.png"


def test_a_full_disk_is_an_error_and_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError, match="No space left"):
        Preparer(Heads(["Jane Doe"]), PreparationRecipe(), "heads")(task(tmp_path))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_coils_that_are_kept_become_a_multi_coil_file(tmp_path):
    class Coils(Heads):
        def read(self, volume):
            image = head((6, 20, 18))
            return make_scan(np.stack([image, image * 1j], 1).astype(np.complex64))

    Preparer(Coils([]), PreparationRecipe(size=[16, 16]), "coils")(task(tmp_path))
    (path,) = tmp_path.rglob("*.h5")
    assert read_header(path, "here", "multi").target_key == "reconstruction_rss"
