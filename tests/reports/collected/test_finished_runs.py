"""What lies below folders: every run is listed, in its place, whatever state it's in."""

import json

import pandas as pd
import pytest
from kits.reports import NORTH, write_run

from flmrcm.errors import DataLayoutError, FlmrcmError
from flmrcm.federation.journal import Journal
from flmrcm.learning.records import SCORE_COLUMNS
from flmrcm.reports.collected.finished_runs import collect_runs, read_run
from flmrcm.reports.collected.score_files import read_scores
from flmrcm.types import Measurement


def cut(path, to):
    path.write_bytes(path.read_bytes()[:to])


def folders_of(collection):
    return [run.folder.name for run in collection.runs]


def test_an_unfinished_run_is_listed_with_how_far_it_got(tmp_path):
    write_run(tmp_path / "one")
    begun = write_run(tmp_path / "two", rounds=5)
    (begun / "done").unlink()
    result = collect_runs([tmp_path])
    assert folders_of(result) == ["one"]
    assert result.unfinished == {begun: "1 of 5 rounds, not tested yet"}


def test_a_run_that_has_just_begun_is_unfinished_too(tmp_path):
    write_run(tmp_path / "one", steps=None)
    (tmp_path / "one" / "done").unlink()
    assert "0 of 1 rounds" in collect_runs([tmp_path]).unfinished[tmp_path / "one"]


@pytest.mark.parametrize("lost", [1, 30, "a whole row", "half of all rows"])
def test_a_truncated_table_is_one_line_and_the_others_stay(tmp_path, lost):
    write_run(tmp_path / "one")
    path = write_run(tmp_path / "two") / "scores.csv"
    lines = path.read_bytes().splitlines(keepends=True)
    kept = {"a whole row": lines[:-1], "half of all rows": lines[: len(lines) // 2 + 1]}
    path.write_bytes(b"".join(kept[lost])) if lost in kept else cut(path, -lost)
    result = collect_runs([tmp_path])
    assert folders_of(result) == ["one"]
    (problem,) = result.problems
    assert problem.startswith(f"{path}: ")
    assert "\n" not in problem


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "\x00\n"])
def test_what_is_no_table_is_refused(tmp_path, text):
    path = tmp_path / "scores.csv"
    path.write_text(text)
    with pytest.raises(DataLayoutError, match=r"scores\.csv"):
        read_scores(path)


@pytest.mark.parametrize("text", ["{", "a: 1", "[]", "strategy: [\n"])
def test_a_config_of_something_else_is_a_problem(tmp_path, text):
    write_run(tmp_path / "one")
    write_run(tmp_path / "two").joinpath("config.yaml").write_text(text)
    result = collect_runs([tmp_path])
    assert (folders_of(result), len(result.problems)) == (["one"], 1)


def test_folders_without_a_run_are_refused_by_name(tmp_path):
    (tmp_path / "empty" / "deep").mkdir(parents=True)
    with pytest.raises(FlmrcmError, match=r"empty, .*nowhere: no run below"):
        collect_runs([tmp_path / "empty", tmp_path / "nowhere"])


def test_a_run_found_twice_counts_once(tmp_path):
    write_run(tmp_path / "a" / "one")
    assert len(collect_runs([tmp_path, tmp_path / "a", tmp_path / "a" / "one"]).runs) == 1


def test_linked_runs_and_folders_of_runs_are_found(tmp_path):
    write_run(tmp_path / "elsewhere" / "one")
    write_run(tmp_path / "far" / "deep" / "two")
    here = tmp_path / "here"
    here.mkdir()
    (here / "run").symlink_to(tmp_path / "elsewhere" / "one")
    (here / "all").symlink_to(tmp_path / "far")
    assert sorted(folders_of(collect_runs([here]))) == ["run", "two"]


def test_the_inside_of_a_run_is_not_searched(tmp_path):
    write_run(write_run(tmp_path / "one") / "checkpoints" / "inner")
    assert len(collect_runs([tmp_path]).runs) == 1


def test_a_run_tells_what_it_was(tmp_path):
    more = {"method": "ours", "seed": 7, "scenario": "unseen", "aligned_with": "south"}
    run = read_run(write_run(tmp_path / "one", steps=12, mask={"accelerations": [4, 8]}, **more))
    assert (run.name, run.seed, run.scenario, run.aligned_with) == ("ours", 7, "unseen", "south")
    assert (run.participants, run.accelerations, run.optimizer_steps) == (["north"], "4x+8x", 12)


def test_steps_for_weights_of_the_sites_own_are_counted_apart(tmp_path):
    folder = write_run(tmp_path / "one", steps=12)
    rows = [Measurement(n, "train", "north", "personal_steps", "", 20.0) for n in (1, 2)]
    Journal(folder / "journal.csv").write(rows)
    run = read_run(folder)
    assert (run.optimizer_steps, run.personal_steps) == (12, 40)


def test_an_older_run_lacks_only_what_it_never_wrote(tmp_path):
    folder = write_run(tmp_path / "one")
    (folder / "environment.json").unlink()
    (folder / "journal.csv").unlink()
    run = read_run(folder)
    assert (run.name, run.environment, run.aligned_with) == ("FL-MR", {}, None)
    assert (run.optimizer_steps, len(run.journal)) == (0, 0)


def test_the_environment_is_read_as_it_was_written(tmp_path):
    folder = write_run(tmp_path / "one", values=NORTH)
    assert read_run(folder).environment == json.loads((folder / "environment.json").read_text())


def test_scores_from_before_they_said_whose_weights_gave_them_are_read(tmp_path):
    said = {
        "north": "its private weights over the shared ones",
        "south": "the shared weights, completed from the run's initial ones",
        "west": "its personal weights",
    }
    values = dict.fromkeys(("north", "south", "west", "east"), (1.0,))
    path = write_run(tmp_path / "old", values=values, tested_with=said) / "scores.csv"
    old = pd.read_csv(path).drop(columns="weights")
    old.to_csv(path, index=False)
    run = read_run(path.parent)
    assert run.weights == {
        "north": "personal", "south": "global", "west": "personal", "east": "global",
    }  # fmt: skip
    start = run.scores[run.scores["method"] == "zero-filled"]
    assert set(start["weights"]) == {"none"}
    assert list(run.scores) == list(SCORE_COLUMNS)


def test_weights_of_another_word_are_a_damaged_line(tmp_path):
    path = write_run(tmp_path / "one") / "scores.csv"
    path.write_text(path.read_text().replace("global", "golbal", 1))
    with pytest.raises(DataLayoutError, match=r"line \d+: weights are golbal"):
        read_scores(path)
