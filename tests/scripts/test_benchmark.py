"""The benchmark compares like with like, and counts what it says; its timings aren't judged."""

import json
import math
from importlib import import_module
from pathlib import Path

import pytest

from flmrcm.learning.compute import Compute
from flmrcm.reports.collected.comparison import compare_runs
from flmrcm.reports.collected.finished_runs import collect_runs
from flmrcm.reports.numbers.summary import summarise_sections

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(autouse=True)
def scripts_on_path(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))


@pytest.fixture
def rounds():
    return import_module("benchmarks.rounds")


@pytest.fixture
def results():
    return import_module("benchmarks.results")


@pytest.mark.parametrize("name", ["fl_mr", "fl_mrcm"])
def test_bare_loop_and_framework_end_with_equal_weights(rounds, tmp_path, name):
    bed = rounds.overhead_bed(tmp_path, rounds.TINY)
    strategy = getattr(rounds, name)(rounds.TARGET)
    rounds.Compared(bed, strategy).check_equal()


def test_unequal_weights_stop_the_comparison(rounds, tmp_path):
    bed = rounds.overhead_bed(tmp_path, rounds.TINY)
    compared = rounds.Compared(bed, rounds.fl_mr(rounds.TARGET))
    compared.shares.pop()
    with pytest.raises(ValueError, match="differ"):
        compared.check_equal()


def test_published_arithmetic_ends_where_ours_does(rounds, tmp_path):
    bed = rounds.overhead_bed(tmp_path, rounds.TINY)
    ours = bed.one_round(rounds.fl_mrcm(rounds.TARGET)).weights
    published = bed.one_round(rounds.published()).weights
    assert all((published[name] == ours[name]).all() for name in ours)


def test_ratio_is_the_median_of_neighbours(results):
    seconds = iter([9.0, 9.0, 4.0, 2.0, 9.0, 3.0, 5.0, 5.0])
    pair = results.in_turn(lambda: next(seconds), lambda: next(seconds), 3)
    assert (pair.first, pair.second) == ([4.0, 9.0, 5.0], [2.0, 3.0, 5.0])
    assert pair.ratio == 2.0


@pytest.mark.parametrize(
    ("value", "target", "reached", "shown"),
    [
        (1.05, {"at_most": 1.05}, True, "≤ 1.05"),
        (1.06, {"at_most": 1.05}, False, "≤ 1.05"),
        (1.7, {"at_least": 1.7}, True, "≥ 1.7"),
        (1.6, {"at_least": 1.7}, False, "≥ 1.7"),
        (1.0, {}, None, ""),
    ],
)
def test_target_is_reached_on_its_side(results, value, target, reached, shown):
    result = results.Result("a", "what", value, "×", **target)
    assert (result.reached, result.target) == (reached, shown)


def test_shares_of_a_step_sum_to_one():
    steps = import_module("benchmarks.steps")
    shares = steps.shares_by_kind(steps.training_step(steps.TINY, Compute(accelerator="cpu")))
    assert {*steps.KINDS, "optimizer", "other"} == set(shares)
    assert math.isclose(sum(shares.values()), 1)
    assert shares["convolution"] > 0 < shares["optimizer"]


def test_sites_share_equal_data_and_each_round_is_timed():
    scaling = import_module("benchmarks.scaling")
    taken = scaling.run(scaling.Trial(2, slices=8, image=32, rounds=3))
    assert len(taken.seconds) == 2
    assert min(taken.seconds) > taken.files > 0 < taken.peak


def test_written_outputs_are_finished_runs_that_may_be_paired(tmp_path):
    comparison = import_module("benchmarks.comparison")
    comparison.write_outputs(tmp_path, comparison.TINY)
    (found,) = summarise_sections(compare_runs(collect_runs([tmp_path])))
    assert {cell.volumes for cell in found.matrices[0].cells.values()} == {2, 8}
    assert len(found.tests[0].tests) == len(comparison.SITES)


def test_a_round_moves_the_weights_to_each_site_and_back():
    engines = import_module("benchmarks.engines")
    trial = engines.Trial(sites=2, channels=4, rounds=2)
    taken, weights = engines.run(trial), import_module("benchmarks.bed").make_module(4)
    n_bytes = sum(tensor.nbytes for tensor in weights.model.state_dict().values())
    assert len(taken.seconds) == 1
    assert math.isclose(taken.moved * 2**20, 2 * 2 * n_bytes)
    assert taken.memory > 50


def test_door_prints_a_table_and_writes_what_it_measured(tmp_path, capsys):
    path = tmp_path / "deep" / "benchmark.json"
    import_module("benchmarks.door").main(["e", "--quick", "--json", str(path)])
    written = json.loads(path.read_text())
    assert written["quick"] is True
    assert {"cpu", "cores", "torch", "bf16"} <= set(written["machine"])
    assert [row["name"] for row in written["results"]] == [
        "disk to batch, cache=off",
        "disk to batch, cache=ram",
    ]
    assert all(
        row["raw"] and row["value"] > 0 and row["reached"] is None for row in written["results"]
    )
    assert "cache=ram" in capsys.readouterr().out


def test_unknown_section_is_refused(capsys):
    with pytest.raises(SystemExit):
        import_module("benchmarks.door").main(["z"])
    assert "z" in capsys.readouterr().err
