"""The public raw sets from download to site; all files are stand-ins in the published layouts."""

import h5py
import numpy as np
import pytest
import torch
from kits.prepare import SALT, make_preparation, prepare
from kits.public_layouts import PLACE, cine_kspace, write_cc359, write_cmrxrecon, write_m4raw
from kits.raw_files import write_raw

from flmrcm.data.h5 import read_header
from flmrcm.data.stored_sampling import mark_acquired_columns, read_stored_sampling
from flmrcm.mri.fourier import ifft2c
from flmrcm.prepare.cc359 import Cc359Source
from flmrcm.prepare.cmrxrecon import CmrxreconSource
from flmrcm.prepare.fastmri import FastmriSource
from flmrcm.prepare.m4raw import M4RawSource
from flmrcm.prepare.pseudonyms import hash_subject
from flmrcm.prepare.recipe import PreparationRecipe
from flmrcm.prepare.volume_task import Preparer


def write_cc359_set(folder):
    for subject in range(4):
        write_cc359(folder, f"e{subject}s3_P1.7")
    return Cc359Source(str(folder)), [f"e{subject}" for subject in range(4)], 33


def write_m4raw_set(folder):
    for name in ("T101", "T102", "T201", "T202"):
        for study in range(3):
            write_m4raw(folder, f"{study}_{name}")
    return M4RawSource(str(folder), repetitions="each"), ["0", "1", "2"], 30


def write_cmrxrecon_set(folder):
    for patient in range(3):
        place = PLACE.replace("P003", f"P00{patient}")
        write_cmrxrecon(folder, place, kspace=cine_kspace(2)[..., :16])
    subjects = [f"TrainingSet/Center005/Siemens_30T_Vida/P00{patient}" for patient in range(3)]
    source = CmrxreconSource(str(folder), {"cine_sax": ["cine_sax"]}, frames=None)
    return source, subjects, 26


def write_fastmri_set(folder):
    """24 of 32 columns are measured, over 220 mm; of the 40 that are written 275 mm wide, 30."""
    for patient in range(3):
        write_raw(folder, f"file_brain_AXT1_200_{patient}", patient_id=f"patient_{patient}")
    subjects = [f"patient_{patient}" for patient in range(3)]
    return FastmriSource(str(folder), {"T1": ["AXT1"]}), subjects, 30


SETS = {
    "cc359": write_cc359_set,
    "cmrxrecon": write_cmrxrecon_set,
    "fastmri": write_fastmri_set,
    "m4raw": write_m4raw_set,
}


@pytest.fixture(scope="module", params=SETS)
def prepared(request, tmp_path_factory):
    """Return the output folder, the subjects, and the acquired columns of 40."""
    tmp_path = tmp_path_factory.mktemp(request.param)
    source, subjects, acquired = SETS[request.param](tmp_path / "in")
    worker = Preparer(source, PreparationRecipe(size=[40, 40]), request.param)
    outcomes = prepare(make_preparation(tmp_path / "out", source, worker=worker))
    assert [outcome.problem for outcome in outcomes if outcome.problem] == []
    return tmp_path / "out", subjects, acquired


def test_the_target_is_the_image_of_the_kspace_and_only_acquired_columns_count(prepared):
    folder, _, acquired = prepared
    for path in folder.rglob("*.h5"):
        volume = mark_acquired_columns(read_header(path, ""))
        assert read_stored_sampling(volume).n_acquired == pytest.approx(acquired, abs=2)
        with h5py.File(path) as file:
            image = ifft2c(torch.from_numpy(file["kspace"][()]))
            np.testing.assert_array_equal(file["reconstruction_esc"][()], image.abs().numpy())
            assert file.attrs["kspace_origin"] == "measured"


def test_all_contrasts_repetitions_and_frames_of_a_subject_are_in_one_split(prepared):
    folder, subjects, _ = prepared
    split_of = {}
    for path in folder.rglob("*.h5"):
        with h5py.File(path) as file:
            split_of.setdefault(file.attrs["patient_id"], set()).add(path.parent.name)
    assert set(split_of) == {hash_subject(subject, SALT) for subject in subjects}
    assert all(len(splits) == 1 for splits in split_of.values())
    assert set.union(*split_of.values()) == {"train", "val", "test"}


def test_no_subject_is_named_in_what_is_written(prepared):
    folder, subjects, _ = prepared
    names = [word for word in subjects if len(word) > 2]
    for path in folder.rglob("*.h5"):
        with h5py.File(path) as file:
            text = repr(dict(file.attrs)) + path.name
        assert [name for name in names if name in text] == []
