"""`flmrcm compare` and `flmrcm simulate` as a user types them."""

from pathlib import Path

import pandas as pd
import pytest

from flmrcm.app import main


@pytest.fixture
def pair():
    main(["train", "-m", "debug=tiny", "logger=csv", "strategy=fl_mr,fl_mrcm", "name=pair"])


def refused(capsys, *words):
    with pytest.raises(SystemExit) as stopped:
        main([*words])
    assert stopped.value.code
    return capsys.readouterr().err


def test_two_methods_stand_side_by_side(pair, capsys):
    main(["compare", "outputs/pair"])
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("FL-MR", "FL-MRCM", "zero-filled", "sim_b", "1 vol."))
    kept = {path.name for path in Path("outputs/pair/compare").iterdir()}
    assert kept == {"table.md", "all_scores.csv", "comparison.png"}
    scores = pd.read_csv("outputs/pair/compare/all_scores.csv")
    assert set(scores.method) == {"FL-MR", "FL-MRCM", "zero-filled"}


def test_runs_that_differ_in_more_than_their_seed_are_told_apart():
    words = ["debug=tiny", "logger=csv", "strategy=fl_mr", "mask=random,equispaced", "seed=1,2"]
    main(["train", "-m", *words, "name=masks"])
    main(["compare", "outputs/masks"])
    scores = pd.read_csv("outputs/masks/compare/all_scores.csv")
    assert set(scores.method) == {
        f"{method} (mask._target_={mask})"
        for method in ("FL-MR", "zero-filled")
        for mask in ("Random", "Equispaced")
    }


def test_a_folder_without_runs_and_an_unknown_convention_are_one_line(pair, capsys):
    assert "no finished run below" in refused(capsys, "compare", "nowhere")
    said = refused(capsys, "compare", "outputs/pair", "--convention", "fastmir")
    assert "Did you mean 'fastmri'?" in said


def test_an_unfinished_run_is_left_out(pair, capsys):
    run = next(path.parent for path in sorted(Path("outputs/pair").glob("*/done")))
    (run / "done").unlink()
    main(["compare", "outputs/pair"])
    assert len(set(pd.read_csv("outputs/pair/compare/all_scores.csv").method)) == 2


def test_simulate_makes_the_set_once_and_draws_it(capsys, simulated_cache):
    words = ["simulate", "debug=tiny", "data.simulated.slices=1"]
    main(words)
    assert "sim_b: " in capsys.readouterr().out
    made = {path: path.stat().st_mtime_ns for path in simulated_cache.rglob("*.h5")}
    main(words)
    assert {path: path.stat().st_mtime_ns for path in simulated_cache.rglob("*.h5")} == made
    assert (simulated_cache / "contact_sheet_T1.png").stat().st_size > 1000


def test_simulate_refuses_sites_that_are_real(capsys):
    said = refused(capsys, "simulate", "sites=bfhi", "data_dir=/data")
    assert "none of these sites is simulated" in said
