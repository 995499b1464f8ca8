"""What a site knows of its data before any is loaded, and what it refuses."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kits.factories import make_site, make_source, write_scan, write_site
from kits.raw_files import plain_kspace, write_kspace

from flmrcm.data.site import Loading, Site
from flmrcm.errors import ConfigErrors, DataLayoutError
from flmrcm.mri.masks import Equispaced, Random


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_site(tmp_path / "here")


def test_the_fingerprint_changes_with_the_data_used(root: Path) -> None:
    def fingerprint(mask: Any = None, **options: Any) -> str:
        source = replace(make_source(root, mask=mask or Random((4,))), **options)
        return Site("here", [source], Loading()).fingerprint()

    own = fingerprint()
    others = [fingerprint(Random((8,))), fingerprint(Equispaced((4,)))]
    others += [fingerprint(slices=(0, 2)), fingerprint(slices=(1, 3))]
    assert len({own, *others}) == 5
    assert own == fingerprint()
    write_scan(root / "T1" / "train" / "new.h5")
    assert fingerprint() != own


def test_no_slice_left_is_said_so(root: Path) -> None:
    site = Site("here", [make_source(root, slices=(50, 60))], Loading())
    with pytest.raises(DataLayoutError, match="site here: no slice of split 'train' is left"):
        site.train_dataloader()


def test_memory_sizes_and_label_are_known_before_loading(root: Path) -> None:
    site = make_site(root, resolution=12)
    assert site.n_bytes("train") == 7 * 16 * 16 * (8 + 4)
    assert site.list_image_sizes("train") == {(12, 12)}
    assert site.has("val")
    assert not make_site(root.parent / "nowhere").has("val")
    assert site.label == "here"
    assert Site("here", [make_source(root, label="Here & Co.")], Loading()).label == "Here & Co."


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"batch_size": 0}, r"local\.batch_size"),
        ({"resolution": 0}, r"data\.resolution"),
        ({"workers": -1}, r"compute\.workers"),
        ({"cache": "disk"}, r"data\.cache=disk: use one of off, ram"),
    ],
)
def test_values_outside_their_range_are_refused(options: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigErrors, match=key):
        Loading(**options)


@pytest.mark.parametrize("origin", ["magnitude", "magnitude+phase", "measured", None])
@pytest.mark.parametrize("share", [0.75, 1.0, None])
def test_partial_fourier_of_magnitudes_is_warned_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, origin: str | None, share: float | None
) -> None:
    more = {} if origin is None else {"kspace_origin": origin}
    for name in "ab":
        write_kspace(tmp_path / "here" / "T1" / "train" / f"{name}.h5", plain_kspace(), **more)
    with caplog.at_level(logging.WARNING):
        make_site(tmp_path / "here", Random((4,), partial_fourier=share)).check_masks("train")
    said = [line for line in caplog.messages if "made from magnitude images (2 files" in line]
    assert len(said) == (origin == "magnitude" and share == 0.75)


def test_a_site_that_is_only_tested_on_has_no_training_slice(tmp_path: Path) -> None:
    assert make_site(write_site(tmp_path / "here", {"test": (3,)})).n_examples == 0
