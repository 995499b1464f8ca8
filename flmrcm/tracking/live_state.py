"""The state of the live view: the newest numbers of every site, and the progress of rounds."""

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from flmrcm.federation.engine import Progress
from flmrcm.tracking.run_info import DEFAULT_CONVENTION
from flmrcm.types import Measurement

_NAN = float("nan")


@dataclass
class SiteLine:
    """The newest numbers of a site; NaN where there is none yet.

    Attributes:
        loss: of training.
        psnr: of validation, in dB, fastMRI's convention.
        ssim: of validation, fastMRI's convention.
        speed: training slices per second.
        epsilon: that training has spent.
        finished: whether the site has trained in the current round.
    """

    loss: float = _NAN
    psnr: float = _NAN
    ssim: float = _NAN
    speed: float = _NAN
    epsilon: float = _NAN
    finished: bool = False

    def update(self, row: Measurement) -> None:
        """Take the value of a row if the table has a column for it."""
        name = {"slices_per_second": "speed"}.get(row.metric, row.metric)
        convention = DEFAULT_CONVENTION if row.split == "val" else ""
        columns = {"train": ("loss", "speed", "epsilon"), "val": ("psnr", "ssim")}.get(
            row.split, ()
        )
        if name in columns and row.convention == convention:
            setattr(self, name, row.value)


@dataclass
class LiveState:
    """The content of the view.

    Attributes:
        rounds: of the whole run.
        done: number of whole rounds, with those before a resume.
        lines: by site, in the order of the table.
        activity: the progress of a site; None between rounds.
        seconds: of each round since this process began.
        round_started: start of the current round, seconds on the monotonic clock.
        work_started: slices done and time at the first progress of the site in `activity`.
    """

    rounds: int
    done: int
    lines: dict[str, SiteLine]
    activity: Progress | None = None
    seconds: list[float] = field(default_factory=list[float])
    round_started: float = field(default_factory=time.monotonic)
    work_started: tuple[int, float] = (0, 0.0)

    def find_line(self, site: str) -> SiteLine:
        """Return the line of a site; a new site gets a new line."""
        return self.lines.setdefault(site, SiteLine())

    def update_progress(self, progress: Progress, now: float) -> None:
        """Take the progress of a site; `now` is the time on the monotonic clock."""
        before, line = self.activity, self.find_line(progress.site)
        if before is None or (before.op, before.site) != (progress.op, progress.site):
            self.work_started = progress.done, now
        self.activity = progress
        if progress.op != "train":
            return
        line.loss = progress.loss if math.isfinite(progress.loss) else line.loss
        line.finished = 0 < progress.total <= progress.done
        slices, seconds = progress.done - self.work_started[0], now - self.work_started[1]
        if slices > 0 and seconds > 0:
            line.speed = slices / seconds

    def update(self, rows: Iterable[Measurement]) -> None:
        """Take measurements."""
        for row in rows:
            if row.site:
                self.find_line(row.site).update(row)

    def end_round(self, number: int, now: float) -> None:
        """End a round, counted from 0."""
        self.seconds.append(now - self.round_started)
        self.done, self.round_started, self.activity = number + 1, now, None
        for line in self.lines.values():
            line.finished = False

    def compare_last_round(self) -> float:
        """Return how many times the median of the rounds before the last one took; NaN without."""
        before = self.seconds[:-1]
        return self.seconds[-1] / median(before) if before else _NAN

    def compute_means(self) -> tuple[float, float, float]:
        """Return the means of the newest loss, PSNR and SSIM over the sites that trained.

        A pool of sites trains but isn't validated: scores are means over all sites then.
        """
        lines = list(self.lines.values())
        trained = [line for line in lines if not math.isnan(line.loss)]
        scored = [line for line in trained if not math.isnan(line.psnr)] or lines
        loss = _average([line.loss for line in trained])
        return (
            loss,
            _average([line.psnr for line in scored]),
            _average([line.ssim for line in scored]),
        )

    def estimate_seconds_left(self, now: float) -> float:
        """Return the time left, from the mean of this process's rounds; NaN in the first."""
        if not self.seconds:
            return _NAN
        missing = self.rounds - self.done
        left = missing * _average(self.seconds) - (now - self.round_started)
        return max(left, 0.0) if missing else 0.0


def _average(values: Sequence[float]) -> float:
    numbers = [value for value in values if not math.isnan(value)]
    return sum(numbers) / len(numbers) if numbers else _NAN
