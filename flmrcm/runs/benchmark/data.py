"""A benchmark's data: made on this machine, and compared with what its protocol knows of them."""

import csv
from io import StringIO
from pathlib import Path

from flmrcm.config.benchmark import Protocol
from flmrcm.config.build import Builder
from flmrcm.config.sources import build_sources
from flmrcm.csv_rows import read_rows
from flmrcm.data.digest import (
    N_MARKS,
    OTHER,
    DigestDifference,
    VolumeDigest,
    compare_digests,
    digest_volume,
)
from flmrcm.data.source import SPLITS
from flmrcm.errors import DataLayoutError
from flmrcm.files import write_atomically

COLUMNS = ["volume", "sha256", "norm", *(f"mark_{number}" for number in range(N_MARKS))]


def check_data(protocol: Protocol) -> DigestDifference:
    """Make a protocol's volumes where they are missing, and compare them with its table.

    Raises:
        DataLayoutError: they differ by more than rounding; the first difference is explained.
    """
    known = read_volumes(protocol)
    difference = compare_digests(known, digest_data(protocol))
    if difference.kind == OTHER:
        raise DataLayoutError(f"benchmark {protocol.name}: {difference.text}")
    return difference


def digest_data(protocol: Protocol) -> dict[str, VolumeDigest]:
    """Make a protocol's volumes; return their digests by `setting/split/site/volume`."""
    return {name: digest_volume(path) for name, path in _make_data(protocol).items()}


def _make_data(protocol: Protocol) -> dict[str, Path]:
    paths = dict[str, Path]()
    for setting in protocol.settings:
        builder = Builder()
        sources = build_sources(protocol.compose_data(setting), builder)
        builder.raise_if_any()
        for site, source in sources.items():
            source.ensure()
            for split in filter(source.has, SPLITS):
                volumes = source.list_volumes(split)
                paths |= {f"{setting}/{split}/{site}/{v.name}": v.path for v in volumes}
    return paths


def read_volumes(protocol: Protocol) -> dict[str, VolumeDigest]:
    """Return what the protocol knows of its volumes, by `setting/split/site/volume`.

    Raises:
        DataLayoutError: its table can't be read.
    """
    try:
        rows = read_rows(protocol.table, COLUMNS, list)
        return {
            name: VolumeDigest(code, float(norm), tuple(map(float, marks)))
            for name, code, norm, *marks in rows
        }
    except (OSError, ValueError) as error:
        raise DataLayoutError(f"{protocol.table}: not readable ({error}).") from None


def write_volumes(protocol: Protocol, digests: dict[str, VolumeDigest]) -> None:
    """Write the protocol's table of volumes."""
    text = StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for name, digest in sorted(digests.items()):
        numbers = (digest.norm, *digest.marks)
        table.writerow([name, digest.sha256, *(f"{number:.9g}" for number in numbers)])
    write_atomically(protocol.table, text.getvalue())


def list_tested(protocol: Protocol) -> dict[str, set[str]]:
    """Return the protocol's test volumes, `site/volume`, by setting."""
    tested: dict[str, set[str]] = {setting: set() for setting in protocol.settings}
    for name in read_volumes(protocol):
        setting, split, place = name.split("/", 2)
        if split == "test" and setting in tested:
            tested[setting].add(place)
    return tested
