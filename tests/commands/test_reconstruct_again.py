"""`flmrcm reconstruct` typed again, cut off, and typed wrongly."""

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
    UNET,
    failing,
    images,
    reconstruct,
    write_unet,
)

from flmrcm.app import main


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
        (
            ["input=in", "output=out", "format=tiff"],
            "format=tiff: use one of h5, nifti, dicom, png.",
        ),
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
