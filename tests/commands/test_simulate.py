"""`flmrcm simulate` as a user types it."""

import pytest

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
