"""Which runs a word fits."""

import pytest
from kits.runs_on_disk import write_run

from flmrcm.errors import ConfigErrors
from flmrcm.reports.collected import run_filters
from flmrcm.reports.collected.run_filters import filter_runs
from flmrcm.reports.collected.run_overview import list_overviews


@pytest.fixture
def fitting(tmp_path):
    """Return the names of the runs that words fit."""
    write_run(tmp_path / "mr_1", "FL-MR", 1)
    write_run(tmp_path / "mrcm_1", "FL-MRCM", 1, mask={"accelerations": [4, 8], "seed": 0})
    write_run(tmp_path / "mrcm_2", "FL-MRCM", 2, pooled=True).joinpath("done").unlink()
    runs = list_overviews([tmp_path])
    return lambda *words: [run.folder.name for run in filter_runs(runs, words)]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], ["mr_1", "mrcm_1", "mrcm_2"]),
        (["strategy=fl_mrcm"], ["mrcm_1", "mrcm_2"]),
        (["strategy=FL-MR"], ["mr_1"]),
        (["strategy=fl_mr,fl_mrcm", "seed=1"], ["mr_1", "mrcm_1"]),
        (["state=stopped"], ["mrcm_2"]),
        (["target=sim_b"], []),
        (["mask.accelerations=[4,8]"], ["mrcm_1"]),
        (["mask.accelerations=[4,8],[4]"], ["mr_1", "mrcm_1", "mrcm_2"]),
        (["pooled=true"], ["mrcm_2"]),
        (["pooled=null"], ["mr_1", "mrcm_1"]),
    ],
)
def test_every_word_has_to_fit(fitting, words, names):
    assert fitting(*words) == names


def test_a_file_of_conf_stands_for_the_name_that_tables_show(tmp_path):
    write_run(tmp_path / "a", "FL-MRCM (latents)")
    assert filter_runs(list_overviews([tmp_path]), ["strategy=fl_mrcm_latent"])


def test_so_does_a_file_of_an_installed_package(tmp_path, packages, monkeypatch):
    monkeypatch.setattr(run_filters, "_read_strategies", run_filters._read_strategies.__wrapped__)
    packages.install({"conf/strategy/heavy_ball.yaml": "name: HeavyBall\n"})
    write_run(tmp_path / "a", "HeavyBall")
    assert filter_runs(list_overviews([tmp_path]), ["strategy=heavy_ball"])


@pytest.mark.parametrize(
    ("word", "said"), [("sead=1", "Did you mean 'seed'"), ("state=finished", "use one of done")]
)
def test_what_no_run_has_is_refused(fitting, word, said):
    with pytest.raises(ConfigErrors, match=said):
        fitting(word)
