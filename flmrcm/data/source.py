"""The volumes of one institution: its folder, and which of its files and slices are used."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import Formatter
from typing import Protocol, cast

from flmrcm.data.choice import draw_sample, refuse_namesakes, take_share
from flmrcm.data.file_index import FileIndex, open_index
from flmrcm.data.h5 import Volume
from flmrcm.data.header_reader import HeaderReader
from flmrcm.data.phase_encoding import PHASE_ENCODINGS
from flmrcm.data.stored_sampling import needs_reconstruction
from flmrcm.data.targets import measure_foreground
from flmrcm.errors import (
    ConfigErrors,
    DataLayoutError,
    DataUnavailableError,
    check_choice,
    require,
)
from flmrcm.files import expand_home
from flmrcm.mri.masks import Mask

log = logging.getLogger(__name__)

SPLITS = ("train", "val", "test")
LAYOUT = "{contrast}/{split}/*.h5"
"""Default pattern of the files below the root folder of a site."""


class DataGenerator(Protocol):
    """Creates the data of a site if they aren't on disk yet."""

    def locate(self) -> Path:
        """Return the root folder of the data, whether they exist or not."""
        ...

    def ensure(self, contrast: str) -> Path:
        """Create the missing data of one contrast, then return the root folder."""
        ...


@dataclass(frozen=True)
class Source:
    """The folder of one institution, and the part of it that is used.

    Args:
        name: name of the institution; the seeds of its masks depend on it.
        root: root folder of the data; None if `generator` creates the data.
        contrast: `T1`, `T2`, …: name of the folder below the root.
        mask: sampling masks for its slices.
        label: name of the institution in tables; None means `name`.
        files: pattern of the files below the root, with `{split}` and, mostly, `{contrast}`.
        coils: single | multi | auto: the kind of k-space and target that is read.
        phase_encoding: columns | rows: the stored axis that masks undersample, in files that don't
            say it; None means columns.
        slices: (first, end) slice indices, the end excluded; None uses all slices.
        foreground: smallest fraction of foreground pixels that a slice must have, in [0, 1]; None
            uses all slices.
        sample_rate: fraction of the training volumes to use, drawn at random, in (0, 1].
        val_sample_rate: fraction of the validation volumes to use, drawn at random, in (0, 1].
        share: `(k, n)` splits the volumes at random over n clients and uses the part of client k.
        seed: seed of these random choices.
        skip_broken: leave broken volumes out and name them in the log, instead of stopping.
        generator: creates the data if they are missing; None for a folder of the user's.

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
    phase_encoding: str | None = None
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
        axes, asked = (*PHASE_ENCODINGS, "null"), self.phase_encoding or "null"
        problems = check_choice(f"{key}.coils", self.coils, ("single", "multi", "auto"))
        if problems := problems + check_choice(f"{key}.phase_encoding", asked, axes):
            raise ConfigErrors(problems)
        slices = self.slices
        require(
            {
                f"{key}.root": (
                    bool(self.root or self.generator),
                    f"the folder of the data isn't set; give {key}.root=FOLDER or data_dir=FOLDER.",
                ),
                f"{key}.files": (
                    _find_placeholders(self.files) in ({"split"}, {"split", "contrast"}),
                    f"give a pattern like {LAYOUT}, with {{split}} in it; got {self.files}.",
                ),
                f"{key}.slices": (
                    slices is None or (len(slices) == 2 and 0 <= slices[0] < slices[1]),
                    f"give [first, end] with 0 <= first < end, or null for all; got {slices}.",
                ),
                f"{key}.foreground": (
                    self.foreground is None or 0 <= self.foreground <= 1,
                    f"give a fraction in [0, 1], or null for all slices; got {self.foreground}.",
                ),
                f"{key}.sample_rate": (
                    0 < self.sample_rate <= 1,
                    f"give a fraction in (0, 1]; got {self.sample_rate}.",
                ),
                "val_sample_rate": (
                    0 < self.val_sample_rate <= 1,
                    f"give a fraction in (0, 1]; got {self.val_sample_rate}.",
                ),
            }
        )

    @cached_property
    def folder(self) -> Path:
        """The root folder of the data."""
        own = expand_home(self.root) if self.root else None
        return own or cast(DataGenerator, self.generator).locate()

    def ensure(self) -> None:
        """Create missing data with the generator; do nothing for a folder of the user's."""
        if self.generator and not self.root:
            self.generator.ensure(self.contrast)

    def list_examples(self, split: str) -> list[tuple[Volume, int]]:
        """Return (volume, slice index) of each slice that is used, in file order.

        What was found in the files of a big site is kept; see `file_index`. Errors are those of
        `list_volumes`.
        """
        with open_index(f"{self.folder.absolute()} {self._format_pattern(split)}") as index:
            volumes = self.list_volumes(split, index)
            return [(v, number) for v in volumes for number in self.select_slices(v, index)]

    def list_volumes(self, split: str, index: FileIndex | None = None) -> list[Volume]:
        """Return the headers of a split's volumes, sorted by path and checked.

        Args:
            split: train | val | test.
            index: what is known of its files; None opens each.

        Raises:
            DataLayoutError: a folder is missing; two files have one name; a volume can't be read at
                present; or one is broken and `skip_broken` is off. Undersampled and without target
                is broken, too, but where the files' own masks are used.
        """
        index = index or FileIndex({})
        files = refuse_namesakes(self._list_files(split, index), self.name)
        paths = take_share(files, split, self.share, self.seed, self.name)
        rate = {"train": self.sample_rate, "val": self.val_sample_rate}.get(split, 1.0)
        paths = draw_sample(paths, rate, self.seed, self.name, split)
        volumes = [
            volume for path in paths if (volume := self._find_header(index, path)) is not None
        ]
        if not volumes:
            raise DataLayoutError(
                f"site {self.name}: every volume of split '{split}' is broken; the log names each."
            )
        if n_more := sum(volume.exceeds_mask for volume in volumes):
            log.warning(
                "site %s: %d files of split '%s' hold samples outside their own masks; these are "
                "not used",
                self.name, n_more, split,
            )  # fmt: skip
        return volumes

    def has(self, split: str) -> bool:
        """Return whether the split has a file to train on, or to be tested on."""
        return any(self._find_files(split, FileIndex({})))

    def select_slices(self, volume: Volume, index: FileIndex | None = None) -> list[int]:
        """Return the indices of the slices that are used; reads targets if `foreground` is set.

        Of a volume without target `foreground` leaves none out.
        """
        first, end = self.slices or (0, volume.shape[0])
        indices = range(first, min(end, volume.shape[0]))
        if self.foreground is None or volume.target_key is None:
            return list(indices)
        index, ways = index or FileIndex({}), f"foreground {volume.target_key} {volume.is_turned}"
        shares = index.find(ways, volume.path, lambda _: measure_foreground(volume))
        return [number for number in indices if shares[number] >= self.foreground]

    def _list_files(self, split: str, index: FileIndex) -> list[Path]:
        pattern = self._format_pattern(split)
        files = sorted(self._find_files(split, index))
        n_others = sum(1 for _ in self.folder.glob(pattern)) - len(files)
        if n_others:
            log.warning(
                "site %s: %d files of split '%s' hold a mask and no target: undersampled scans to "
                "be reconstructed; nothing can be scored against them, so they are left out",
                self.name, n_others, split,
            )  # fmt: skip
        if not files:
            folder = (self.folder / pattern).parent
            kind = "files with targets" if n_others else ".h5 files"
            problem = f"holds no {kind}" if folder.is_dir() else "doesn't exist"
            layout = self.files.translate({ord("{"): "<", ord("}"): ">"})
            raise DataLayoutError(
                f"site {self.name}: {folder} {problem}; files are expected at <root>/{layout}. "
                f"Set sites.{self.name}.root, sites.{self.name}.files or contrast."
            )
        return files

    def _find_files(self, split: str, index: FileIndex) -> Iterator[Path]:
        """Yield the files of a split.

        Where masks are drawn, those to be reconstructed are left out, but an error in training.
        """
        files = self.folder.glob(self._format_pattern(split))
        if split == "train" or self.mask.from_file:
            return files
        return (path for path in files if not index.find("unscored", path, needs_reconstruction))

    def _format_pattern(self, split: str) -> str:
        return self.files.format(contrast=self.contrast, split=split)

    def _find_header(self, index: FileIndex, path: Path) -> Volume | None:
        told = self.name, self.coils, self.phase_encoding
        ways = HeaderReader(*told, self.mask.from_file, reads_slices=self.skip_broken)
        try:
            return index.find(str(ways), path, ways.read)
        except DataLayoutError as error:
            # a locked file left out would change the scores without any fault in the data
            if not self.skip_broken or isinstance(error, DataUnavailableError):
                raise
            log.warning("skipped: %s", error)
            return None


def _find_placeholders(pattern: str) -> set[str] | None:
    """Return the names in braces, or None if a brace is missing."""
    try:
        return {name for _, name, _, _ in Formatter().parse(pattern) if name is not None}
    except ValueError:
        return None
