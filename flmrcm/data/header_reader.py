"""The header of a file as a site uses it: checked, its sampling known, its slices read if asked."""

from dataclasses import dataclass
from pathlib import Path

from flmrcm.data.h5 import Volume, read_header, read_slice
from flmrcm.data.own_sampling import adopt_own_sampling
from flmrcm.data.stored_sampling import mark_acquired_columns
from flmrcm.errors import DataLayoutError


@dataclass(frozen=True)
class HeaderReader:
    """The ways a site reads headers; the header of a file that stays depends on nothing else.

    Args:
        site: name of the institution.
        coils: single | multi | auto, see `h5.read_header`.
        phase_encoding: columns | rows, of files that don't say it; None: columns.
        own_sampling: use what a file says was measured, with or without a target; otherwise only
            fully sampled files with a target are good.
        reads_slices: read every slice, too: NaN and truncated data aren't seen before.
    """

    site: str
    coils: str = "auto"
    phase_encoding: str | None = None
    own_sampling: bool = False
    reads_slices: bool = False

    def read(self, path: Path) -> Volume:
        """Return the header of a file.

        Raises:
            DataLayoutError: the file is broken, or can't be used in this way.
        """
        header = read_header(path, self.site, self.coils, self.phase_encoding)
        volume = (adopt_own_sampling if self.own_sampling else mark_acquired_columns)(header)
        if volume.target_key is None and not self.own_sampling:
            raise DataLayoutError(
                f"{path}: holds no target; add the data set reconstruction_esc (single-coil) "
                "or reconstruction_rss (multi-coil)."
            )
        for index in range(volume.shape[0] if self.reads_slices else 0):
            read_slice(volume, index)
        return volume
