"""`flmrcm benchmark` as a user types it, on a protocol of seconds."""

import re
import shutil
from pathlib import Path

import pytest
from kits.benchmark import TINY

from flmrcm.app import main
from flmrcm.federation import rounds

FILE = Path("results/tiny/fl_mr-unet.csv")


@pytest.fixture(scope="module")
def simulated_cache(tmp_path_factory):
    """A folder apart: other tests look at every volume of the one that all share."""
    return tmp_path_factory.mktemp("benchmark_data")


@pytest.fixture(scope="module")
def done(tmp_path_factory, simulated_cache):
    """Run FL-MR, be stopped in the middle, and go on; give the folder, and what became of it."""
    folder = tmp_path_factory.mktemp("benchmark")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("FLMRCM_CACHE", str(simulated_cache))
        patch.setattr(rounds.Rounds, "run", stop_at_the_second(rounds.Rounds.run))
        with pytest.raises(SystemExit) as stopped:
            main(["benchmark", "run", str(TINY), "method=fl_mr"])
        assert stopped.value.code == 130
        before = {path: path.stat().st_mtime_ns for path in Path().rglob("done")}
        lines = FILE.read_text()
        main(["benchmark", "run", str(TINY), "method=fl_mr"])
        after = {path: path.stat().st_mtime_ns for path in Path().rglob("done")}
    return folder, before, lines, after


def stop_at_the_second(run):
    calls = []

    def stopped(*args):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return run(*args)

    return stopped


@pytest.fixture
def finished(done, tmp_path):
    """The file of results, in the empty folder that a test runs in."""
    FILE.parent.mkdir(parents=True)
    shutil.copy(done[0] / FILE, FILE)
    return FILE


def said_by(capsys, *words):
    capsys.readouterr()
    main(["benchmark", *words])
    return " ".join(capsys.readouterr().out.split())


def test_a_stopped_benchmark_goes_on_and_runs_nothing_twice(done):
    folder, before, lines, after = done
    assert {path.parent.name.split("-")[0] for path in before} == {
        "participating", "acceleration_shift", "real_head"
    }  # fmt: skip
    assert before.items() <= after.items()
    assert len(after) == 5
    whole = (folder / FILE).read_text()
    assert lines.count('# {"run"') == 3
    assert set(lines.splitlines()) <= set(whole.splitlines())


def test_a_run_that_is_done_here_and_not_in_the_file_is_put_back(
    done, monkeypatch, simulated_cache
):
    monkeypatch.chdir(done[0])
    monkeypatch.setattr(rounds.Rounds, "run", lambda *_: pytest.fail("it ran"))
    whole = FILE.read_text()
    lines = [line for line in whole.splitlines() if "acceleration_shift" not in line]
    FILE.write_text("\n".join(lines) + "\n")
    main(["benchmark", "run", str(TINY), "method=fl_mr"])
    assert FILE.read_text() == whole


def test_the_shift_is_harder_and_the_few_shots_begin_where_the_unseen_run_ended(done):
    (run,) = done[0].glob("outputs/benchmark/tiny/*/few_shot-*")
    (start,) = done[0].glob("outputs/benchmark/tiny/*/unseen-*")
    assert (
        f"init_from: {start.relative_to(done[0])}/checkpoints/last.pt"
        in (run / "config.yaml").read_text()
    )


def test_one_task_of_all_can_be_run_and_the_rest_later(capsys):
    said_by(capsys, "run", str(TINY), "method=fl_mr", "tasks=participating")
    assert "FL-MR, 1 of 5 runs done; next: acceler" in said_by(capsys, "status", str(TINY))


def test_a_new_site_of_a_method_with_private_weights_begins_with_the_shared_ones(capsys):
    main(["benchmark", "run", str(TINY), "method=fedper"])
    assert len([*Path().glob("outputs/benchmark/tiny/*/few_shot-*/done")]) == 1
    assert "weights stayed at its sites" in " ".join(capsys.readouterr().err.split())


def test_finished_runs_are_not_run_again_even_elsewhere(finished, capsys, monkeypatch):
    monkeypatch.setattr(rounds.Rounds, "run", lambda *_: pytest.fail("it ran"))
    text = finished.read_text()
    said_by(capsys, "run", str(TINY), "method=fl_mr")
    assert finished.read_text() == text
    assert "FL-MR, 5 of 5 runs done" in said_by(capsys, "status", str(TINY))


def test_results_of_another_version_are_left_as_they_are(finished, said):
    text = re.sub('"version": "[^"]*"', '"version": "9.9.9"', finished.read_text())
    finished.write_text(text)
    status, line = said("benchmark", "run", str(TINY), "method=fl_mr")
    assert status != 0
    assert "holds results of flmrcm 9.9.9, and this is" in line
    assert finished.read_text() == text


def test_one_run_repeated_is_equal_and_one_changed_is_not_accepted(finished, capsys):
    words = ["verify", str(finished), f"protocol={TINY}", "tasks=participating"]
    said = said_by(capsys, *words)
    assert "repeated: 1 of its 5 runs" in said
    assert "psnr: equal" in said
    assert "accepted" in said
    text = finished.read_text()
    rows = re.findall(r"^(participating,.*,sim_b,.*)$", text, re.MULTILINE)
    for row in rows:
        *places, psnr, ssim = row.split(",")
        text = text.replace(row, ",".join([*places, f"{float(psnr) + 0.4:.4f}", ssim]))
    finished.write_text(text)
    with pytest.raises(SystemExit) as stopped:
        main(["benchmark", *words])
    assert stopped.value.code == 1
    printed = capsys.readouterr()
    assert "differs by up to 0.4 (participating-t1_single-sim_h-1, sim_b)" in " ".join(
        printed.out.split()
    )
    assert "could not be repeated" in printed.err


def test_a_file_that_names_a_class_of_its_own_is_refused(finished, said):
    text = finished.read_text().replace("flmrcm.strategies.fedavg.FedAvg", "os.system")
    finished.write_text(text)
    code, line = said("benchmark", "verify", str(finished), f"protocol={TINY}")
    assert code == 1
    assert "names a class that is not on the list" in line


def test_the_page_is_written(finished, capsys):
    assert "1 files of results" in said_by(capsys, "page", str(TINY))
    assert "| FL-MR |" in Path("docs/leaderboard-tiny.md").read_text()


def test_data_that_another_generator_made_are_refused_and_the_first_is_named(capsys):
    for name in ("tiny.yaml", "tiny_volumes.csv"):
        shutil.copy(TINY.with_name(name), name)
    assert "data:" in said_by(capsys, "data", "tiny.yaml")
    text = Path("tiny.yaml").read_text().replace("debug=tiny", "debug=tiny\n  - data.seed=5")
    Path("tiny.yaml").write_text(text)
    with pytest.raises(SystemExit) as stopped:
        main(["benchmark", "data", "tiny.yaml"])
    assert stopped.value.code == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert "t1_single/test/sim_b/sim_b_test_000, by a relative" in line
    assert "another generator" in line
    main(["benchmark", "data", "tiny.yaml", "write=true"])
    assert "equal, bit for bit" in said_by(capsys, "data", "tiny.yaml")


def test_a_table_that_another_protocol_lends_is_not_written_over(capsys):
    Path("own.yaml").write_text("based_on: v1\nseeds: [7]")
    with pytest.raises(SystemExit):
        main(["benchmark", "data", "own.yaml", "write=true"])
    assert "own: the volumes' table is v1's" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "say what to do"),
        (["run"], "say what to do"),
        (["runn", "v1"], "Did you mean 'run'?"),
        (["run", "v1"], "give method=NAME"),
        (["run", "v1", "method=fl_mr", "rounds=3"], "word=rounds: use one of method"),
        (["run", "v1", "method=fl_mr", "part=3/2"], "K/N with 1 ≤ K ≤ N"),
        (["run", "v1", "method=fl_mr", "model=vit"], "model=vit: use one of unet, cascade"),
        (["run", "v1", "method=fl_mr", "seeds=4"], "seeds=4: use one of 1, 2, 3"),
        (["run", "v1", "method=fl_mr", "tasks=unsen"], "Did you mean 'unseen'?"),
        (["run", "v1", "method=fedprx"], "Did you mean 'fedprox'?"),
        (["verify", "none.csv"], "none.csv: not readable"),
    ],
)
def test_a_word_that_is_not_understood_is_refused_before_anything_runs(words, line, said):
    assert line in said("benchmark", *words)[1]
    assert not Path("outputs").exists()
