"""Which of a split's files are used: a client's part of them, and a sample of that."""

from pathlib import Path

import numpy as np

from flmrcm.errors import DataLayoutError
from flmrcm.seeding import seed_for


def refuse_namesakes(paths: list[Path], site: str) -> list[Path]:
    """Return the files of a split, each of which has a name of its own.

    Args:
        paths: of the split, sorted.
        site: whose files they are.

    Raises:
        DataLayoutError: two in different folders have one name, and would count as one volume.
    """
    first: dict[str, Path] = {}
    for path in paths:
        if (other := first.setdefault(path.stem, path)) is not path:
            raise DataLayoutError(
                f"site {site}: {other} and {path} have the same name, by which masks, scores and "
                "images of volumes are told apart; give each file a name of its own."
            )
    return paths


def take_share(
    paths: list[Path], split: str, share: tuple[int, int] | None, seed: int, site: str
) -> list[Path]:
    """Return the part of client k of n, all files split over n clients at random.

    Args:
        paths: of the split, sorted.
        split: train | val | test; in these two several clients use one file where there are fewer
            files than clients.
        share: (k, n); None takes all.
        seed: of the draw.
        site: whose files they are; the draw depends on it.

    Raises:
        DataLayoutError: too few training files.
    """
    if share is None:
        return paths
    client, n_clients = share
    order = np.random.default_rng(seed_for("deal", seed, site)).permutation(len(paths))
    part = sorted(order[client::n_clients])
    if not part and split != "train":
        part = [order[client % len(paths)]]
    if not part:
        raise DataLayoutError(
            f"site {site}: {len(paths)} volumes can't be split over {n_clients} clients; "
            "lower split.count."
        )
    return [paths[index] for index in part]


def draw_sample(paths: list[Path], rate: float, *address: object) -> list[Path]:
    """Return a random share of files, one at least, in their order.

    A smaller sample is part of every larger one.

    Args:
        paths: sorted.
        rate: in (0, 1].
        address: of the draw.
    """
    count = max(1, round(rate * len(paths)))
    order = np.random.default_rng(seed_for("sample", *address)).permutation(len(paths))
    return [paths[index] for index in sorted(order[:count])]
