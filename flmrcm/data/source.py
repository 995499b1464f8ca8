"""Which volumes an institution's folder gives to which split."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import Formatter
from typing import Protocol, cast

import numpy as np

from flmrcm.data.h5 import Volume, read_header, read_slice, read_targets
from flmrcm.errors import ConfigErrors, DataLayoutError, check_choice, require
from flmrcm.mri.masks import Mask
from flmrcm.seeding import seed_for

log = logging.getLogger(__name__)

SPLITS = ("train", "val", "test")
LAYOUT = "{contrast}/{split}/*.h5"
"""Where volumes lie below a root, unless a site says otherwise."""

FOREGROUND_LEVEL = 0.1
"""A pixel is foreground above this share of its volume's maximum."""


class DataGenerator(Protocol):
    """Makes a site's data where they aren't on disk yet."""

    def root(self) -> Path:
        """Gives the folder where the data (will) lie."""
        ...

    def ensure(self, contrast: str) -> Path:
        """Makes what is missing, then gives the folder."""
        ...


@dataclass(frozen=True)
class Source:
    """One institution's folder and what of it is used.

    Args:
        name: the institution; part of the address of its masks.
        root: the folder; None where `generator` makes the data.
        contrast: folder below the root, `T1`, `T2`.
        mask: the masks its slices are undersampled with.
        label: how tables call it; its name when None.
        files: where volumes lie below the root: a pattern with `{split}` and `{contrast}`.
        coils: single | multi | auto: which k-space and which target count.
        slices: half-open range of slice indices; None takes all.
        foreground: least share of foreground pixels a slice must have; None takes all.
        sample_rate: seeded share of the training volumes, in (0, 1].
        val_sample_rate: seeded share of the validation volumes, in (0, 1].
        share: `(k, n)` deals the volumes to n clients and takes the k-th hand.
        seed: of the sampling and the dealing.
        skip_broken: leave broken volumes out, named in the log, instead of stopping.
        generator: makes the data where they're missing.

    Raises:
        ConfigErrors: a value outside its range.
    """

    name: str
    root: Path | str | None
    contrast: str
    mask: Mask
    label: str | None = None
    files: str = LAYOUT
    coils: str = "auto"
    slices: Sequence[int] | None = None
    foreground: float | None = None
    sample_rate: float = 1.0
    val_sample_rate: float = 1.0
    share: tuple[int, int] | None = None
    seed: int = 0
    skip_broken: bool = False
    generator: DataGenerator | None = None

    def __post_init__(self) -> None:
        key = f"sites.{self.name}"
        if problems := check_choice(f"{key}.coils", self.coils, ("single", "multi", "auto")):
            raise ConfigErrors(problems)
        slices = self.slices
        require(
            {
                f"{key}.root": (
                    bool(self.root or self.generator),
                    f"says nowhere where the data lie; give {key}.root=FOLDER or data_dir=FOLDER.",
                ),
                f"{key}.files": (
                    _find_placeholders(self.files) in ({"split"}, {"split", "contrast"}),
                    f"a pattern like {LAYOUT}, {{split}} in it; got {self.files}.",
                ),
                f"{key}.slices": (
                    slices is None or (len(slices) == 2 and 0 <= slices[0] < slices[1]),
                    f"give [first, end] with 0 <= first < end, or null; got {slices}.",
                ),
                f"{key}.foreground": (
                    self.foreground is None or 0 <= self.foreground <= 1,
                    f"a share in [0, 1], or null; got {self.foreground}.",
                ),
                f"{key}.sample_rate": (
                    0 < self.sample_rate <= 1,
                    f"a share in (0, 1]; got {self.sample_rate}.",
                ),
                "val_sample_rate": (
                    0 < self.val_sample_rate <= 1,
                    f"a share in (0, 1]; got {self.val_sample_rate}.",
                ),
            }
        )

    @cached_property
    def folder(self) -> Path:
        """The folder its data lie in."""
        if self.root:
            return Path(self.root).expanduser()
        return cast(DataGenerator, self.generator).root()

    def ensure(self) -> None:
        """Has the generator make what is missing; does nothing for a folder of the user's."""
        if self.generator and not self.root:
            self.generator.ensure(self.contrast)

    def list_volumes(self, split: str) -> list[Volume]:
        """Gives the split's volumes in file order, checked against the contract.

        Raises:
            DataLayoutError: a folder or target is missing, or a volume is broken and
                `skip_broken` is off.
        """
        paths = self._take_share(self._list_files(split), split)
        rate = {"train": self.sample_rate, "val": self.val_sample_rate}.get(split, 1.0)
        paths = self._draw_sample(paths, rate, split)
        volumes = [volume for path in paths if (volume := self._read_header(path)) is not None]
        if not volumes:
            raise DataLayoutError(f"site {self.name}: every volume of split '{split}' is broken.")
        return volumes

    def has(self, split: str) -> bool:
        """Tells whether the split's folder is there and holds volumes."""
        return any(self.folder.glob(self._format_pattern(split)))

    def select_slices(self, volume: Volume) -> list[int]:
        """Gives the slices of a volume that are used."""
        first, end = self.slices or (0, volume.shape[0])
        indices = range(first, min(end, volume.shape[0]))
        if self.foreground is None:
            return list(indices)
        shares = compute_foreground_shares(volume)
        return [index for index in indices if shares[index] >= self.foreground]

    def _list_files(self, split: str) -> list[Path]:
        pattern = self._format_pattern(split)
        files = sorted(self.folder.glob(pattern))
        if not files:
            folder = (self.folder / pattern).parent
            what = "holds no .h5 files" if folder.is_dir() else "isn't there"
            layout = self.files.translate({ord("{"): "<", ord("}"): ">"})
            raise DataLayoutError(
                f"site {self.name}: {folder} {what}; the layout is <root>/{layout}. "
                f"Set sites.{self.name}.root, files or contrast."
            )
        return files

    def _format_pattern(self, split: str) -> str:
        return self.files.format(contrast=self.contrast, split=split)

    def _take_share(self, paths: list[Path], split: str) -> list[Path]:
        if self.share is None:
            return paths
        hand, hands = self.share
        order = np.random.default_rng(seed_for("deal", self.seed, self.name)).permutation
        cards = order(len(paths))
        dealt = sorted(cards[hand::hands])
        if not dealt and split != "train":
            dealt = [cards[hand % len(paths)]]  # too few to judge on: clients share them
        if not dealt:
            raise DataLayoutError(
                f"site {self.name}: {len(paths)} volumes can't be dealt to {hands} clients; "
                "lower split.count."
            )
        return [paths[index] for index in dealt]

    def _draw_sample(self, paths: list[Path], rate: float, split: str) -> list[Path]:
        count = max(1, round(rate * len(paths)))
        order = np.random.default_rng(seed_for("sample", self.seed, self.name, split)).permutation
        return [paths[index] for index in sorted(order(len(paths))[:count])]

    def _read_header(self, path: Path) -> Volume | None:
        try:
            volume = read_header(path, self.name, self.coils)
            if volume.target_key is None:
                raise DataLayoutError(
                    f"{path}: holds no target (reconstruction_esc for single-coil, "
                    "reconstruction_rss for multi-coil)."
                )
            if self.skip_broken:
                for index in range(volume.shape[0]):
                    read_slice(volume, index)
        except DataLayoutError as error:
            if not self.skip_broken:
                raise
            log.warning("skipped: %s", error)
            return None
        return volume


def _find_placeholders(pattern: str) -> set[str] | None:
    """Gives the words in braces, None where the braces don't pair."""
    try:
        return {name for _, name, _, _ in Formatter().parse(pattern) if name is not None}
    except ValueError:
        return None


def compute_foreground_shares(volume: Volume) -> np.ndarray:
    """Gives, for each slice, the share of pixels above a tenth of the volume's maximum."""
    target = read_targets(volume)
    return (target > FOREGROUND_LEVEL * target.max()).mean((1, 2))
