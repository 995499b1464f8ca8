"""CMRxRecon of three years, on stand-ins in its layout."""

import numpy as np
import pytest
from kits.public_layouts import PLACE, TABLE, cine_kspace, phantom, write_cmrxrecon

from flmrcm.errors import ConfigErrors, DataLayoutError
from flmrcm.prepare.cmrxrecon import CmrxreconSource
from flmrcm.prepare.recipe import PreparationRecipe
from flmrcm.prepare.scan import UnusableVolume

ACQUISITIONS = {"cine_sax": ["cine_sax"], "cine_lax": ["cine_lax", "cine_lax_3ch"]}


def source(folder, **options):
    return CmrxreconSource(str(folder), ACQUISITIONS, **options)


def find(folder, **options):
    return list(source(folder, **options).find())


def test_a_frame_is_a_volume_with_its_slices_as_neighbours(tmp_path):
    write_cmrxrecon(tmp_path)
    everything = source(tmp_path, frames=None, coils="rss")
    volumes = list(everything.find())
    assert [v.scan for v in volumes] == [f"cine_sax_t0{frame}" for frame in range(3)]
    assert len({v.subject for v in volumes}) == 1
    for frame, volume in enumerate(volumes):
        image = everything.read(volume).image
        np.testing.assert_allclose(image, (frame + 1) * phantom(), atol=1e-4)
    assert [v.scan for v in find(tmp_path)] == ["cine_sax_t00"]


@pytest.mark.parametrize("version", ["7.3", "5"])
def test_the_target_is_the_phantom_and_the_image_of_its_kspace(tmp_path, version):
    write_cmrxrecon(tmp_path, version=version)
    reader = source(tmp_path, coils="keep")
    scan = reader.read(next(iter(reader.find())))
    assert (scan.image.shape, scan.voxel_mm) == ((4, 4, 32, 24), (8.0, 10.0, 10.0))
    written = PreparationRecipe(size=None).apply(scan)
    assert written.slices == range(1, 3)
    np.testing.assert_allclose(written.encoded.target, phantom()[1:3], atol=1e-4)


def test_acceleration_counts_acquired_columns_only(tmp_path):
    """Partial Fourier, then pixels made square: 16 of 24 lines stay 16 lines."""
    table = TABLE | {"FOVy(mm)": "240"}
    write_cmrxrecon(tmp_path, kspace=cine_kspace()[..., 8:], table=table)
    reader = source(tmp_path)
    scan = reader.read(next(iter(reader.find())))
    written = PreparationRecipe(size=[40, 40]).apply(scan).encoded.kspace
    assert 0.6 < written.any((0, 1)).mean() < 0.72


def test_the_same_number_elsewhere_is_another_subject(tmp_path):
    elsewhere = (
        PLACE,
        PLACE.replace("Center005", "Center002"),
        PLACE.replace("Vida", "Prisma"),
        PLACE.replace("TrainingSet", "ValidationSet"),
        PLACE.replace("MultiCoil", "TaskR1/MultiCoil"),
    )
    for place in elsewhere:
        write_cmrxrecon(tmp_path, place)
    write_cmrxrecon(tmp_path, PLACE.replace("Cine", "Mapping"), "cine_lax_3ch")
    volumes = find(tmp_path)
    assert len({volume.subject for volume in volumes}) == len(elsewhere)
    assert len(volumes) == len(elsewhere) + 1
    assert "TrainingSet/Center005/Siemens_30T_Vida/P003" in {v.subject for v in volumes}


def test_a_subject_has_one_name_whatever_folder_is_given(tmp_path):
    write_cmrxrecon(tmp_path)
    inner = tmp_path / PLACE
    assert [v.subject for v in find(tmp_path)] == [v.subject for v in find(inner)]


def test_centres_and_scanners_can_be_sites(tmp_path):
    write_cmrxrecon(tmp_path)
    assert find(tmp_path)[0].site == ""
    assert find(tmp_path, split_by="center")[0].site == "CMRxRecon-Center005"
    assert find(tmp_path, split_by="scanner")[0].site == "CMRxRecon-Center005-Siemens_30T_Vida"
    (problem,) = find(write_year_2023(tmp_path / "2023"), split_by="center")
    assert "names no centre" in str(problem)


def write_year_2023(folder):
    place = "MultiCoil/Cine/TrainingSet/FullSample/P001"
    write_cmrxrecon(folder, place, key="kspace_full")
    write_cmrxrecon(folder, place.replace("FullSample", "AccFactor04"), key="kspace_sub04")
    return folder


def test_undersampled_files_are_left_alone(tmp_path):
    (volume,) = find(write_year_2023(tmp_path))
    assert (volume.subject, volume.contrast) == ("TrainingSet/P001", "cine_sax")


def test_what_is_missing_is_told_before_any_kspace_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("flmrcm.prepare.cmrxrecon.read_frame", None)
    write_cmrxrecon(tmp_path, table=None)
    assert "give voxel_mm" in str(find(tmp_path)[0])
    assert find(tmp_path, voxel_mm=[8, 1, 1])[0].contrast == "cine_sax"
    assert "has 3 frames" in str(find(tmp_path, voxel_mm=[8, 1, 1], frames=[0, 3])[0])
    with pytest.raises(DataLayoutError, match=r"no file of cine_lax; .* are called cine_sax"):
        find(tmp_path, contrasts=["cine_lax"])


def test_a_wrong_folder_and_a_broken_file_are_one_line(tmp_path):
    (tmp_path / "notes.mat").write_bytes(b"nothing")
    with pytest.raises(DataLayoutError, match="give the folder MultiCoil"):
        find(tmp_path)
    path = write_cmrxrecon(tmp_path)
    path.write_bytes(path.read_bytes()[:700])
    (problem,) = find(tmp_path)
    assert isinstance(problem, UnusableVolume)
    assert "not a readable HDF5 file" in str(problem)


def test_all_config_problems_come_together():
    with pytest.raises(ConfigErrors) as caught:
        source(
            "x", contrasts=["cine"], frames=[-1], coils="al", split_by="centre",
            voxel_mm=[1, 1], slice_mm=0, oversampling=-1,
        )  # fmt: skip
    assert len(caught.value.problems) == 7
    assert "Did you mean 'center'?" in str(caught.value)
