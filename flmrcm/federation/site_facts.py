"""Facts about a site's data that the coordinator may know: sizes and counts, no names."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from flmrcm.data.site import Site
from flmrcm.data.source import SPLITS
from flmrcm.data.targets import check_targets
from flmrcm.learning.metrics import SSIM_WINDOW
from flmrcm.models.reconstructor import Reconstructor

Sizes = Mapping[str, Sequence[tuple[int, int]]]


@dataclass(frozen=True)
class SiteFacts:
    """A site's data in numbers; the site itself collects them.

    Attributes:
        n_examples: training slices; 0 where it has no training split.
        n_batches: training batches in one epoch.
        splits: those in which it has volumes.
        sizes: split → (height, width) of the model's images, in pixels; of the needed splits.
        n_bytes: bytes of RAM that the slices of the needed splits take when they are cached.
        fingerprint: changes with the volumes, their sizes, slices or masks.
        incomplete: splits in which some volume has no target.
        unscored: splits in which no volume has one.
        needs_target: whether the site's loss reads targets.
    """

    n_examples: int
    n_batches: int
    splits: Sequence[str]
    sizes: Sizes = field(default_factory=dict[str, Sequence[tuple[int, int]]])
    n_bytes: int = 0
    fingerprint: str = ""
    incomplete: Sequence[str] = ()
    unscored: Sequence[str] = ()
    needs_target: bool = True

    def has(self, split: str) -> bool:
        """Return whether the site has volumes in a split."""
        return split in self.splits

    def scores(self, split: str) -> bool:
        """Return whether the site has volumes in a split that can be scored."""
        return self.has(split) and split not in self.unscored


def check_scored(site: Site, split: str) -> None:
    """Raise an error for targets of a site's split against which no score can be computed.

    Raises:
        DataLayoutError: one line for each unusable volume.
    """
    check_targets(pair for pair in site.slices(split).examples if pair[0].target_key)


def find_size_problems(
    name: str, sizes: Iterable[tuple[int, int]], model: Reconstructor
) -> list[str]:
    """Return a line for each size of a site's images that its model or the scores can't take."""
    problems: list[str] = []
    for height, width in sizes:
        if min(height, width) < SSIM_WINDOW:
            problems.append(f"site {name}: {height}×{width} images; SSIM needs 7×7.")
        if problem := model.find_size_problem(height, width):
            problems.append(problem)
    return problems


def collect_facts(site: Site, splits: Sequence[str]) -> SiteFacts:
    """Return a site's facts; every header of the needed splits is read.

    Args:
        site: whose data lie on this machine.
        splits: the needed ones.

    Raises:
        DataLayoutError: a folder or volume of a needed split is not as the contract requires.
    """
    for split in splits:
        site.check_masks(split)
    for split in filter(site.has, sorted({*splits, "test"} - {"train"})):
        check_scored(site, split)  # found at the test, it would cost the run
    for split in filter(site.has, sorted({*splits, "test"})):
        site.prepare_maps(split)
    trains, present = site.has("train"), list(filter(site.has, SPLITS))
    return SiteFacts(
        n_examples=site.n_examples,
        n_batches=site.n_batches if trains else 0,
        splits=tuple(present),
        sizes={split: sorted(site.list_image_sizes(split)) for split in splits},
        n_bytes=sum(map(site.n_bytes, splits)),
        fingerprint=site.fingerprint(),
        incomplete=tuple(split for split in present if site.list_volumes(split, scored=False)),
        unscored=tuple(split for split in present if not site.list_volumes(split, scored=True)),
        needs_target=site.loading.needs_target,
    )
