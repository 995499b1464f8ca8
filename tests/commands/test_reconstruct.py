"""`flmrcm reconstruct`: new scans become images, as a user types it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from kits.factories import make_unet, write_scan
from kits.raw_files import plain_kspace, write_kspace
from kits.scans import (
    CASCADE,
    LINES,
    UNET,
    VARNET,
    read,
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


def reconstruct(*words):
    main(["reconstruct", *words])


def failing(capsys, *words):
    """Return the status and what a failing command says."""
    with pytest.raises(SystemExit) as stopped:
        reconstruct(*words)
    return stopped.value.code, " ".join(capsys.readouterr().err.split())


def images(folder):
    """Return every reconstruction in a folder by its path there."""
    return {p.relative_to(folder).as_posix(): read(p)[0] for p in Path(folder).rglob("*.h5")}


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


def test_a_sites_personal_weights_are_used_or_asked_for(hospitals, capsys):
    run = train("strategy=fedper", "participants=BF")
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
    assert (status, "site=ixi: has no private weights in the run" in line) == (1, True)
    (run / "checkpoints/last.pt").rename("moved.pt")
    status, line = failing(capsys, "checkpoint=moved.pt", scans, "output=none", "site=brats")
    assert (status, "stay in the run's folder beside its checkpoints" in line) == (1, True)
    assert not Path("none").exists()


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


def test_what_is_finished_is_not_computed_again(capsys):
    for name in ("a", "b/a", "b/c"):
        write_scan(Path(f"in/{name}.h5"))
    words = [write_unet(), *UNET, "input=in", "output=out"]
    reconstruct(*words)
    assert set(images("out")) == {"a.h5", "b/a.h5", "b/c.h5"}
    before = {path: path.stat().st_mtime_ns for path in Path("out").rglob("*.h5")}
    Path("out/b/c.h5").unlink()  # a file is missing, and another scan was replaced
    write_kspace(Path("in/a.h5"), plain_kspace())
    capsys.readouterr()
    reconstruct(*words)
    assert "1 of 3 were finished before" in capsys.readouterr().out
    now = {path: path.stat().st_mtime_ns for path in Path("out").rglob("*.h5")}
    assert {path.name for path in before if before[path] == now[path]} == {"a.h5"}
    assert now[Path("out/b/a.h5")] == before[Path("out/b/a.h5")]
    assert images("out")["a.h5"].shape == (2, 16, 32)


@pytest.mark.parametrize(
    "words", [["mask=equispaced"], ["mask.accelerations=[2]"], ["data.resolution=8"],
              ["checkpoint=other.pt"]],
)  # fmt: skip
def test_what_was_made_otherwise_is_not_mixed(capsys, words):
    write_scan(Path("in/a.h5"))
    torch.save(make_unet(seed=1).state_dict(), "other.pt")
    typed = [write_unet(), *UNET, "input=in", "output=out"]
    reconstruct(*typed)
    reconstruct(*typed, "format=nifti")
    before = images("out")
    status, line = failing(capsys, *typed, *words)
    assert status == 1
    assert "out: holds reconstructions that were made otherwise" in line
    np.testing.assert_array_equal(images("out")["a.h5"], before["a.h5"])


def test_another_scan_of_the_same_name_is_not_written_over(capsys):
    for folder in ("one", "two"):
        write_scan(Path(folder, "a.h5"), n=2 if folder == "one" else 3)
    typed = [write_unet(), *UNET, "output=out"]
    reconstruct(*typed, "input=one")
    status, line = failing(capsys, *typed, "input=two")
    assert (status, "holds a of another scan" in line) == (1, True)
    assert len(images("out")["a.h5"]) == 2


def test_one_broken_scan_is_named_and_the_others_are_done(capsys):
    write_scan(Path("in/a.h5"))
    write_scan(Path("in/c.h5"))
    Path("in/b.h5").write_bytes(b"broken")
    with h5py.File("in/d.h5", "w") as file:
        file["reconstruction_rss"] = np.zeros((2, 4, 4))
    write_scan(Path("in/e.h5"))
    with h5py.File("in/e.h5", "r+") as file:
        file["kspace"][1] = np.nan
    status, said = failing(capsys, write_unet(), *UNET, "input=in", "output=out")
    assert status == 1
    assert set(images("out")) == {"a.h5", "c.h5"}
    for line in (
        "in/b.h5: not a readable HDF5 file", "in/d.h5: no data set 'kspace'",
        "in/e.h5: slice 1 of 'kspace' holds NaN", "3 of 5 couldn't be reconstructed",
    ):  # fmt: skip
        assert line in said.replace("in/ ", "in/")


def test_killed_between_scans_and_typed_again_ends_with_the_same_files():
    for i in range(6):
        write_scan(Path(f"in/{i}.h5"), n=2)
    words = ["reconstruct", write_unet(), *UNET, "input=in", "format=nifti"]
    process = subprocess.Popen([sys.executable, "-m", "flmrcm", *words, "output=cut"])
    while not list(Path("cut").rglob("*.nii.gz")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for place in ("cut", "whole"):
        main([*words, f"output={place}"])
    files = [
        {p.name: p.read_bytes() for p in Path(place).iterdir() if p.is_file()}
        for place in ("cut", "whole")
    ]
    assert files[0] == files[1]
    assert len(files[0]) == 18


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "input: give input=FILE_OR_FOLDER."),
        (["input=in", "output=out", "format=dicom"], "format=dicom: use one of h5, nifti, png."),
        (["input=nowhere", "output=out"], "input=nowhere: there is no such file or folder."),
        (["input=empty", "output=out"], "input=empty: holds no .h5 file, nor does a folder"),
        (
            ["input=in", "output=in/out"],
            "output=in/out: lies in input=in; give a folder",
        ),
        (["input=in/a.h5", "output=in"], "output=in: isn't empty, and no reconstruction was begun"),
        (["input=in", "output=unet.pt"], "output=unet.pt: is a file; give a folder."),
        (["input=in", "output=out", "site=ixi"], "site=ixi: no such site"),
        (["input=in", "output=out", "inputs=in"], "Did you mean 'input'?"),
        (["input=in", "output=out", "phase_encoding=row"], "Did you mean 'rows'?"),
        (["input=in", "output=out", "coils=multi"], "in/a.h5: 'kspace' is single-coil"),
        (["input=in", "output=out", "mask.accelerations=[64]"], "in/a.h5: mask.accelerations=64"),
        (["input=in", "output=out", "model.pools=4"], "weights of another architecture"),
        (["input=small", "output=out"], "small/a.h5: "),
    ],
)
def test_bad_input_is_one_line(capsys, words, said):
    write_scan(Path("in/a.h5"))
    write_scan(Path("small/a.h5"), size=(4, 4))
    Path("empty").mkdir()
    checkpoint = write_unet()
    status, printed = failing(capsys, checkpoint, *UNET, *words)
    assert status in (1, 2)
    assert said in printed
    assert "Traceback" not in printed
    assert not list(Path().rglob("out/*.h5"))


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
    assert "leaves no fully sampled centre, from which VarNet estimates coil maps" in said
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
