"""`flmrcm simulate` as a user types it."""

import pytest
from matplotlib.pyplot import imread as read_picture

from flmrcm.app import main


def test_simulate_makes_the_set_once_and_draws_it(capsys, simulated_cache):
    words = ["simulate", "debug=tiny", "data.simulated.slices=1"]
    main(words)
    assert "sim_b: " in capsys.readouterr().out
    made = {path: path.stat().st_mtime_ns for path in simulated_cache.rglob("*.h5")}
    main(words)
    assert {path: path.stat().st_mtime_ns for path in simulated_cache.rglob("*.h5")} == made
    assert (simulated_cache / "contact_sheet_T1.png").stat().st_size > 1000


def test_simulate_refuses_sites_that_are_real(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["simulate", "sites=bfhi", "data_dir=/data"])
    assert stopped.value.code
    assert "none of these sites is simulated" in capsys.readouterr().err


def test_simulate_masks_draws_all_that_can_be(capsys, tmp_path):
    words = ["data.simulated.size=32", f"data.simulated.folder={tmp_path}"]
    main(["simulate", "masks", *words, "mask.accelerations=[1.5]"])
    problems = capsys.readouterr().out.splitlines()
    assert problems.pop() == f"contact sheet: {tmp_path}/masks.png"
    assert [line.split(": ")[0] for line in problems] == ["magic", "poisson"]
    picture = read_picture(tmp_path / "masks.png")
    assert picture.shape[0] > picture.shape[1] / 2  # two rows of masks


def test_a_contact_sheet_lies_where_the_data_do_also_below_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    words = ["data.simulated.size=32", "data.simulated.folder=~/sims"]
    main(["simulate", "masks", *words, "mask.accelerations=[4]"])
    assert (tmp_path / "sims" / "masks.png").is_file()


def test_simulate_masks_refuses_what_no_mask_can_be(capsys):
    with pytest.raises(SystemExit):
        main(["simulate", "masks", "mask.accelerations=[0.5]"])
    assert (
        "radial: mask.accelerations=0.5: an acceleration is at least 1" in capsys.readouterr().err
    )
