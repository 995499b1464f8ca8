"""Which numbers of a run become curves: few by default, all of them by `logger.scalars=all`."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from flmrcm.errors import ConfigErrors, check_choice
from flmrcm.tracking.run_info import DEFAULT_CONVENTION, find_worst
from flmrcm.types import Measurement

CHOICES = ("few", "all")
MOST_SCALARS = 20
"""So many curves at most get a point in a round where `few` are asked for."""

_OF_THE_FEDERATION = 4  # mean loss, mean penalty, bytes, sites that were absent
_BY_SITE = ("val", "psnr"), ("train", "loss")


@dataclass(frozen=True)
class Scalars:
    """Chooses the numbers of a round that trackers show; the journal keeps all.

    Over the sites that trained, each metric has a mean (`val/psnr_mean`) and the value of the site
    that fares worst (`val/psnr_worst`), under fastMRI's convention; both have a gap at a round in
    which one of these sites failed or was suspended and has no score. Beside them stand the mean
    loss, the mean of a strategy's penalty, or in their place the largest ε of private training,
    the bytes that crossed in both directions, and the number of absent sites. `few` adds each
    site's PSNR, then each site's loss, as long as a round never has more than `MOST_SCALARS`;
    `all` adds every row of the journal.

    Args:
        choice: few | all.
        participants: the sites that train.
        target: validated as well; None where there is none.
        higher_is_better: by the name of each metric.
        pooled: whether the participants' data make one site.

    Raises:
        ConfigErrors: another choice.
    """

    choice: str
    participants: Sequence[str]
    target: str | None
    higher_is_better: Mapping[str, bool]
    pooled: bool = False

    def __post_init__(self) -> None:
        if problems := check_choice("logger.scalars", self.choice, CHOICES):
            raise ConfigErrors(problems)

    def select(self, rows: Iterable[Measurement]) -> list[Measurement]:
        """Return what is shown of rows of the journal, round by round."""
        rounds: dict[int, list[Measurement]] = defaultdict(list)
        for row in rows:
            rounds[row.round].append(row)
        return [
            row for number, of_round in rounds.items() for row in self._choose(number, of_round)
        ]

    def _choose(self, number: int, rows: Sequence[Measurement]) -> list[Measurement]:
        summary = [
            Measurement(number, split, "", metric, "", value)
            for split, metric, value in self._summarise(rows)
        ]
        return summary + [row for row in rows if self.choice == "all" or self._is_shown(row)]

    def _is_shown(self, row: Measurement) -> bool:
        if row.convention not in ("", DEFAULT_CONVENTION):
            return False
        return row.split == "test" or (row.split, row.metric) in self._shown_by_site

    @cached_property
    def _metrics(self) -> list[str]:
        """PSNR first, and as many more as there is room for."""
        names = sorted(self.higher_is_better, key=lambda name: name != "psnr")
        room = MOST_SCALARS - _OF_THE_FEDERATION
        return names if self.choice == "all" else names[: room // 2]

    @cached_property
    def _shown_by_site(self) -> set[tuple[str, str]]:
        """The series of which each site has a curve.

        They follow from the run's settings, not from a round: curves have no gaps.
        """
        validated = len({*self.participants, *([self.target] if self.target else [])})
        training = 1 if self.pooled else len(self.participants)
        left = MOST_SCALARS - _OF_THE_FEDERATION - 2 * len(self._metrics)
        shown: set[tuple[str, str]] = set()
        for series, count in zip(_BY_SITE, (validated, training), strict=True):
            if count <= left:
                shown.add(series)
                left -= count
        return shown

    def _summarise(self, rows: Sequence[Measurement]) -> Iterator[tuple[str, str, float]]:
        """Give split, name and value of each number of the whole federation."""
        absent = {row.site for row in rows if row.split == "participation"}
        for metric in self._metrics:
            scores = {row.site: row.value for row in rows if self._counts(row, metric)}
            values = list(scores.values())
            # means over different sites do not compare
            if values and absent.intersection(self.participants) <= scores.keys():
                worst = find_worst(values, self.higher_is_better[metric])
                yield "val", f"{metric}_mean", float(np.mean(values))
                yield "val", f"{metric}_worst", worst
        for metric in ("loss", "penalty"):
            values = [row.value for row in rows if (row.split, row.metric) == ("train", metric)]
            if any(values):  # most strategies have no penalty, and report 0
                yield "train", f"{metric}_mean", float(np.mean(values))
        spent = [row.value for row in rows if (row.split, row.metric) == ("train", "epsilon")]
        if spent:  # then there is no loss: at most 20 it stays
            yield "train", "epsilon", max(spent)
        crossed = [row.value for row in rows if row.split == "wire"]
        if crossed:
            yield "wire", "bytes", sum(crossed)
        if absent:
            yield "participation", "absent", len(absent)

    def _counts(self, row: Measurement, metric: str) -> bool:
        about = row.split, row.metric, row.convention
        return about == ("val", metric, DEFAULT_CONVENTION) and row.site in self.participants
