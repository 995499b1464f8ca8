"""IXI as it is downloaded."""

import numpy as np
import pytest
from kits.prepare import head, write_nifti

from flmrcm.errors import ConfigErrors, DataLayoutError
from flmrcm.prepare.ixi import IxiSource

NAMES = (
    "IXI-T1/IXI002-Guys-0828-T1.nii.gz",
    "IXI-T1/IXI012-HH-1211-T1.nii.gz",
    "IXI-T2/IXI002-Guys-0828-T2.nii.gz",
    "IXI-T2/IXI035-IOP-0873-T2.nii.gz",
    "IXI-PD/IXI002-Guys-0828-PD.nii.gz",
    "IXI-DTI/IXI002-Guys-0828-DTI-00.nii.gz",
)


@pytest.fixture
def download(tmp_path):
    for name in NAMES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return str(tmp_path)


def test_one_site_of_all_hospitals(download):
    volumes = list(IxiSource(download).find())
    assert [(volume.subject, volume.contrast, volume.site) for volume in volumes] == [
        ("IXI002", "T1", ""),
        ("IXI012", "T1", ""),
        ("IXI002", "T2", ""),
        ("IXI035", "T2", ""),
    ]


def test_three_sites_by_hospital(download):
    volumes = IxiSource(download, split_by="hospital").find()
    assert {volume.site for volume in volumes} == {"IXI-Guys", "IXI-HH", "IXI-IOP"}


def test_other_contrasts_can_be_chosen_and_diffusion_is_never_used(download):
    assert [volume.contrast for volume in IxiSource(download, ["PD"]).find()] == ["PD"]


def test_sagittal_and_axial_files_give_the_same_slices(tmp_path):
    """T1 is stored in sagittal, T2 in axial slices."""
    images = []
    for contrast, codes in (("T1", "PSR"), ("T2", "LAS")):
        write_nifti(tmp_path / f"IXI002-Guys-0828-{contrast}.nii.gz", head(), codes=codes)
        source = IxiSource(str(tmp_path), [contrast])
        images.append(source.read(next(iter(source.find()))))
    assert [image.native_orientation for image in images] == ["PSR", "LAS"]
    np.testing.assert_array_equal(images[0].image, images[1].image)


def test_a_folder_without_wanted_files_is_explained(download):
    with pytest.raises(DataLayoutError, match="IXI002-Guys-0828-MRA"):
        list(IxiSource(download, ["MRA"]).find())
    with pytest.raises(ConfigErrors) as caught:
        IxiSource(download, ["T9"], split_by="hospitals")
    assert "Did you mean 'hospital'?" in caught.value.problems[0]
    assert len(caught.value.problems) == 2
