"""The end of a run and `flmrcm evaluate`: test splits scored, reconstructions kept."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from flmrcm.config.setup import Setup
from flmrcm.data.site import Site
from flmrcm.federation.checkpoint import Checkpoint
from flmrcm.federation.client import PERSONAL_STEPS, PERSONAL_VOLUMES
from flmrcm.federation.rounds import Rounds
from flmrcm.federation.site_facts import SiteFacts
from flmrcm.federation.volume_scores import RECONSTRUCTED, name_scores
from flmrcm.learning.metrics import ZERO_FILLED, VolumeScore, average_scores
from flmrcm.learning.module import ReconModule
from flmrcm.learning.records import (
    GLOBAL,
    NO_WEIGHTS,
    PERSONAL,
    ScoreTable,
)
from flmrcm.learning.scoring import Evaluator
from flmrcm.run_files import RECONSTRUCTIONS, SCORES
from flmrcm.runs.kept_images import KeepImages
from flmrcm.types import Broadcast, Measurement

log = logging.getLogger(__name__)

NONE_SCORED = "reconstructed, not scored: no volume holds a target"
SOME_UNSCORED = "volumes without a target are reconstructed, not scored"


class Scored(NamedTuple):
    """The scores of one method at one site.

    Attributes:
        method: its name.
        site: whose volumes they are of.
        scores: of its volumes.
        weights: global | personal | none: whose weights gave them.
    """

    method: str
    site: str
    scores: list[VolumeScore]
    weights: str


@dataclass(frozen=True)
class CheckpointTest:
    """What of a checkpoint is tested, and what is kept of it; no federation is needed.

    Attributes:
        method: what the reconstructions' rows are called.
        split: train | val | test.
        keep: keeps images of each site's volumes; None keeps none.
    """

    method: str
    split: str = "test"
    keep: KeepImages | None = None

    def list_unscored(self, sites: Mapping[str, Site]) -> dict[str, str]:
        """Return what tables say of the sites whose volumes lack targets, all or some."""
        tested = {name: site for name, site in sites.items() if site.has(self.split)}
        return {
            name: SOME_UNSCORED if site.list_volumes(self.split, scored=True) else NONE_SCORED
            for name, site in tested.items()
            if site.list_volumes(self.split, scored=False)
        }

    def run(
        self,
        evaluator: Evaluator,
        module: ReconModule,
        sites: Mapping[str, Site],
        folder: Path,
        load: Callable[[str], str] = lambda _: GLOBAL,
    ) -> Iterator[Scored]:
        """Score each site that has the split, and return the scores as they come.

        Volumes without targets are reconstructed, not scored.

        Args:
            evaluator: scores images.
            module: tested.
            sites: by name.
            folder: of the scores.
            load: loads what a site is tested with into the module, and returns whose weights
                these are; by default the module stays as it is.
        """
        table = ScoreTable(folder / SCORES)
        for name, site in sites.items():
            if not site.has(self.split):
                log.warning("site %s has no '%s' with targets; it is not scored", name, self.split)
                continue
            weights = load(name)
            if site.list_volumes(self.split, scored=True):
                ours, zero_filled = evaluator.test(module, site, self.split)
                yield _add(table, Scored(self.method, name, ours, weights))
                yield _add(table, Scored(ZERO_FILLED, name, zero_filled, NO_WEIGHTS))
            if self.keep is not None:
                self.keep(evaluator, module, site, self.split, folder / RECONSTRUCTIONS / name)


def score_sites(
    setup: Setup,
    rounds: Rounds,
    facts: Mapping[str, SiteFacts],
    checkpoint: Checkpoint,
    folder: Path,
) -> Iterator[Scored]:
    """Have every site score its own test volumes, and return the scores as they come.

    Args:
        setup: checked.
        rounds: the federation, which has ended.
        facts: of the sites that joined.
        checkpoint: whose weights, and sites' memories, are tested.
        folder: the run's.
    """
    table, engine = ScoreTable(folder / SCORES), rounds.engine
    engine.restore(checkpoint.memory)
    message = Broadcast(checkpoint.round, checkpoint.weights)
    for sites in _group_sites(setup, facts):
        for exchange in rounds.chain.call(engine, "test", dict.fromkeys(sites, message)):
            reply = exchange.reply
            if reply.error is not None:
                log.warning("%s It is not tested.", reply.error)
                continue
            site = setup.sites[reply.site]
            volumes = site.list_volumes("test", scored=True) if engine.data_is_local else ()
            scores = name_scores(reply.site, reply.metrics, volumes)
            weights = PERSONAL if PERSONAL in scores else GLOBAL
            ours = scores.get(PERSONAL) or scores.get(RECONSTRUCTED, [])
            yield _add(table, Scored(setup.strategy.name, reply.site, ours, weights))
            zero_filled = scores.get(ZERO_FILLED, [])
            yield _add(table, Scored(ZERO_FILLED, reply.site, zero_filled, NO_WEIGHTS))


def _add(table: ScoreTable, scored: Scored) -> Scored:
    table.add(*scored)
    return scored


def describe_weights(
    private: Sequence[str], personal: bool, weights: Mapping[str, str]
) -> dict[str, str]:
    """Return in words with which weights each site is tested; nothing where all have the same.

    Args:
        private: names of the weights that stay at the sites.
        personal: whether sites train personal weights beside the global ones.
        weights: global | personal, of each site that is tested.
    """
    own = "its private weights over the shared ones"
    none = "the shared weights, completed from the run's initial ones: it has no private weights"
    if personal:
        own, none = "its personal weights", "the global weights: it has no personal ones"
    used = {site: own if kind == PERSONAL else none for site, kind in weights.items()}
    return used if private or personal else {}


def count_personal_training(
    rows: Iterable[Measurement], last_round: int, sites: Collection[str]
) -> dict[str, dict[str, int]]:
    """Return what sites have trained for themselves alone: `steps`, and the `volumes` of a round.

    Args:
        rows: of the journal.
        last_round: that counts, from 0.
        sites: that are tested with their own weights.
    """
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        if row.round > last_round or row.site not in sites or row.split != "train":
            continue
        if row.metric not in (PERSONAL_STEPS, PERSONAL_VOLUMES) or not isfinite(row.value):
            continue
        own = found.setdefault(row.site, {"steps": 0, "volumes": 0})
        if row.metric == PERSONAL_STEPS:
            own["steps"] += int(row.value)
        else:
            own["volumes"] = max(own["volumes"], int(row.value))
    return found


def describe_privacy(rows: Iterable[Measurement], unit: str) -> dict[str, str]:
    """Return what each site's training spent of the privacy of a unit, of a run's journal."""
    names = "epsilon", "delta"
    last = {(r.site, r.metric): r.value for r in rows if r.split == "train" and r.metric in names}
    return {
        site: f"ε={last[site, 'epsilon']:.3g} at δ={last[site, 'delta']:.2g} of each {unit}"
        for site in sorted({site for site, _ in last})
    }


def describe_unscored(facts: Mapping[str, SiteFacts]) -> dict[str, str]:
    """Return what tables say of the sites whose test volumes lack targets, all or some."""
    return {
        name: NONE_SCORED if "test" in fact.unscored else SOME_UNSCORED
        for name, fact in facts.items()
        if "test" in fact.incomplete
    }


def build_measurements(
    round_: int, split: str, method: str, site: str, scores: list[VolumeScore]
) -> list[Measurement]:
    """Return means over volumes as journal rows; zero-filled ones under their own metric names."""
    prefix = "zero_filled_" if method == ZERO_FILLED else ""
    return [
        Measurement(round_, split, site, f"{prefix}{metric}", convention, value)
        for (metric, convention), value in average_scores(scores).items()
    ]


def _group_sites(setup: Setup, facts: Mapping[str, SiteFacts]) -> Iterator[list[str]]:
    """Return the sites that took part, then the others; those without test volumes are named."""
    first = set(setup.plan.validation_sites)
    absent = [name for name in setup.sites if name in facts and not facts[name].has("test")]
    for name in absent:
        log.warning("site %s has no 'test' with targets; it is not scored", name)
    for name, why in describe_unscored({n: facts[n] for n in setup.sites if n in facts}).items():
        log.warning("site %s: %s", name, why)
    present = [name for name in setup.sites if name not in absent]
    yield [name for name in present if name in first]
    yield [name for name in present if name not in first]
