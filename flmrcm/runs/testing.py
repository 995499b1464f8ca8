"""The end of a run: every site's test split judged, scores and reconstructions kept."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flmrcm.data.site import Site
from flmrcm.federation.checkpoint import Checkpoint
from flmrcm.federation.ledger import LEDGER, Ledger, list_received, list_sent
from flmrcm.federation.test_scores import RECONSTRUCTED, name_scores
from flmrcm.learning.metrics import ZERO_FILLED, VolumeScore, average_scores
from flmrcm.learning.module import ReconModule
from flmrcm.learning.records import SAVED_BY_RUNS, ScoreTable, save_volumes
from flmrcm.learning.scoring import Evaluator
from flmrcm.types import Broadcast, Measurement

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CheckpointTest:
    """What to judge, and what to keep of it.

    Attributes:
        method: what the reconstructions' rows are called.
        split: train | val | test.
        kinds: what is saved of each volume; none saves nothing.
        most: volumes saved per site; None saves all.
    """

    method: str
    split: str = "test"
    kinds: Sequence[str] = SAVED_BY_RUNS
    max_volumes: int | None = None

    def run(
        self, judge: Evaluator, module: ReconModule, sites: Mapping[str, Site], folder: Path
    ) -> Iterator[tuple[str, str, list[VolumeScore]]]:
        """Judges each site that has the split; gives (method, site, scores) as they come."""
        table = ScoreTable(folder / "scores.csv")
        for name, site in sites.items():
            if not site.has(self.split):
                log.warning("site %s has no split '%s'; it isn't judged", name, self.split)
                continue
            for method, scores in zip(
                (self.method, ZERO_FILLED), judge.test(module, site, self.split), strict=True
            ):
                table.add(method, name, scores)
                yield method, name, scores
            if self.kinds and self.max_volumes != 0:
                predictions = judge.predict(module, site, self.split)
                save_volumes(
                    predictions, folder / "reconstructions" / name, self.kinds, self.max_volumes
                )

    def run_at_sites(
        self, engine: Any, checkpoint: Checkpoint, sites: Sequence[str], folder: Path
    ) -> Iterator[tuple[str, str, list[VolumeScore]]]:
        """Has each site judge its own test volumes, whose images and names stay with it."""
        table, ledger = ScoreTable(folder / "scores.csv"), Ledger(folder / LEDGER)
        messages = dict.fromkeys(sites, Broadcast(checkpoint.round, checkpoint.weights))
        for reply in engine.judge(messages, self.max_volumes):
            message, wire = messages[reply.site], engine.wire
            ledger.write(list_sent("test", reply.site, message, wire))
            ledger.write(list_received("test", message.round, reply, wire))
            if reply.error is not None:
                log.warning("%s It isn't judged.", reply.error)
                continue
            scores = name_scores(reply.site, reply.metrics)
            for method, own in {self.method: RECONSTRUCTED, ZERO_FILLED: ZERO_FILLED}.items():
                table.add(method, reply.site, scores[own])
                yield method, reply.site, scores[own]


def build_measurements(
    round_: int, split: str, method: str, site: str, scores: list[VolumeScore]
) -> list[Measurement]:
    """Gives means over volumes as journal rows; zero-filled ones under their own metric names."""
    prefix = "zero_filled_" if method == ZERO_FILLED else ""
    return [
        Measurement(round_, split, site, f"{prefix}{metric}", convention, value)
        for (metric, convention), value in average_scores(scores).items()
    ]
