"""`flmrcm evaluate format=…`: tested volumes become files that viewers and archives open."""

from pathlib import Path

import h5py
import nibabel
import numpy as np
import pandas as pd
import pydicom
import pytest
from kits.scans import UNET, read, reconstruct, write_unet

from flmrcm.app import main

IXI = Path("data/IXI/T1/test/test_0.h5")
VOXEL_MM = [5.0, 2.0, 0.5]


@pytest.fixture(autouse=True)
def words(hospitals):
    """Gives one hospital's scan a place in space, and its patient a name; returns what to type."""
    with h5py.File(IXI, "a") as file:
        file.attrs.update({"orientation": "SPL", "voxel_mm": VOXEL_MM, "patient_id": "Doe^Jane"})
    return [write_unet(), *UNET, "sites=bfhi", "data_dir=data"]


def evaluate(words, *more):
    main(["evaluate", *words, "test_sites=[ixi]", "save=[reconstruction]", *more])
    return Path("tested/reconstructions/ixi")


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("kind", ["nifti", "dicom", "png"])
def test_files_are_those_of_reconstruct_to_the_byte(words, kind):
    found = contents(evaluate(words, f"format={kind}", "output=tested"))
    inputs = [f"input={IXI.parent}", "output=out", "site=ixi", f"format={kind}"]
    reconstruct(*words, *inputs)
    expected = contents(Path("out"))
    assert found
    assert found == {name: expected[name] for name in found}
    assert expected.keys() - found.keys() == {"test_0.png"} | {
        name for name in expected if name.startswith(".reconstruct/")
    }


def test_a_nifti_image_lies_as_its_scan_and_holds_what_is_scored(words):
    folder = evaluate(words, "format=nifti", "output=tested")
    loaded = nibabel.load(folder / "test_0.nii.gz")
    assert nibabel.aff2axcodes(loaded.affine) == ("L", "P", "S")
    assert list(loaded.header.get_zooms()) == VOXEL_MM[::-1]
    evaluate(words, "output=arrays")
    image = read(Path("arrays/reconstructions/ixi/test_0.h5"))[0]
    np.testing.assert_array_equal(loaded.get_fdata(dtype=np.float32), image.transpose(2, 1, 0))


def test_a_dicom_series_is_derived_and_knows_no_patient(words):
    folder = evaluate(words, "format=dicom", "output=tested")
    files = [pydicom.dcmread(path) for path in sorted(folder.glob("test_0_dicom/*.dcm"))]
    assert len(files) == 3
    assert len({file.SOPInstanceUID for file in files}) == 3
    for file in files:
        assert file.ImageType[0] == "DERIVED"
        assert "NOT FOR DIAGNOSIS" in file.SeriesDescription
        assert (file.PatientName, file.PatientID) == ("", "")
    assert not any(b"Doe" in content for content in contents(folder).values())


def test_a_scan_is_written_whole_where_some_of_its_slices_are_scored(words):
    folder = evaluate(words, "format=nifti", "sites.ixi.slices=[1,2]", "output=tested")
    assert nibabel.load(folder / "test_0.nii.gz").shape[2] == 3
    assert set(pd.read_csv("tested/scores.csv")["slices"]) == {1}


def test_weights_that_all_sites_share_are_named_where_a_site_could_have_its_own(words):
    folder = evaluate(words, "format=nifti", "weights=global", "output=tested")
    assert '"weights": "global"' in (folder / "test_0.json").read_text()


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ("save=[]", "format=nifti: is for save=[reconstruction] alone; save= names nothing."),
        ("save=[reconstruction,latent]", "save=latent needs format=h5."),
        ("save=[target,input]", "save=target, input needs format=h5."),
        ("format=nifty", "Did you mean 'nifti'?"),
    ],
)
def test_what_a_format_cant_hold_is_said_before_anything_is_done(words, said, asked, line):
    status, printed = said("evaluate", *words, "format=nifti", asked, "output=tested")
    assert (status, line in printed) == (2, True), printed
    assert not Path("tested").exists()
