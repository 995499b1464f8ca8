"""`flmrcm train -m` as a user types it: scenarios, failures, what is missing, parallel jobs."""

from pathlib import Path

import pytest
from kits.cli import failing, runs

from flmrcm.app import main
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.federation.journal import Journal

TINY = ["debug=tiny", "logger=csv", "strategy=fl_mr"]
VAL = ("val", "fastmri")


def rows(folder, metric):
    return [row for row in Journal(folder / "journal.csv").read() if row.metric == metric]


@pytest.mark.parametrize(
    ("words", "trained", "steps"),
    [
        (["participants=all"], {"sim_b", "sim_h"}, 2),
        (["participants=others", "target=sim_h"], {"sim_b"}, 1),
        (["participants=target", "target=sim_h", "budget=steps"], {"sim_h"}, 2),
        (["pooled=true"], {"pooled"}, 1),
        (["pooled=true", "participants=others", "budget=steps"], {"pooled"}, 2),
    ],
)
def test_who_trains_and_how_much(words, trained, steps):
    main(["train", *TINY, *words])
    (folder,) = runs("debug")
    taken = rows(folder, "steps")
    assert {row.site for row in taken} == trained
    assert sum(row.value for row in taken) == steps
    assert {row.site for row in rows(folder, "psnr") if row.split == "test"} == {"sim_b", "sim_h"}


def test_a_pool_is_chosen_by_the_sites_it_came_from():
    main(["train", *TINY, "pooled=true", "participants=others", "target=sim_h"])
    (folder,) = runs("debug")
    best = read_checkpoint(folder / "checkpoints" / "best.pt").best_score
    scores = {r.site: r.value for r in rows(folder, "psnr") if (r.split, r.convention) == VAL}
    assert scores.keys() == {"sim_b", "sim_h"}
    assert best == scores["sim_b"] != scores["sim_h"]


def test_others_without_a_target_is_refused(capsys):
    status, said = failing(capsys, *TINY, "participants=others", "target=null")
    assert status == 2
    assert "participants=others: needs a target" in said


def test_one_failing_run_stops_no_other_and_is_listed(capsys):
    words = [*TINY, "name=grid", "model.pools=6,3", "-m"]
    status, said = failing(capsys, *words)
    assert status == 1
    assert "too deep" in said
    done = [folder for folder in runs("grid") if (folder / "done").exists()]
    assert len(done) == 1
    before = (done[0] / "scores.csv").stat().st_mtime_ns
    assert "too deep" in failing(capsys, *words)[1]
    assert (done[0] / "scores.csv").stat().st_mtime_ns == before


def test_a_run_of_another_sweep_is_linked_instead_of_trained_again():
    main(["train", "-m", *TINY, "seed=1,2", "name=first"])
    main(["train", "-m", *TINY, "seed=2,3", "name=second"])
    assert sorted(path.is_symlink() for path in Path("outputs/second").glob("*/")) == [False, True]


def test_jobs_in_parallel_make_the_data_once_and_lose_nothing(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    words = [*TINY, "seed=1,2,3", "name=side", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    main(["train", "-m", *words, f"data.simulated.folder={tmp_path}/fresh"])
    assert len(runs("side")) == 3
    assert all((folder / "done").exists() for folder in runs("side"))
