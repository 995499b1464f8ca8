"""Methods are paired if they were tested alike and trained equally long; else the note says why."""

import json

import pytest
from kits.reports import NORTH, write_run

from flmrcm.reports.collected.finished_runs import read_run
from flmrcm.reports.numbers.pairing import check_pairing, read_conditions


def read(folder, site="north", **run):
    values = run.pop("values", NORTH)
    return read_conditions(read_run(write_run(folder, values=values, **run)), site, "fastmri")


@pytest.fixture
def pair(tmp_path):
    """Pair the usual run with one that differs."""

    def make(trained=True, usual=None, **other):
        one, two = read(tmp_path / "1", **(usual or {})), read(tmp_path / "2", **other)
        return check_pairing(("FL-MR", "fused"), [one], [two], trained)

    return make


def test_equal_runs_are_paired(pair):
    assert pair(seed=2, method="fused") == ("", [])


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"steps": 4608}, "optimizer steps: 100 and 4608"),
        ({"contrast": "T2"}, "contrast: T1 and T2"),
        ({"sites": {"north": {"contrast": "T2"}}}, "contrast: T1 and T2"),
        ({"mask": {"accelerations": [8]}},
         "masks: mask.accelerations=[4] and mask.accelerations=[8]"),
        ({"prints": {"north": "x"}}, "volumes or masks (their fingerprint): north-print and x"),
        ({"test": {"checkpoint": "best"}}, "checkpoint: last and best"),
        ({"evaluate": {"split": "val", "checkpoint": "a/last.pt"}}, "split: test and val"),
        ({"values": {"north": (21.0, 22.0)}},
         "scored test volumes: 3 and 2 (north/2 isn't in all)"),
        ({"convention": "published"}, "scored test volumes: 3 and 0 (north/0 isn't in all)"),
    ],
)  # fmt: skip
def test_what_differs_is_said_with_both_values(pair, other, expected):
    assert pair(**other).refusal == f"FL-MR and fused differ in {expected}"


def test_as_many_other_volumes_are_no_pair(tmp_path):
    runs = [write_run(tmp_path / name, values=NORTH) for name in ("1", "2")]
    scores = runs[1] / "scores.csv"
    scores.write_text(scores.read_text().replace("north/2", "north/9"))
    one, two = ([read_conditions(read_run(run), "north", "fastmri")] for run in runs)
    refusal = check_pairing(("FL-MR", "fused"), one, two).refusal
    assert refusal.endswith("scored test volumes: 3 and 3 (north/2 isn't in all)")


def test_all_differences_are_said_at_once(pair):
    refusal = pair(contrast="T2", steps=7).refusal
    assert refusal.endswith("contrast: T1 and T2; optimizer steps: 100 and 7")


@pytest.mark.parametrize(("steps", "paired"), [(101, True), (99, False), (102, False)])
def test_steps_may_differ_by_a_hundredth_of_the_fewer(pair, steps, paired):
    assert (pair(steps=steps).refusal == "") is paired


def test_where_steps_are_unknown_budgets_are_compared(pair):
    result = pair(usual={"budget": "epochs"}, steps=None, budget="steps")
    assert result.refusal.endswith("differ in budget: epochs and steps")


def test_what_is_not_known_is_unchecked_not_refused(pair):
    assert pair(steps=None, prints={}) == ("", ["volumes and masks", "optimizer steps"])


def test_a_checkpoint_tested_later_counts_by_its_name(pair):
    assert pair(evaluate={"checkpoint": "a/checkpoints/last.pt"}).refusal == ""


def test_zero_filled_images_have_no_training_to_compare(pair):
    assert pair(trained=False, steps=7, test={"checkpoint": "best"}) == ("", [])


def test_seeds_of_one_method_that_differ_are_refused_too(tmp_path):
    runs = [read(tmp_path / str(n), steps=n, seed=n) for n in (100, 200)]
    result = check_pairing(("FL-MR", "fused"), runs, runs[:1])
    assert result.refusal == "FL-MR and fused differ in optimizer steps: 100/200 and 100"


def test_a_sites_own_mask_counts_before_the_runs(pair):
    own = {"sites": {"north": {"mask": {"accelerations": [4]}}}, "mask": {"accelerations": [8]}}
    assert pair(**own).refusal == ""


LESIONS = {"lesion": {"title": "Lesion", "higher_is_better": True, "in_every_volume": False}}


def test_a_metric_that_some_volumes_lack_takes_none_of_them_from_the_others(tmp_path):
    whole, part = (write_run(tmp_path / name, values=NORTH) for name in ("1", "2"))
    rows = [f"{m},north,north/1,lesion,fastmri,5.0,3,global" for m in ("zero-filled", "FL-MR")]
    (part / "metrics.json").write_text(json.dumps(LESIONS))
    with (part / "scores.csv").open("a") as file:
        file.write("\n".join(rows) + "\n")
    one, two = (read_conditions(read_run(run), "north", "fastmri") for run in (whole, part))
    assert one.volumes == two.volumes == {"north/0", "north/1", "north/2"}
    (part / "metrics.json").unlink()  # a metric of which nobody says so is in every volume
    assert read_conditions(read_run(part), "north", "fastmri").volumes == {"north/1"}
