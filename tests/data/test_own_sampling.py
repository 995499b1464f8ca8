"""`mask=file`: what a file itself says was measured, and what is refused of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kits.factories import make_source
from kits.own_masks import (
    COLUMNS,
    LINES,
    ROWS,
    SIZE,
    adopt,
    place,
    sampling,
)
from kits.raw_files import plain_kspace, write_kspace

from flmrcm.errors import DataLayoutError
from flmrcm.mri.masks import FileMask


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(DataLayoutError) as caught:
        adopt(path, **options)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    "stored",
    [
        LINES,
        LINES.astype(bool),
        LINES[None],
        np.broadcast_to(LINES, SIZE),
        np.broadcast_to(LINES, (2, *SIZE)),
        None,
    ],
)
def test_a_mask_of_columns_may_be_stored_in_any_of_these_forms(
    tmp_path: Path, stored: np.ndarray | None
) -> None:
    more = {} if stored is None else {"mask": stored}
    path = write_kspace(place(tmp_path), plain_kspace(SIZE) * LINES, target=False, **more)
    mask, center = sampling(path)
    assert torch.equal(mask, torch.from_numpy(LINES != 0)[None])
    assert center == (ROWS, 6)


def test_each_slice_has_its_own_mask(tmp_path: Path) -> None:
    masks = np.random.default_rng(0).random((2, *SIZE)) < 0.4
    for number, more in enumerate(({"mask": masks}, {})):
        path = write_kspace(place(tmp_path / str(number)), plain_kspace(SIZE) * masks, **more)
        for index in range(2):
            assert np.array_equal(sampling(path, index).mask.numpy(), masks[index])


@pytest.mark.parametrize("stored", ["line", "plane", "none"])
def test_masks_lie_as_the_kspace_is_stored_and_are_turned_with_it(
    tmp_path: Path, stored: str
) -> None:
    kspace = plain_kspace((COLUMNS, ROWS)) * LINES[:, None]
    plane = np.broadcast_to(LINES[:, None], kspace.shape[1:])
    more = {"line": {"mask": LINES}, "plane": {"mask": plane}, "none": {}}[stored]
    path = write_kspace(place(tmp_path), kspace, phase_encoding="rows", **more)
    assert torch.equal(sampling(path).mask, torch.from_numpy(LINES != 0)[None])


def test_rows_that_were_left_out_are_samples_where_columns_are_the_phase_encoding(
    tmp_path: Path,
) -> None:
    path = write_kspace(place(tmp_path), plain_kspace((COLUMNS, ROWS)) * LINES[:, None])
    mask = sampling(path).mask
    assert torch.equal(mask, torch.from_numpy(LINES != 0)[:, None].expand(COLUMNS, ROWS))


def test_a_black_slice_has_the_mask_of_its_volume(tmp_path: Path) -> None:
    kspace = plain_kspace(SIZE, slices=3) * LINES
    kspace[0] = 0
    path = write_kspace(place(tmp_path), kspace, target=False)
    assert torch.equal(sampling(path, 0).mask, sampling(path, 1).mask)


@pytest.mark.parametrize(
    "shape", [(31,), (ROWS,), (ROWS, 31), (COLUMNS, ROWS), (3, *SIZE), (1, 1, 1, 32), ()]
)
def test_a_mask_of_another_size_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = write_kspace(place(tmp_path), plain_kspace(SIZE), mask=np.ones(shape))
    line = refusal(path)
    assert f"its 'mask' is {shape}, its k-space 16×32 with 2 slices" in line
    assert "it must be (32,), or" in line


@pytest.mark.parametrize(
    ("mask", "line"),
    [
        (np.zeros(COLUMNS), "measures nothing"),
        (np.stack([np.ones(SIZE), np.zeros(SIZE)]), "measures nothing of a slice"),
        (0.5 * LINES, "other values than 0 and 1"),
        (np.full(COLUMNS, np.nan), "other values than 0 and 1"),
    ],
)
def test_masks_that_say_nothing_are_refused(tmp_path: Path, mask: np.ndarray, line: str) -> None:
    assert line in refusal(write_kspace(place(tmp_path), plain_kspace(SIZE), mask=mask))


def test_kspace_of_zeros_is_refused(tmp_path: Path) -> None:
    path = write_kspace(place(tmp_path), 0 * plain_kspace(SIZE), target=False)
    assert "zero throughout: nothing was measured" in refusal(path)


@pytest.mark.parametrize("name", ["everything", "shifted", "the other axis"])
def test_a_mask_that_contradicts_the_kspace_is_refused(tmp_path: Path, name: str) -> None:
    square = np.zeros(COLUMNS)
    square[13:19] = square[::4] = 1
    kspace = plain_kspace((COLUMNS, COLUMNS)) * square
    mask = {
        "everything": np.ones(COLUMNS),
        "shifted": np.roll(square, 1),
        "the other axis": np.broadcast_to(square[:, None], (COLUMNS, COLUMNS)),
    }[name]
    path = write_kspace(place(tmp_path), kspace, target=False, mask=mask)
    assert "contradict each other" in refusal(path)


def test_zeros_by_chance_contradict_nothing(tmp_path: Path) -> None:
    kspace = plain_kspace(SIZE) * LINES
    kspace[:, 3, LINES != 0] = 0
    kspace[:, 5, 0] = 0
    adopt(write_kspace(place(tmp_path), kspace, target=False, mask=LINES))


def test_broken_masks_may_be_left_out(tmp_path: Path) -> None:
    write_kspace(place(tmp_path, name="a.h5"), plain_kspace(SIZE), mask=np.zeros(COLUMNS))
    path = write_kspace(place(tmp_path, name="b.h5"), plain_kspace(SIZE), mask=LINES)
    assert adopt(path, skip_broken=True).name == "b"


def test_a_drawn_mask_is_no_business_of_a_file_mask() -> None:
    with pytest.raises(TypeError, match="read with its k-space"):
        FileMask()(SIZE, 0)


def test_foreground_leaves_no_slice_of_an_unscored_volume_out(tmp_path: Path) -> None:
    path = write_kspace(place(tmp_path), plain_kspace(SIZE) * LINES, target=False)
    source = make_source(path.parents[2], mask=FileMask(), foreground=1.0)
    assert source.select_slices(source.list_volumes("test")[0]) == [0, 1]
