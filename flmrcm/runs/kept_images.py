"""What `flmrcm evaluate` keeps of the volumes that it tests: arrays, or files that viewers open."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from flmrcm.data.site import Site
from flmrcm.errors import DataLayoutError, check_choice
from flmrcm.learning.module import ReconModule
from flmrcm.learning.records import SAVED_KINDS, save_volumes
from flmrcm.learning.scoring import Evaluator
from flmrcm.runs.scan_images import FORMATS, reconstruct_scan
from flmrcm.runs.scans import ScanSource

log = logging.getLogger(__name__)

KeepImages = Callable[[Evaluator, ReconModule, Site, str, Path], None]
"""Keeps images of a site's volumes: evaluator, learner, site, split, and the site's folder."""

ARRAYS = "h5"
"""The format that holds whatever is saved, a data set for each kind."""

_VIEWED = "reconstruction"
"""The only kind that the other formats hold: their headers say that a network made the image."""


def find_keeping_problems(format_: str, kinds: Sequence[str]) -> list[str]:
    """Return what is wrong with the format and the kinds of images to be kept.

    Args:
        format_: `format=`, as typed.
        kinds: `save=`, as typed.
    """
    problems = check_choice("format", format_, list(FORMATS))
    problems += [line for kind in kinds for line in check_choice("save", kind, SAVED_KINDS)]
    if problems or format_ == ARRAYS or list(kinds) == [_VIEWED]:
        return problems
    others = ", ".join(kind for kind in kinds if kind != _VIEWED)
    found = f"save={others} needs format={ARRAYS}" if others else "save= names nothing"
    return [f"format={format_}: is for save=[{_VIEWED}] alone; {found}."]


def choose_keeping(
    format_: str, kinds: Sequence[str], made: Callable[[str], Mapping[str, Any]]
) -> KeepImages | None:
    """Return what keeps a site's images; None where nothing is to be kept.

    Args:
        format_: one of `FORMATS`.
        kinds: of `SAVED_KINDS`; for formats other than `ARRAYS` the reconstruction alone.
        made: of a site's name, what files say of how they were made.
    """
    if not kinds:
        return None
    return partial(_keep_arrays, kinds) if format_ == ARRAYS else partial(_write, format_, made)


def _keep_arrays(
    kinds: Sequence[str],
    evaluator: Evaluator,
    module: ReconModule,
    site: Site,
    split: str,
    folder: Path,
) -> None:
    save_volumes(evaluator.predict(module, site, split), folder, kinds)


def _write(
    format_: str,
    made: Callable[[str], Mapping[str, Any]],
    evaluator: Evaluator,
    module: ReconModule,
    site: Site,
    split: str,
    folder: Path,
) -> None:
    """Write whole scans: a volume without some of its slices would lie elsewhere."""
    masks = {source.name: source.mask for source in site.sources}
    for volume in dict.fromkeys(volume for volume, _ in site.slices(split).examples):
        source = ScanSource(volume.site, volume.path.parent, "", masks[volume.site], header=volume)
        try:
            scan = reconstruct_scan(evaluator, module, source, site.loading, made(site.name))
        except DataLayoutError as error:  # the scores are there, and other volumes may be whole
            log.warning("%s", error)
        else:
            FORMATS[format_](scan, folder / volume.name)
