"""Pseudonyms differ between subjects and don't reveal them."""

from pathlib import Path

from flmrcm.prepare.pseudonyms import build_volume_name, draw_salt, hash_subject, parse_patient_id
from flmrcm.prepare.scan import FoundVolume


def test_a_hash_depends_on_subject_and_salt():
    assert hash_subject("Jane Doe", "x") == hash_subject("Jane Doe", "x")
    assert len({hash_subject("Jane Doe", "x"), hash_subject("Jane Doe", "y"),
                hash_subject("John Doe", "x")}) == 3  # fmt: skip


def test_scans_of_one_subject_share_its_hash_and_differ_in_the_rest():
    scans = ("", "ses-1", "ses-2")
    volumes = [FoundVolume("Jane", "T1", (Path("x"),), scan=scan) for scan in scans]
    names = [build_volume_name(volume, "salt") for volume in volumes]
    assert len(set(names)) == 3
    assert {parse_patient_id(name) for name in names} == {hash_subject("Jane", "salt")}
    assert not any("ses" in name or "Jane" in name for name in names)


def test_another_file_name_has_no_patient_id():
    assert parse_patient_id("patient_01") == ""


def test_salts_are_random():
    assert draw_salt() != draw_salt()
    assert len(draw_salt()) == 32
