"""K-space in MATLAB files of both versions, on stand-ins."""

import h5py
import numpy as np
import pytest
from kits.public_layouts import cine_kspace, write_cmrxrecon
from scipy import io

from flmrcm.errors import DataLayoutError
from flmrcm.prepare.mat_kspace import read_frame, read_mat_header


@pytest.mark.parametrize("version", ["7.3", "5"])
@pytest.mark.parametrize("key", ["kspace", "kspace_full"])
def test_a_frame_comes_back_as_it_was_written(tmp_path, version, key):
    kspace = cine_kspace(frames=3)
    header = read_mat_header(write_cmrxrecon(tmp_path, kspace=kspace, key=key, version=version))
    assert header.shape == (3, 4, 4, 24, 64)
    for frame in range(3):
        np.testing.assert_array_equal(read_frame(header, frame), kspace[frame])


@pytest.mark.parametrize("version", ["7.3", "5"])
@pytest.mark.parametrize(
    ("index", "key", "shape"),
    [
        (np.s_[0], "kspace", (1, 4, 4, 24, 64)),
        (np.s_[0, 1], "kspace", (1, 1, 4, 24, 64)),
        (np.s_[:, :, 0], "kspace_single_full", (3, 4, 1, 24, 64)),
        (np.s_[0, :, 0], "kspace_single_full", (1, 4, 1, 24, 64)),
    ],
    ids=["black blood has no frames", "one slice", "one coil", "one coil and frame"],
)
def test_axes_of_length_one_that_matlab_leaves_out(tmp_path, version, index, key, shape):
    kspace = cine_kspace()[index]
    header = read_mat_header(write_cmrxrecon(tmp_path, kspace=kspace, key=key, version=version))
    assert header.shape == shape
    last = read_frame(header, shape[0] - 1)
    assert last.shape == (*shape[1:3], 64, 24)
    whole = kspace.reshape(*shape[:3], 64, 24)
    np.testing.assert_array_equal(last, whole[-1])


def test_what_isnt_fully_sampled_kspace_is_told(tmp_path):
    undersampled = write_cmrxrecon(tmp_path, name="cine_sax_kus_Uniform8", key="kus")
    with pytest.raises(DataLayoutError, match="holds kus, but no fully sampled k-space"):
        read_mat_header(undersampled)
    real = tmp_path / "real.mat"
    with h5py.File(real, "w") as file:
        file["kspace"] = np.ones((2, 3, 4))
    with pytest.raises(DataLayoutError, match="it is no complex array"):
        read_mat_header(real)
    flat = write_cmrxrecon(tmp_path, name="flat", kspace=np.ones((8, 8), np.complex64))
    with pytest.raises(DataLayoutError, match=r"in MATLAB's order; it is \(8, 8\)"):
        read_mat_header(flat)


def test_broken_files_are_one_line(tmp_path):
    for name, content in (("a", b"nothing"), ("b", b"MATLAB 5.0 MAT-file" + bytes(200))):
        path = tmp_path / f"{name}.mat"
        path.write_bytes(content)
        with pytest.raises(DataLayoutError, match=r"not a readable|holds nothing") as caught:
            read_mat_header(path)
        assert "\n" not in str(caught.value)
    whole = write_cmrxrecon(tmp_path, name="cut", version="5")
    whole.write_bytes(whole.read_bytes()[:-3000])
    with pytest.raises(DataLayoutError, match=r"not a readable MATLAB file|damaged inside"):
        read_frame(read_mat_header(whole), 0)


def test_nan_is_told(tmp_path):
    kspace = cine_kspace(2)
    kspace[1, 0, 0, 0, 0] = np.nan
    header = read_mat_header(write_cmrxrecon(tmp_path, kspace=kspace))
    assert np.isfinite(read_frame(header, 0)).all()
    with pytest.raises(DataLayoutError, match="'kspace' holds NaN"):
        read_frame(header, 1)


def test_the_stand_ins_are_what_matlab_writes(tmp_path):
    """HDF5 behind a block of 512 bytes that says so, which scipy's reader refuses."""
    path = write_cmrxrecon(tmp_path)
    assert path.read_bytes()[:10] == b"MATLAB 7.3"
    with pytest.raises(NotImplementedError, match="HDF reader"):
        io.loadmat(path)
