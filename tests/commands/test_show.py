"""`flmrcm show`: one run, finished or not."""

from pathlib import Path

import pytest
from kits.cli import SMALL
from kits.runs_on_disk import write_run

from flmrcm.app import main


def shown(capsys, *words):
    capsys.readouterr()
    main(["show", *words])
    return " ".join(capsys.readouterr().out.split())


def test_a_real_run_is_shown_with_scores_choices_curves_and_files(hospitals, capsys):
    main(["train", *SMALL, "strategy=fl_mr", "rounds=2"])
    (run,) = Path("outputs/small").glob("*/")
    said = shown(capsys, run.name[:6])
    assert said.startswith("FL-MR · target brats · 4x · seed 1")
    assert "done, 2 rounds" in said
    for part in ("zero-filled", "rounds 2 50", "model.channels 2 32", "strategy._target_ FedAvg"):
        assert part in said
    assert "validation PSNR (dB), by round" in said
    assert "checkpoints/" in said


def test_a_failed_run_says_why_and_how_to_go_on(capsys):
    folder = write_run(Path("outputs/train/0123"))
    (folder / "done").unlink()
    (folder / "failed").write_text("sim_b: disk full\n")
    said = shown(capsys, "outputs/train/0123")
    assert "failed 2/2" in said
    assert "sim_b: disk full" in said
    assert "flmrcm train resume=outputs/train/0123" in said


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("9", "9: no run"),
        ("01", "2 runs (outputs/train/0123, outputs/train/0145)"),
        ("outputs", "2 runs"),
    ],
)
def test_no_run_and_several_are_one_line(said, name, line):
    for run in ("0123", "0145"):
        write_run(Path("outputs/train") / run)
    code, text = said("show", name)
    assert code == 1
    assert line in text


def test_a_damaged_run_says_what_is_damaged(said):
    (write_run(Path("outputs/train/0123")) / "journal.csv").write_text("round\n")
    assert "journal.csv, line 1" in said("show", "0123")[1]
