"""`flmrcm ledger` as a user types it."""

from pathlib import Path

import pytest

from flmrcm.app import main
from flmrcm.middleware.ledger import Ledger

TINY = ["train", "debug=tiny", "logger=csv", "name=small"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory, simulated_cache):
    """A folder with one run of each form of FL-MRCM."""
    root = tmp_path_factory.mktemp("ledgers")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("FLMRCM_CACHE", str(simulated_cache))
        main([*TINY, "name=latents", "strategy=fl_mrcm_latent"])
        main([*TINY, "name=images", "strategy=fl_mrcm"])
    return root / "outputs"


def shown(capsys, *words):
    main(["ledger", *map(str, words)])
    return " ".join(capsys.readouterr().out.split())


def test_what_crossed_is_summed_and_both_books_agree(trained, capsys):
    (run,) = (trained / "latents").glob("*/")
    entries = Ledger(run / "ledger.csv").read()
    total = f"{len(entries):,} objects, {sum(entry.bytes for entry in entries):,} bytes"
    said = shown(capsys, trained / "latents")
    assert f"The ledgers of both sides agree: {total}." in said
    assert {"survey", "train", "validate", "test"} == {entry.op for entry in entries}
    assert all(word in said for word in ("sim_b", "latents", "weights", "metrics", "from it"))
    assert "images" not in said


def test_every_object_is_shown_with_its_shape(trained, capsys):
    said = shown(capsys, trained / "latents", "--objects")
    assert "metrics n_examples int64 8" in said
    assert "latents latents" in said
    assert "4x1x3x3 float32 144" in said


def test_images_read_in_place_are_told_beside_the_ledger(trained, capsys):
    assert "target's images read in place: sim_" in shown(capsys, trained / "images")


def test_books_that_differ_are_told_apart(trained, capsys):
    path = next((trained / "images").glob("*/sites/*/ledger.csv"))
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]))
    said = shown(capsys, trained / "images")
    assert "Only in the sites': 0 objects, 0 bytes; only in the coordinator's: 1 objects, 8" in said
    path.write_text("".join(lines))


def damage(path):
    """Write a damaged line in the place of the second; return the file's text before."""
    text = path.read_text()
    first, _, *rest = text.splitlines(keepends=True)
    path.write_text("".join([first, "0,sim_b,train\n", *rest]))
    return text


def test_a_damaged_ledger_is_named_with_its_line_and_the_others_are_shown(trained, capsys):
    (run,) = (trained / "images").glob("*/")
    text = damage(run / "ledger.csv")
    said = shown(capsys, trained)
    assert f"not shown: {run}/ledger.csv, line 2: 3 fields, not 9." in said
    assert said.count("The ledgers of both sides agree") == 1
    with pytest.raises(SystemExit) as stopped:
        main(["ledger", str(run)])
    assert stopped.value.code == 1
    assert "ledger.csv, line 2: 3 fields" in capsys.readouterr().err
    (run / "ledger.csv").write_text(text)


@pytest.mark.parametrize("name", ["sites/sim_b/ledger.csv", "journal.csv"])
def test_a_damaged_file_beside_the_ledger_costs_its_line_alone(trained, capsys, name):
    (run,) = (trained / "images").glob("*/")
    text = damage(run / name)
    said = shown(capsys, run)
    assert f"{name}, line 2: 3 fields" in said
    assert "weights" in said
    (run / name).write_text(text)


def test_a_folder_without_ledgers_is_one_line(capsys):
    with pytest.raises(SystemExit):
        main(["ledger", "nowhere"])
    assert "nowhere: no run with a ledger below" in capsys.readouterr().err
    assert not Path("nowhere").exists()
