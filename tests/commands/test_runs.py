"""`flmrcm runs`: a line for each run that the words fit."""

import os
from pathlib import Path

import pytest
from kits.runs_on_disk import write_run

from flmrcm.app import main


@pytest.fixture(autouse=True)
def runs():
    for number, name in enumerate(("FL-MR", "FL-MRCM", "FedProx")):
        folder = write_run(Path("outputs/train") / name, name, number, 30.0 - number)
        os.utime(folder / "done", (2e9 + number, 2e9 + number))


def listed(capsys, *words):
    """Return the names of the runs, in the order shown."""
    main(["runs", *words])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    return [line[0] for line in lines if line and line[0] in ("FL-MR", "FL-MRCM", "FedProx")]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], ["FedProx", "FL-MRCM", "FL-MR"]),
        (["outputs/train", "--sort", "psnr"], ["FL-MR", "FL-MRCM", "FedProx"]),
        (["--sort", "seed", "--first", "1"], ["FL-MR"]),
        (["strategy=fl_mr,fedprox"], ["FedProx", "FL-MR"]),
    ],
)
def test_runs_are_listed_the_newest_first_or_as_asked(capsys, words, names):
    assert listed(capsys, *words) == names


@pytest.mark.parametrize("unknown", ["FL-MR", "FL-MRCM", "FedProx"])
@pytest.mark.parametrize("psnr", ["nan", None])
def test_runs_whose_psnr_is_not_known_come_last_by_psnr(capsys, unknown, psnr):
    journal = Path("outputs/train") / unknown / "journal.csv"
    lines = journal.read_text().splitlines(keepends=True)
    scores = [line for line in lines if ",psnr," in line]
    spoilt = [f"{line.rpartition(',')[0]},{psnr}\n" for line in scores if psnr]
    journal.write_text("".join([line for line in lines if line not in scores] + spoilt))
    others = [name for name in ("FL-MR", "FL-MRCM", "FedProx") if name != unknown]
    assert listed(capsys, "--sort", "psnr") == [*others, unknown]


@pytest.mark.parametrize(
    ("words", "status", "line"),
    [
        (["seed=9"], 1, "None of 3 runs fits seed=9."),
        (["nowhere"], 1, "nowhere"),
        (["--sort", "psrn"], 2, "Did you mean 'psnr'?"),
        (["--first", "0"], 2, "--first 0: a number of runs, 1 or more."),
        (["strtegy=fl_mr"], 2, "Did you mean 'strategy'?"),
    ],
)
def test_what_fits_nothing_is_one_line(said, words, status, line):
    code, text = said("runs", *words)
    assert code == status
    assert line in text


def test_looking_changes_no_file(capsys):
    before = {path: path.stat().st_mtime_ns for path in Path("outputs").rglob("*")}
    listed(capsys)
    assert before == {path: path.stat().st_mtime_ns for path in Path("outputs").rglob("*")}
