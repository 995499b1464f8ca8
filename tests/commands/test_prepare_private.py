"""`flmrcm prepare` of DICOM and fastMRI: no word of any header reaches a single byte written."""

from pathlib import Path

import h5py
import pytest
from kits.dicom_files import volume, write_everywhere, write_series
from kits.raw_files import header, write_raw
from pydicom.dataset import Dataset

from flmrcm.commands import prepare
from flmrcm.data.h5 import read_header
from flmrcm.data.provenance import read_provenance

PLANTED = "XYZZY"


def traces(folder: Path) -> list[Path]:
    """Return the files whose name or content holds the planted word, however it's written."""
    forms = [PLANTED.encode(codec) for codec in ("utf-8", "utf-16-le", "utf-16-be")]
    return [
        path
        for path in folder.rglob("*")
        if PLANTED in path.name
        or (path.is_file() and any(f in path.read_bytes().upper() for f in forms))
    ]


def test_dicom(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def localiser(dataset: Dataset, index: int) -> None:
        write_everywhere(dataset, PLANTED)
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]

    for patient in range(3):
        write_series(
            tmp_path / "in" / f"{PLANTED}_{patient}",
            volume((6, 24, 20), patient),
            f"series {patient}",
            edit=lambda dataset, _, patient=patient: write_everywhere(
                dataset, f"{PLANTED} {patient}"
            ),
        )
    write_series(tmp_path / "in" / PLANTED, volume(), "locate", edit=localiser)
    output = tmp_path / "out"
    prepare.main(["source=dicom", f"input={tmp_path / 'in'}", f"output={output}", "size=[16,16]"])
    files = sorted(output.rglob("*.h5"))
    assert len(files) == 3
    assert read_header(files[0], "").shape == (6, 1, 16, 16)
    assert read_provenance(files[0]).orientation == "SPL"
    assert traces(output) == []
    assert PLANTED not in "".join(capsys.readouterr())


def test_fastmri(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for scan in range(3):
        name, patient = f"file_brain_AXT1_{200 + scan}_{scan}", f"{PLANTED}{scan}"
        write_raw(tmp_path / "in", name, xml=header(PLANTED), patient_id=patient, site=PLANTED)
    output = tmp_path / "out"
    words = ["source=fastmri", f"input={tmp_path / 'in'}", f"output={output}", "size=[24,24]"]
    prepare.main([*words, "split_by=scanner", "coils=keep", "sheets=false"])
    sites = {path.name for path in output.glob("fastMRI-*")}
    assert sites == {"fastMRI-200", "fastMRI-201", "fastMRI-202"}
    file = next(output.rglob("*.h5"))
    assert read_header(file, "").shape == (2, 4, 24, 24)
    with h5py.File(file) as opened:
        assert opened.attrs["kspace_origin"] == "measured"
        assert opened.attrs["field_strength_t"] == 2.89
    assert traces(output) == []
    assert PLANTED not in "".join(capsys.readouterr())
