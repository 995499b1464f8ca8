"""`flmrcm inspect` as a user types it."""

from pathlib import Path

import pandas as pd
import pytest
from kits.factories import write_scan, write_site

from flmrcm.app import main


def refused(capsys, *words):
    """Return the status and the lines of a command that fails."""
    with pytest.raises(SystemExit) as stopped:
        main(["inspect", *words])
    return stopped.value.code, capsys.readouterr().err


@pytest.fixture
def site(tmp_path):
    return write_site(tmp_path / "mine")


@pytest.mark.parametrize("words", [["mine"], ["path=mine"], ["path=mine/T1", "output=out"]])
def test_a_clean_site_is_told_to_be_clean(site, capsys, words):
    main(["inspect", *words])
    said = " ".join(capsys.readouterr().out.split())
    assert "4 volumes" in said
    assert "Nothing is suspicious" in said
    assert "without patient_id: 4 of 4" in said
    output = Path("out" if "output=out" in words else "inspection_mine")
    assert {path.name for path in output.iterdir()} == {"inspection.csv", "inspection.png"}
    assert len(pd.read_csv(output / "inspection.csv")) == 4


def test_the_simulated_sites_are_clean(simulated_cache, tmp_path):
    main(["simulate", "debug=tiny"])
    (tmp_path / "sites").symlink_to(simulated_cache)
    main(["inspect", "sites"])
    assert pd.read_csv("inspection_sites/inspection.csv").suspicions.isna().all()


def test_a_suspicious_volume_is_named_and_the_status_says_so(site, capsys):
    (site / "T1" / "train" / "broken.h5").write_text("nothing")
    with pytest.raises(SystemExit) as stopped:
        main(["inspect", "mine"])
    said = capsys.readouterr()
    assert stopped.value.code == 1
    assert "mine/T1/train/broken.h5" in said.out
    assert "1 of 5 volumes are suspicious: 1 unreadable" in said.err
    assert Path("inspection_mine/inspection.png").exists()


def test_a_flat_folder_of_files_is_looked_at_as_it_is(tmp_path, capsys):
    for name in ("file_brain_1", "file_brain_2"):
        write_scan(tmp_path / "multicoil_train" / f"{name}.h5", coils=2)
    main(["inspect", "multicoil_train", "quick=true", "workers=1"])
    said = capsys.readouterr().out
    assert "multicoil_train" in said
    assert "quick: 3 slices" in said


def test_the_data_folder_stays_as_it_was(site, monkeypatch, capsys):
    before = sorted(site.rglob("*"))
    main(["inspect", "mine"])
    status, said = refused(capsys, "mine", "output=mine/looked")
    assert (status, "lies in the data folder" in said) == (2, True)
    monkeypatch.chdir(site)
    assert refused(capsys, ".")[0] == 2
    assert sorted(site.rglob("*")) == before


def test_a_folder_that_is_none_or_empty_is_one_line(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for word, text in {"nowhere": "doesn't exist", "empty": "holds no .h5 files"}.items():
        status, said = refused(capsys, word)
        assert (status, said.count("\n"), text in said) == (1, 1, True)
    assert not list(tmp_path.glob("inspection_*"))


def test_all_that_is_wrong_with_the_words_is_told_at_once(capsys):
    status, said = refused(capsys, "a", "b", "ouput=c", "quick=maybe", "workers=many")
    assert status == 2
    for text in ("Did you mean 'output'?", "give one folder; got a, b", "quick=maybe", "workers="):
        assert text in said
    assert "got none" in refused(capsys)[1]
    assert "workers=0" in refused(capsys, "a", "workers=0")[1]


def test_a_folders_name_may_hold_what_keys_do(tmp_path, capsys):
    write_site(tmp_path / "run=1")
    main(["inspect", "./run=1"])
    assert "run=1" in capsys.readouterr().out
