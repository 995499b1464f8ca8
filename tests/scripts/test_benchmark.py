"""The benchmark compares like with like, and counts what it says; its timings aren't judged."""

import json
import math
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from subprocess import PIPE

import pytest

from flmrcm.reports.collected.comparison import compare_runs
from flmrcm.reports.collected.finished_runs import collect_runs
from flmrcm.reports.numbers.summary import summarise_sections

SCRIPTS, DOCS = (Path(__file__).parents[2] / name for name in ("scripts", "docs"))


@pytest.fixture
def rounds():
    return import_module("measured.rounds")


@pytest.fixture
def measurement():
    return import_module("measured.measurement")


def test_bare_loop_and_framework_end_with_equal_weights(rounds, pair):
    bare = rounds.measure_run(rounds.make_bare_round(pair))
    rounds.require_equal([rounds.measure_round(pair), bare], [rounds.measure_lean_round(pair)])


def test_unequal_weights_stop_the_comparison(rounds, pair):
    bare = rounds.make_bare_round(pair)
    run = rounds.measure_run(bare)
    rounds.require_equal([run], [rounds.measure_run(bare)])
    weights = bare()
    next(iter(weights.values())).view(-1)[0] += 1e-6
    with pytest.raises(ValueError, match="differ"):
        rounds.require_equal([run], [rounds.measure_run(lambda: weights)])


def test_published_arithmetic_ends_where_ours_does_and_takes_more_operations(rounds, pair):
    count = import_module("measured.measurement").count_flops
    ours, published = rounds.measure_lean_round, rounds.measure_published_round
    rounds.require_equal([ours(pair)], [published(pair)])
    assert count(lambda: published(pair)) > count(lambda: ours(pair))


def test_a_round_without_files_writes_none(rounds, pair):
    rounds.measure_lean_round(pair)
    assert not (pair.folder / "run" / "checkpoints").exists()
    rounds.measure_round(pair)
    assert len(list(pair.folder.glob("run/checkpoints/round_*.pt"))) == 1


def test_works_are_timed_in_turn_after_a_warm_up(measurement):
    calls = []
    works = {name: lambda name=name: calls.append(name) for name in "ab"}
    taken = measurement.time_in_turn(works, 3)
    assert "".join(calls) == "abababab"
    assert [len(seconds) for seconds in taken.values()] == [3, 3]


def test_ratio_is_the_median_of_neighbours(measurement):
    figure = measurement.make_ratio("what", [9.0, 4.0, 5.0], [3.0, 2.0, 5.0])
    assert (figure.value, figure.unit) == (2.0, "×")
    assert "1.00 to 3.00" in figure.note


@pytest.mark.parametrize(
    ("value", "target", "reached"),
    [
        (1.05, "≤ 1.05", True),
        (1.06, "≤ 1.05", False),
        (1.7, "≥ 1.7", True),
        (1.6, "≥ 1.7", False),
        (1.0, "", None),
    ],
)
def test_target_is_reached_on_its_side(measurement, value, target, reached):
    assert measurement.Figure("what", value, target=target).reached == reached


def test_held_memory_is_that_of_children_too(measurement):
    before = measurement.read_held_memory(os.getpid())
    code = "held = b'x' * 2**26; print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=PIPE, stdout=PIPE) as child:
        child.stdout.readline()
        held = measurement.read_held_memory(os.getpid())
        child.communicate(b"\n")
    assert held - before > 60
    assert measurement.read_peak_memory() > 60  # torch alone takes more


def test_shares_of_a_step_sum_to_one(tmp_path):
    work = import_module("measured.work")
    shares = work.share_time_by_kind(work.make_step(tmp_path, work.TINY))
    assert {*work.KINDS, "other"} == set(shares)
    assert math.isclose(sum(shares.values()), 1)
    assert shares["convolution"] > 0 < shares["other"]


@pytest.mark.parametrize("engine", ["in_process.InProcess", "Echo"])
def test_each_round_but_the_first_is_timed_and_moves_the_weights_there_and_back(pair, engine):
    scaling = import_module("measured.scaling")
    target = "measured.scaling.Echo" if engine == "Echo" else f"flmrcm.engines.{engine}"
    words = ("strategy=fl_mr", "model.channels=4", "rounds=3", f"engine._target_={target}")
    taken = scaling.run_trial(2, 4, 32, words)
    n_bytes = sum(tensor.nbytes for tensor in pair.initial.values())
    assert math.isclose(taken.moved * 2**20, 2 * 2 * n_bytes)
    assert len(taken.seconds) == 2
    assert min(taken.seconds) > 0
    assert taken.held > 50 < taken.peak


def test_written_outputs_are_finished_runs_that_may_be_paired(tmp_path):
    compare = import_module("measured.compare")
    compare.write_outputs(tmp_path, 2, 8, 2)
    (found,) = summarise_sections(compare_runs(collect_runs([tmp_path])))
    assert {cell.volumes for cell in found.matrices[0].cells.values()} == {2, 8}
    assert len(found.tests[0].tests) == len(compare.SITES)
    assert len(list(tmp_path.glob("*/reconstructions/*/000.h5"))) == 4 * len(compare.SITES)


def test_cli_prints_a_table_and_writes_what_it_measured(tmp_path, capsys):
    path = tmp_path / "deep" / "benchmark.json"
    import_module("measured.cli").main(["c", "e", "l", "--quick", "--json", str(path)])
    written = json.loads(path.read_text())
    assert written["quick"] is True
    assert {"cpu", "threads", "torch", "bf16"} <= set(written["machine"])
    names = [row["name"] for row in written["results"] if row["section"] == "e"]
    assert names == ["disk to batch, cache=off", "disk to batch, cache=ram"]
    assert all(
        row["raw"] and row["value"] > 0 and row["reached"] is None for row in written["results"]
    )
    assert "cache=ram" in capsys.readouterr().out


def test_what_files_hold_a_round_up_for_is_part_of_it(tmp_path):
    run_files = import_module("measured.run_files")
    behind, at_once = run_files.measure_run_files(tmp_path, quick=True)
    assert ("behind it" in behind.name, "at once" in at_once.name) == (True, True)
    for figure in (behind, at_once):
        pairs = list(zip(figure.raw["first"], figure.raw["second"], strict=True))
        assert len(pairs) == 2  # of three rounds, the first starts the engine
        assert all(whole > rest > 0 for whole, rest in pairs)
    assert (tmp_path / "run" / "checkpoints").exists()


def test_a_big_site_is_measured_as_a_run_would_start_it(tmp_path, monkeypatch):
    big_site = import_module("measured.big_site")
    monkeypatch.setenv("FLMRCM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("flmrcm.data.file_index.LEAST", 1)
    for number in range(2):
        for split in ("train", "val"):
            path = tmp_path / "site" / "T1" / split / f"{number}.h5"
            big_site._write(path, (2, 1, 16, 16), number)
    seconds, _ = big_site.start_site(tmp_path / "site")
    assert seconds > 0
    assert len(list((tmp_path / "cache").rglob("*.json"))) == 2
    assert 0 < big_site.measure_order(100) < 2000
    cached, fresh = big_site.compare_reading(tmp_path, 16)
    assert cached.value > 0 < fresh.value


def test_a_compiled_step_is_compared_with_a_plain_one(tmp_path, monkeypatch):
    compiling, compiled = import_module("measured.compiling"), []
    monkeypatch.setattr("torch.nn.Module.compile", lambda model: compiled.append(model))
    (step,) = compiling.measure_compiling(tmp_path, quick=True)
    assert len(compiled) == 1
    assert set(step.raw) == {"first", "second"}
    assert "compiling takes" in step.note


def test_processor_time_is_that_of_the_command_and_of_its_children(tmp_path):
    start_up = import_module("measured.start_up")
    code = "import time; end = 0.3 + time.process_time()\nwhile time.process_time() < end: pass"
    below = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    assert start_up.take_processor(tmp_path, ("-c", below)) > 0.3
    assert start_up.take_processor(tmp_path, ("-c", "import time; time.sleep(0.5)")) < 0.3
    with pytest.raises(subprocess.CalledProcessError):
        start_up.take_processor(tmp_path, ("-m", "flmrcm", "train", "no_such_key=1"))


def test_parts_of_a_whole_command_are_all_of_its_time(tmp_path):
    whole = import_module("measured.whole_command")
    (command,) = whole.measure_whole_commands(tmp_path, quick=True)
    parts = [seconds for (seconds,) in command.raw.values()]
    assert len(parts) == 4
    assert min(parts) > 0
    assert math.isclose(command.value, sum(parts))


def test_unknown_figure_is_refused(capsys):
    with pytest.raises(SystemExit):
        import_module("measured.cli").main(["z"])
    assert "'z'" in capsys.readouterr().err


def test_what_pages_quote_is_what_is_measured():
    figures = import_module("measured.cli").FIGURES
    pages = [path.read_text() for path in DOCS.glob("*.md")]
    words = {w for page in pages for w in re.findall(r"scripts/benchmark\.py (\w+)`", page)}
    letters = set(re.findall(r"^\| ([a-z]) \|", (DOCS / "benchmarks.md").read_text(), re.MULTILINE))
    assert words | letters == set(figures)
