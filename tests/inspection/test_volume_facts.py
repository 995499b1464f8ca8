"""A volume is read slice by slice; a broken file is a fact, not an error."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from kits.factories import scanned, write_plain, write_scan

from flmrcm.inspection.volume_facts import VolumeFacts, examine, examine_all
from flmrcm.inspection.volume_places import VolumePlace


def place(path: Path) -> VolumePlace:
    return VolumePlace(path, "here", "T1", "train")


def examine_file(path: Path, quick: bool = False) -> VolumeFacts:
    return examine(place(path), quick)


def test_a_whole_volume_has_header_attributes_and_measures(tmp_path: Path) -> None:
    path = write_scan(tmp_path / "v.h5", n=5, coils=2).path
    facts = examine_file(path)
    assert facts.problem == ""
    assert facts.header is not None
    assert facts.header.shape == (5, 2, 16, 16)
    assert facts.is_whole
    assert facts.size == (16, 16)
    assert facts.n_bytes == path.stat().st_size
    assert facts.provenance.maximum == pytest.approx(facts.measures and facts.measures.maximum)


def test_quick_reads_three_slices_of_many_and_all_of_few(tmp_path: Path) -> None:
    many = examine_file(write_scan(tmp_path / "v.h5", n=9).path, quick=True)
    assert many.measures is not None
    assert many.measures.n_slices == 3
    assert not many.is_whole
    assert examine_file(write_scan(tmp_path / "w.h5", n=2).path, quick=True).is_whole


def test_quick_sees_nothing_of_the_other_slices(tmp_path: Path) -> None:
    path = write_scan(tmp_path / "v.h5", n=8).path
    with h5py.File(path, "r+") as file:
        file["kspace"][0, 0, 0] = np.nan
    quick, whole = examine_file(path, quick=True).measures, examine_file(path).measures
    assert quick is not None
    assert whole is not None
    assert (quick.n_broken, whole.n_broken) == (0, 1)


def test_broken_files_are_facts(tmp_path: Path) -> None:
    content = write_scan(tmp_path / "whole.h5").path.read_bytes()
    (tmp_path / "cut.h5").write_bytes(content[: len(content) // 2])
    kspace, _ = scanned(3, (16, 16))
    write_plain(tmp_path / "flat.h5", kspace=kspace[0])
    write_plain(tmp_path / "none.h5", kspace=kspace[:0])
    (tmp_path / "lost.h5").symlink_to(tmp_path / "nowhere.h5")
    with h5py.File(tmp_path / "vast.h5", "w") as file:
        file.create_dataset("kspace", (2, 2**20, 2**20), np.complex64)
    with h5py.File(tmp_path / "long.h5", "w") as file:
        file.create_dataset("kspace", (10**9, 16, 16), np.complex64)
    cases = {
        "cut": "not a readable HDF5",
        "flat": "must be complex",
        "none": "holds no slices",
        "vast": "declares the shape (2, 1048576, 1048576)",
        "long": "declares the shape (1000000000, 16, 16)",
        "lost": "can't be read (No such file",
    }
    for name, text in cases.items():
        facts = examine_file(tmp_path / f"{name}.h5")
        assert text in facts.problem
        assert str(tmp_path) not in facts.problem
        assert facts.measures is None


def test_damage_inside_a_file_is_found_when_the_slice_is_read(tmp_path: Path) -> None:
    kspace, image = scanned(3, (16, 16))
    with h5py.File(tmp_path / "v.h5", "w") as file:
        data = {"kspace": kspace, "reconstruction_esc": image}
        for name, array in data.items():
            file.create_dataset(name, data=array, chunks=(1, 16, 16), fletcher32=True)
        offset = file["kspace"].id.get_chunk_info(1).byte_offset
    with (tmp_path / "v.h5").open("r+b") as raw:
        raw.seek(offset + 8)
        raw.write(b"damage")
    facts = examine_file(tmp_path / "v.h5")
    assert "filter returned failure" in facts.problem
    assert facts.header is not None


def test_several_processes_return_the_same_facts_in_the_same_order(tmp_path: Path) -> None:
    places = [place(write_scan(tmp_path / f"{i}.h5").path) for i in range(3)]
    assert list(examine_all(places, False, 2)) == list(examine_all(places, False, 1))
