"""`flmrcm reconstruct`: new scans become images, as a user types it."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from kits.factories import write_scan
from kits.raw_files import header, plain_kspace, raw_kspace, write_kspace
from kits.scans import (
    CASCADE,
    LINES,
    UNET,
    VARNET,
    failing,
    images,
    read,
    reconstruct,
    write_cascade,
    write_challenge,
    write_unet,
    write_varnet,
)

from flmrcm.app import main
from flmrcm.mri.fourier import ifft2c

TRAIN = ["sites=bfhi", "data_dir=data", "rounds=1", "logger=csv", "target=null"]
TRAIN += [*UNET, "engine.threads=1", "local.batch_size=2"]


def train(*words):
    main(["train", *TRAIN, *words])
    (run,) = Path("outputs/train").iterdir()
    return run


@pytest.mark.parametrize("words", [[], ["mask=equispaced", "mask.accelerations=[2]"]])
def test_it_is_what_evaluate_saves_of_the_same_volume_and_mask(hospitals, words):
    checkpoint = f"checkpoint={train('strategy=fl_mr')}/checkpoints/last.pt"
    reconstruct(checkpoint, f"input={hospitals}/IXI/T1/test", "output=out", "site=ixi", *words)
    saved = ["test_sites=[ixi]", "save=[reconstruction]", "output=tested"]
    main(["evaluate", checkpoint, *saved, *words])
    (path,) = Path("tested/reconstructions/ixi").iterdir()
    image, attributes = read(Path("out/test_0.h5"))
    np.testing.assert_array_equal(image, read(path)[0])
    assert image.dtype == np.float32
    assert attributes["reconstructed_as"] == "ixi"
    assert attributes["acceleration"] == (2 if words else 4)


@pytest.mark.parametrize("words", [["strategy=fedper"], ["strategy=fedbn", "model.norm=batch"]])
def test_a_sites_personal_weights_are_used_or_asked_for(hospitals, capsys, words):
    run = train(*words, "participants=BF")
    checkpoint, scans = f"checkpoint={run}/checkpoints/last.pt", f"input={hospitals}/BraTS/T1/test"
    reconstruct(checkpoint, scans, "output=out", "site=brats")
    np.testing.assert_array_equal(
        read(Path("out/test_0.h5"))[0], read(run / "reconstructions/brats/test_0.h5")[0]
    )
    reconstruct(checkpoint, scans, "output=other", "site=fastmri")
    assert not np.array_equal(read(Path("other/test_0.h5"))[0], read(Path("out/test_0.h5"))[0])
    capsys.readouterr()
    status, line = failing(capsys, checkpoint, scans, "output=none")
    assert status == 2
    assert "name the site whose are used: site=brats or site=fastmri." in line
    status, line = failing(capsys, checkpoint, scans, "output=none", "site=ixi")
    assert (status, "site=ixi: has no weights of its own in the run" in line) == (1, True)
    (run / "checkpoints/last.pt").rename("moved.pt")
    status, line = failing(capsys, "checkpoint=moved.pt", scans, "output=none", "site=brats")
    assert (status, "stay in the run's folder beside its checkpoints" in line) == (1, True)
    assert not Path("none").exists()


def test_dittos_sites_have_weights_of_their_own_beside_the_global_ones(hospitals):
    run = train("strategy=ditto", "participants=BF", "local.optimizer.lr=0.01")
    checkpoint, scans = f"checkpoint={run}/checkpoints/last.pt", f"input={hospitals}/BraTS/T1/test"
    reconstruct(checkpoint, scans, "output=own", "site=brats")
    np.testing.assert_array_equal(
        read(Path("own/test_0.h5"))[0], read(run / "reconstructions/brats/test_0.h5")[0]
    )
    everything = ["mask.accelerations=[1]", "mask.center_fractions=null"]  # one mask for all
    for name, site in {"brats": ["site=brats"], "ixi": ["site=ixi"], "none": []}.items():
        reconstruct(checkpoint, scans, f"output={name}", *site, *everything)
    brats, ixi, none = (read(Path(f, "test_0.h5"))[0] for f in ("brats", "ixi", "none"))
    np.testing.assert_array_equal(ixi, none)
    assert not np.array_equal(brats, none)


@pytest.mark.parametrize("coils", [1, 4])
@pytest.mark.parametrize(("write", "model"), [(write_unet, UNET), (write_varnet, VARNET)])
def test_a_challenge_file_is_reconstructed_from_what_was_measured(capsys, write, model, coils):
    kspace = write_challenge(Path("in/scan.h5"), coils)
    reconstruct(write(), *model, "input=in/scan.h5", "output=out")
    image, attributes = read(Path("out/scan.h5"))
    assert image.shape == (len(kspace), *kspace.shape[-2:])
    assert image.std() > 0
    assert attributes["mask"] == "the file's own"
    assert attributes["acceleration"] == pytest.approx(32 / LINES.sum(), abs=1e-3)
    assert "1 scan reconstructed from what was measured" in " ".join(
        capsys.readouterr().err.split()
    )


def test_a_raw_challenge_file_has_the_size_and_the_voxels_of_its_header():
    """Oversampling of the readout and padding are cut off, as fastMRI's loader does."""
    mask = np.zeros(32, np.float32)
    mask[4:28:2] = mask[12:20] = 1
    xml = np.array(header().encode())
    kspace = raw_kspace() * mask
    write_kspace(Path("in/scan.h5"), kspace, target=False, mask=mask, ismrmrd_header=xml)
    for kind in ("h5", "nifti"):
        reconstruct(write_unet(), *UNET, "input=in", "output=out", f"format={kind}")
    image, attributes = read(Path("out/scan.h5"))
    assert image.shape == (2, 32, 32)
    assert attributes["acceleration"] == pytest.approx(24 / mask.sum(), abs=1e-3)
    assert attributes["voxel_mm"].tolist() == [5, 6.875, 6.875]
    loaded = nibabel.load("out/scan.nii.gz")
    np.testing.assert_array_equal(loaded.get_fdata(dtype=np.float32), image.transpose(2, 1, 0))
    assert loaded.header.get_zooms() == (6.875, 6.875, 5)


def test_samples_outside_a_scans_own_mask_do_not_count():
    kspace = write_challenge(Path("in/scan.h5"))
    write_kspace(Path("full/scan.h5"), plain_kspace(), target=False, mask=LINES)
    assert not np.array_equal(kspace, plain_kspace())
    for folder in ("in", "full"):
        reconstruct(write_cascade(), *CASCADE, f"input={folder}", f"output=out_{folder}")
    ours, theirs = (read(Path(f"out_{folder}/scan.h5"))[0] for folder in ("in", "full"))
    np.testing.assert_array_equal(ours, theirs)


def test_a_scan_that_is_wholly_measured_is_its_own_image():
    """Hard data consistency leaves a network nothing to change, whatever its weights."""
    kspace = plain_kspace()
    write_kspace(Path("in/scan.h5"), kspace, target=False)
    reconstruct(write_cascade(), *CASCADE, "input=in", "output=out", "mask=file")
    image, attributes = read(Path("out/scan.h5"))
    expected = ifft2c(torch.from_numpy(kspace)).abs().numpy()
    np.testing.assert_allclose(image, expected, rtol=1e-4, atol=1e-5)
    assert attributes["acceleration"] == 1


def test_rows_are_turned_back(hospitals):
    kspace = plain_kspace((16, 32))
    write_kspace(Path("columns/scan.h5"), kspace)
    write_kspace(Path("rows/scan.h5"), kspace.swapaxes(-2, -1), phase_encoding="rows")
    write_kspace(Path("silent/scan.h5"), kspace.swapaxes(-2, -1))
    for folder in ("columns", "rows"):
        reconstruct(write_unet(), *UNET, f"input={folder}", f"output=out_{folder}")
    reconstruct(write_unet(), *UNET, "input=silent", "output=out_silent", "phase_encoding=rows")
    expected = read(Path("out_columns/scan.h5"))[0].swapaxes(-2, -1)
    for folder in ("rows", "silent"):
        np.testing.assert_array_equal(read(Path(f"out_{folder}/scan.h5"))[0], expected)


def test_coil_maps_beside_scans_are_no_scans():
    write_challenge(Path("in/scan.h5"), 4)
    write_challenge(Path("in/sensitivity_maps/scan.h5"))
    reconstruct(write_unet(), *UNET, "input=in", "output=out")
    assert [path.name for path in Path("out").rglob("*.h5")] == ["scan.h5"]


def test_undersampled_k_space_is_refused_where_a_mask_is_typed(capsys):
    write_challenge(Path("in/scan.h5"))
    said = failing(capsys, write_unet(), *UNET, "input=in", "output=out", "mask=random")[1]
    assert "in/scan.h5: undersampled k-space (a data set 'mask'" in said


def test_a_model_that_estimates_maps_refuses_a_scan_without_a_centre(capsys):
    mask = np.zeros(32, np.float32)
    mask[1::2] = 1
    mask[16] = 0
    write_challenge(Path("in/scan.h5"), 4, mask)
    said = failing(capsys, write_varnet(), *VARNET, "input=in", "output=out")[1]
    assert "its own mask leaves no fully sampled centre, from which coil maps come" in said
    assert not Path("out/scan.h5").exists()


def test_images_are_cut_to_the_resolution_and_it_is_said(capsys):
    write_scan(Path("in/a.h5"), size=(24, 16))
    reconstruct(write_unet(), *UNET, "input=in", "output=out", "data.resolution=16")
    assert images("out")["a.h5"].shape[1:] == (16, 16)
    assert "type data.resolution=24 for all of it" in " ".join(capsys.readouterr().err.split())


def test_a_checkpoint_never_runs_code(capsys, hospitals):
    content = torch.load(train("strategy=fl_mr") / "checkpoints/last.pt", weights_only=True)
    content["config"]["model"] = {"_target_": "pathlib.Path.touch", "self": "hit"}
    torch.save(content, "foreign.pt")
    said = failing(capsys, "checkpoint=foreign.pt", f"input={hospitals}", "output=out")[1]
    assert "trust=true builds it all the same" in said
    assert not Path("hit").exists()
