"""The volumes and slices of one institution that are used."""

import logging
from itertools import chain
from pathlib import Path

import h5py
import numpy as np
import pytest
from kits.factories import make_source, scanned, write_plain, write_scan, write_site

from flmrcm.data.h5 import write_volume
from flmrcm.data.source import Source
from flmrcm.errors import ConfigErrors, DataLayoutError


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of ten training volumes, eight to validate on and eight to test on."""
    splits = {"train": (2,) * 10, "val": (1,) * 8, "test": (1,) * 8}
    return write_site(tmp_path_factory.mktemp("data") / "ten", splits, size=(8, 8))


def names(source: Source, split: str = "train") -> list[str]:
    return [volume.name for volume in source.list_volumes(split)]


def test_volumes_come_in_file_order_and_know_their_site(ten: Path) -> None:
    volumes = make_source(ten).list_volumes("train")
    assert [volume.name for volume in volumes] == [f"train_{i}" for i in range(10)]
    assert {volume.site for volume in volumes} == {"ten"}


def test_a_missing_or_empty_folder_gives_the_expected_layout(tmp_path: Path) -> None:
    source = make_source(tmp_path / "site")
    assert not source.has("train")
    with pytest.raises(DataLayoutError, match=r"train doesn't exist; files are expected at <root>"):
        source.list_volumes("train")
    (tmp_path / "site" / "T1" / "train").mkdir(parents=True)
    assert not source.has("train")
    with pytest.raises(DataLayoutError, match=r"holds no \.h5 files.*sites\.site\.root"):
        source.list_volumes("train")


def test_a_split_is_there_when_it_holds_volumes(ten: Path) -> None:
    assert make_source(ten).has("train")
    assert not make_source(ten, contrast="T2").has("train")


def test_equal_seeds_draw_the_same_sample(ten: Path) -> None:
    half = names(make_source(ten, sample_rate=0.5))
    assert len(half) == 5
    assert half == sorted(half) == names(make_source(ten, sample_rate=0.5))
    assert {tuple(names(make_source(ten, sample_rate=0.5, seed=s))) for s in range(9)} != {
        tuple(half)
    }


def test_a_smaller_sample_is_part_of_a_larger_one(ten: Path) -> None:
    few, many = (set(names(make_source(ten, sample_rate=rate))) for rate in (0.3, 0.7))
    assert few < many


def test_each_split_has_its_own_sample_rate(ten: Path) -> None:
    source = make_source(ten, sample_rate=0.1, val_sample_rate=0.5)
    assert [len(names(source, split)) for split in ("train", "val", "test")] == [1, 4, 8]


def test_volumes_of_one_name_in_folders_of_their_own_are_refused(tmp_path: Path) -> None:
    for person in ("anna", "bert"):
        write_scan(tmp_path / "here" / "T1" / "test" / person / "scan.h5")
    write_scan(tmp_path / "here" / "T1" / "train" / "anna" / "scan.h5")
    source = make_source(tmp_path / "here", files="{contrast}/{split}/*/*.h5")
    assert names(source) == ["scan"]
    with pytest.raises(DataLayoutError, match=r"anna/scan.h5 and .*bert/scan.h5 have the same nam"):
        source.list_volumes("test")


def test_at_least_one_volume_is_drawn(ten: Path) -> None:
    assert len(names(make_source(ten, sample_rate=0.001))) == 1


@pytest.mark.parametrize("n_clients", [1, 3, 10])
def test_every_volume_belongs_to_one_client(ten: Path, n_clients: int) -> None:
    def split_over_clients() -> list[list[str]]:
        return [names(make_source(ten, share=(k, n_clients))) for k in range(n_clients)]

    parts = split_over_clients()
    assert sorted(chain.from_iterable(parts)) == names(make_source(ten))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert parts == split_over_clients()


def test_the_parts_of_clients_follow_the_data_seed(ten: Path) -> None:
    parts = {tuple(names(make_source(ten, share=(0, 3), seed=seed))) for seed in range(9)}
    assert len(parts) > 1


def test_more_clients_than_training_volumes_are_refused(ten: Path) -> None:
    with pytest.raises(DataLayoutError, match="10 volumes can't be split over 11 clients"):
        make_source(ten, share=(10, 11)).list_volumes("train")


def test_clients_share_test_volumes_that_are_too_few(ten: Path) -> None:
    assert names(make_source(ten, share=(9, 10)), "test") == names(
        make_source(ten, share=(1, 10)), "test"
    )


@pytest.mark.parametrize(
    ("slices", "expected"),
    [(None, [0, 1, 2, 3]), ((1, 3), [1, 2]), ((2, 99), [2, 3]), ((4, 9), []), ([0, 1], [0])],
)
def test_slice_ranges_are_half_open_and_clipped(
    tmp_path: Path, slices: tuple[int, int] | None, expected: list[int]
) -> None:
    volume = write_scan(tmp_path / "v.h5", n=4)
    assert make_source(tmp_path, slices=slices).select_slices(volume) == expected


def test_slices_with_too_little_foreground_are_left_out(tmp_path: Path) -> None:
    image = np.zeros((4, 8, 8), np.float32)
    image[1], image[2, :4], image[3, 0, 0] = 100, 11, 9  # whole, half, below a tenth of the peak
    write_volume(tmp_path / "v.h5", image.astype(np.complex64), image, {})
    volume = write_scan(tmp_path / "other.h5")
    volume = type(volume)(tmp_path / "v.h5", "here", (4, 1, 8, 8), "reconstruction_esc", (8, 8))
    for least, expected in ((0.0, [0, 1, 2, 3]), (0.02, [1, 2]), (0.5, [1, 2]), (0.51, [1])):
        assert make_source(tmp_path, foreground=least).select_slices(volume) == expected
    assert make_source(tmp_path, foreground=0.02, slices=(2, 4)).select_slices(volume) == [2]


def broken_site(root: Path) -> Path:
    """Write three good volumes and four broken ones, whose names say what is wrong."""
    write_site(root, {"train": (2, 2, 2)})
    folder = root / "T1" / "train"
    (folder / "a_truncated.h5").write_bytes((folder / "train_0.h5").read_bytes()[:900])
    with h5py.File(write_scan(folder / "b_nan.h5", n=3).path, "a") as file:
        file["kspace"][2, 0, 0] = np.nan
    write_plain(folder / "c_no_target.h5", kspace=scanned(2, (16, 16))[0])
    with h5py.File(folder / "d_declares_too_much.h5", "w") as file:
        file.create_dataset("kspace", (10**9, 16, 16), np.complex64)
    return root


def test_broken_volumes_and_only_they_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = make_source(broken_site(tmp_path / "site"), skip_broken=True)
    with caplog.at_level(logging.WARNING):
        assert names(source) == ["train_0", "train_1", "train_2"]
    assert len(caplog.messages) == 4
    broken = ("a_truncated", "b_nan", "c_no_target", "d_declares_too_much")
    for message, name in zip(caplog.messages, broken, strict=True):
        assert message.startswith("skipped: ")
        assert f"{name}.h5" in message


def test_a_broken_volume_stops_the_run_by_default(tmp_path: Path) -> None:
    with pytest.raises(DataLayoutError, match=r"a_truncated\.h5"):
        make_source(broken_site(tmp_path / "site")).list_volumes("train")


def test_the_missing_target_is_named(tmp_path: Path) -> None:
    write_plain(tmp_path / "T1" / "train" / "v.h5", kspace=scanned(2, (16, 16))[0])
    with pytest.raises(DataLayoutError, match=r"v\.h5: holds no target; .* reconstruction_esc"):
        make_source(tmp_path).list_volumes("train")


def test_a_split_of_broken_volumes_only_is_refused(tmp_path: Path) -> None:
    write_plain(tmp_path / "T1" / "train" / "v.h5", kspace=np.zeros(3))
    with pytest.raises(DataLayoutError, match="every volume of split 'train' is broken"):
        make_source(tmp_path, skip_broken=True).list_volumes("train")


def test_the_coils_asked_for_are_checked(ten: Path) -> None:
    assert len(make_source(ten, coils="single").list_volumes("train")) == 10
    with pytest.raises(DataLayoutError, match="single-coil, but the config says coils=multi"):
        make_source(ten, coils="multi").list_volumes("train")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"coils": "mutli"}, r"sites\.s\.coils=mutli: use one of .*Did you mean 'multi'"),
        ({"slices": (5, 5)}, r"sites\.s\.slices: give \[first, end\].*got \(5, 5\)"),
        ({"slices": (-1, 5)}, r"sites\.s\.slices"),
        ({"slices": (1, 2, 3)}, r"sites\.s\.slices"),
        ({"sample_rate": 0}, r"sites\.s\.sample_rate: give a fraction in \(0, 1\]; got 0"),
        ({"sample_rate": 1.1}, r"sites\.s\.sample_rate"),
        ({"val_sample_rate": 0}, r"val_sample_rate: give a fraction"),
        ({"root": None}, r"sites\.s\.root: the folder of the data isn't set; give sites\.s\.root"),
    ],
)
def test_values_outside_their_range_are_refused(
    tmp_path: Path, options: dict[str, object], line: str
) -> None:
    with pytest.raises(ConfigErrors, match=line):
        make_source(**({"root": tmp_path, "name": "s"} | options))


class RecordingGenerator:
    """A generator that records the contrasts it was called with."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.contrasts = folder, list[str]()

    def locate(self) -> Path:
        return self.folder

    def ensure(self, contrast: str) -> Path:
        self.contrasts.append(contrast)
        return write_site(self.folder)


def test_data_are_generated_by_ensure_and_not_before(tmp_path: Path) -> None:
    generator = RecordingGenerator(tmp_path / "generated")
    source = make_source(None, name="s", generator=generator)
    assert (source.folder, generator.contrasts) == (tmp_path / "generated", [])
    source.ensure()
    assert generator.contrasts == ["T1"]
    assert len(source.list_volumes("train")) == 2


def test_a_folder_of_the_users_is_never_generated(tmp_path: Path) -> None:
    generator = RecordingGenerator(tmp_path / "generated")
    make_source(tmp_path, generator=generator).ensure()
    assert generator.contrasts == []
