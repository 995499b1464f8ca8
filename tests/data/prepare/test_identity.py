"""Laws of names: they tell apart and give nobody away."""

from pathlib import Path

from flmrcm.data.prepare.identity import new_salt, patient_id, patient_of, volume_name
from flmrcm.data.prepare.scan import Found


def test_a_name_follows_from_subject_and_salt():
    assert patient_id("Jane Doe", "x") == patient_id("Jane Doe", "x")
    assert len({patient_id("Jane Doe", "x"), patient_id("Jane Doe", "y"),
                patient_id("John Doe", "x")}) == 3  # fmt: skip


def test_scans_of_one_subject_share_its_hash_and_differ_in_the_rest():
    found = [Found("Jane", "T1", (Path("x"),), scan=scan) for scan in ("", "ses-1", "ses-2")]
    names = [volume_name(one, "salt") for one in found]
    assert len(set(names)) == 3
    assert {patient_of(name) for name in names} == {patient_id("Jane", "salt")}
    assert not any("ses" in name or "Jane" in name for name in names)


def test_a_foreign_file_has_no_patient():
    assert patient_of("patient_01") == ""


def test_salts_are_drawn_anew():
    assert new_salt() != new_salt()
    assert len(new_salt()) == 32
