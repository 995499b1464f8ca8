"""What a coordinator may know of a site's data: sizes and counts, and no name of a volume."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flmrcm.data.site import Site
from flmrcm.data.source import SPLITS
from flmrcm.data.targets import check_targets

Sizes = Mapping[str, Sequence[tuple[int, int]]]


@dataclass(frozen=True)
class SiteFacts:
    """A site's data in numbers; the site makes them, wherever it is.

    Attributes:
        n_examples: training slices; 0 where it has no training split, or none was asked for.
        n_batches: training batches in one pass.
        splits: those it has volumes in.
        sizes: split → (height, width) of the images a model sees; of the splits asked for.
        n_bytes: memory that keeping the slices of the splits asked for takes.
        fingerprint: changes with the volumes, their sizes, slices or masks.
    """

    n_examples: int
    n_batches: int
    splits: Sequence[str]
    sizes: Sizes = field(default_factory=dict[str, Sequence[tuple[int, int]]])
    n_bytes: int = 0
    fingerprint: str = ""

    def has(self, split: str) -> bool:
        """Tells whether the site has volumes in a split."""
        return split in self.splits


def collect_facts(site: Site, splits: Sequence[str]) -> SiteFacts:
    """Reads every header of the splits that are needed.

    Raises:
        DataLayoutError: a needed folder or volume isn't as the contract asks.
    """
    for split in splits:
        site.check_masks(split)
    for split in filter(site.has, sorted({*splits, "test"} - {"train"})):
        check_targets(site.slices(split).examples)  # found at the test, it would cost the run
    trains = site.has("train")
    return SiteFacts(
        n_examples=site.n_examples if trains else 0,
        n_batches=site.n_batches if trains else 0,
        splits=tuple(filter(site.has, SPLITS)),
        sizes={split: sorted(site.list_image_sizes(split)) for split in splits},
        n_bytes=sum(map(site.n_bytes, splits)),
        fingerprint=site.fingerprint(),
    )


def parse_facts(told: Mapping[str, Any]) -> SiteFacts:
    """Gives facts that came as plain values."""
    sizes = {split: [(int(h), int(w)) for h, w in pairs] for split, pairs in told["sizes"].items()}
    return replace(SiteFacts(**told), sizes=sizes)
