"""Sizes in millimetres, from the table beside a scan or from the user."""

import pytest
from kits.public_layouts import TABLE, write_cmrxrecon

from flmrcm.errors import DataLayoutError
from flmrcm.prepare.cmrxrecon_info import SizeRule, read_size

MATRIX = 64, 24
ASK = SizeRule(None, None, None, ("UIH", "Siemens_15T_Sola"))
SIEMENS, UIH = "Siemens_30T_Vida", "UIH_30T_umr780"


def size(root, scanner=SIEMENS, rule=ASK, **changes):
    rows = {key: value for key, value in (TABLE | changes).items() if value is not None}
    return read_size(write_cmrxrecon(root, table=rows), scanner, MATRIX, rule)


def test_pixels_follow_from_the_field_of_view(tmp_path):
    """320 mm are half of the 64 samples along the readout: 10 mm; 240 mm are 24 phase encodes."""
    found = size(tmp_path)
    assert (found.voxel_mm, found.oversampling) == ((8.0, 10.0, 10.0), 2.0)


def test_some_scanners_give_the_field_of_view_of_the_whole_readout(tmp_path):
    assert size(tmp_path, UIH, **{"FOVx(mm)": "640"}).voxel_mm == (8.0, 10.0, 10.0)
    assert size(tmp_path, "Siemens_15T_Sola", **{"FOVx(mm)": "640"}).voxel_mm == (8.0, 10.0, 10.0)


def test_units_in_the_keys_make_no_difference(tmp_path):
    bare = {key.partition("(")[0]: value for key, value in TABLE.items()}
    path = write_cmrxrecon(tmp_path, table=bare)
    assert read_size(path, SIEMENS, MATRIX, ASK) == size(tmp_path / "other")


def test_in_2024_the_table_lies_among_the_snapshots(tmp_path):
    place = "MultiCoil/Cine/TrainingSet/{}/P001"
    snapshot = write_cmrxrecon(tmp_path, place.format("ImgSnapshot"))
    path = write_cmrxrecon(tmp_path, place.format("FullSample"), table=None)
    snapshot.unlink()
    assert read_size(path, "", MATRIX, ASK).voxel_mm == (8.0, 10.0, 10.0)


def test_what_the_table_leaves_empty_is_asked_for(tmp_path):
    with pytest.raises(DataLayoutError, match="no SliceThickness; give slice_mm=8"):
        size(tmp_path, **{"SliceThickness(mm)": ""})
    rule = SizeRule(None, 6.0, None, ())
    assert size(tmp_path, rule=rule, **{"SliceThickness(mm)": ""}).voxel_mm[0] == 6.0
    for missing in ("FOVx(mm)", "FOVy(mm)", "ReadOutOversample"):
        with pytest.raises(DataLayoutError, match=r"give voxel_mm=\[8,1.5,1.5\]"):
            size(tmp_path, **{missing: None})


def test_without_a_table_the_user_says_it(tmp_path):
    path = write_cmrxrecon(tmp_path, table=None)
    with pytest.raises(DataLayoutError, match=r"no cine_sax_info\.csv"):
        read_size(path, "", MATRIX, ASK)
    found = read_size(path, "", MATRIX, SizeRule([8, 1.4, 1.5], None, 2.0, ()))
    assert (found.voxel_mm, found.oversampling) == ((8.0, 1.4, 1.5), 2.0)


def test_of_the_table_only_numbers_of_the_protocol_are_kept(tmp_path):
    found = size(tmp_path, **{"TI(ms)": "100,180", "PatientName": "XYZZY"})
    assert found.attributes == {
        "field_strength_t": 3.0,
        "repetition_time_ms": 40.0,
        "echo_time_ms": 1.4,
    }
