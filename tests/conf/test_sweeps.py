"""Sweeps and multiruns: the jobs that they are."""

import pytest

from flmrcm.config.check import check_config
from flmrcm.config.conf_files import list_options
from flmrcm.config.jobs import compose_jobs

GRIDS = [name for name in list_options("sweep") if not name.startswith("search")]


@pytest.mark.parametrize("name", GRIDS)
def test_every_sweep_is_a_grid_of_jobs_that_build(name):
    planned = compose_jobs("train", [f"sweep={name}"], multirun=False)
    assert len(planned) > 1
    assert all(check_config(job.config) for job in planned)


def test_a_search_is_checked_by_its_first_job():
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    (job,) = compose_jobs("train", ["sweep=search_lambda"], multirun=False)
    assert job.folder is None
    assert check_config(job.config).strategy.name == "FL-MRCM"


def test_a_multirun_is_every_combination():
    words = ["strategy=fl_mr,fl_mrcm", "target=sim_b,sim_h", "mask=random,equispaced", "seed=1,2,3"]
    assert len(compose_jobs("train", words, multirun=True)) == 24
