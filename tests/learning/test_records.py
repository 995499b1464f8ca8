"""What judging leaves on disk."""

import csv
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from flmrcm.learning.metrics import VolumeScore
from flmrcm.learning.module import Prediction
from flmrcm.learning.records import SAVED_KINDS, SCORE_COLUMNS, ScoreTable, save_volumes

SCORES = [
    VolumeScore("s/a", "psnr", "fastmri", 30.123456789012345, 4),
    VolumeScore("s/b", "ssim", "slice_max", 0.5, 3),
]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_table_holds_every_score_to_the_last_digit(tmp_path: Path) -> None:
    path = tmp_path / "new" / "scores.csv"
    table = ScoreTable(path)
    table.add("FL-MR", "here", SCORES, "personal")
    table.add("zero-filled", "there", SCORES[:1], "none")
    found = rows(path)
    assert tuple(found[0]) == SCORE_COLUMNS
    assert [(r["method"], r["site"], r["volume"]) for r in found] == [
        ("FL-MR", "here", "s/a"),
        ("FL-MR", "here", "s/b"),
        ("zero-filled", "there", "s/a"),
    ]
    assert float(found[0]["value"]) == SCORES[0].value
    assert found[1]["slices"] == "3"
    assert [r["weights"] for r in found] == ["personal", "personal", "none"]


def test_a_new_table_replaces_an_older_one(tmp_path: Path) -> None:
    ScoreTable(tmp_path / "scores.csv").add("old", "here", SCORES, "global")
    ScoreTable(tmp_path / "scores.csv")
    assert rows(tmp_path / "scores.csv") == []


def predictions() -> list[Prediction]:
    """Volumes a (3 slices), b (2), c (1), two slices at a time."""
    names = ["s/a", "s/a", "s/a", "s/b", "s/b", "s/c"]
    rng = torch.Generator().manual_seed(0)
    images, latents = torch.rand(3, 6, 8, 8, generator=rng), torch.rand(6, 4, generator=rng)
    return [
        Prediction(*images[:, i : i + 2], latents[i : i + 2], names[i : i + 2], torch.arange(2))
        for i in range(0, 6, 2)
    ]


def test_volumes_are_put_together_from_batches(tmp_path: Path) -> None:
    save_volumes(predictions(), tmp_path / "site", SAVED_KINDS)
    batches = predictions()
    with h5py.File(tmp_path / "site" / "a.h5") as file:
        assert set(file) == set(SAVED_KINDS)
        for key in ("reconstruction", "target", "input", "latent"):
            parts = [getattr(batch, key).numpy() for batch in batches]
            assert_array_equal(file[key][()], np.concatenate(parts)[:3])
        difference = np.abs(file["reconstruction"][()] - file["target"][()])
        assert_array_equal(file["error"][()], difference)
    with h5py.File(tmp_path / "site" / "b.h5") as file:
        assert file["latent"].shape == (2, 4)


@pytest.mark.parametrize(
    ("most", "written"),
    [(None, ["a", "b", "c"]), (1, ["a"]), (2, ["a", "b"]), (9, ["a", "b", "c"])],
)
def test_no_more_volumes_are_written_than_asked_for(
    tmp_path: Path, most: int | None, written: list[str]
) -> None:
    save_volumes(predictions(), tmp_path, ["reconstruction"], most)
    assert sorted(path.stem for path in tmp_path.glob("*.h5")) == written


def test_no_batch_is_computed_beyond_the_volumes_asked_for(tmp_path: Path) -> None:
    batches = iter(predictions())
    save_volumes(batches, tmp_path, ["reconstruction"], 1)
    assert len(list(batches)) == 1


def test_only_the_kinds_asked_for_are_written(tmp_path: Path) -> None:
    save_volumes(predictions(), tmp_path, ["error"])
    with h5py.File(tmp_path / "a.h5") as file:
        assert set(file) == {"error"}


def test_nothing_predicted_leaves_nothing(tmp_path: Path) -> None:
    save_volumes([], tmp_path / "site", SAVED_KINDS)
    assert not (tmp_path / "site").exists()
